"""The operators' console: pages at `/console`, and the same facts as JSON at `/api/v1`, on their own listener.

`site.py` is the table of all of it. A page is a view: one function from a question to facts (`views/`), and a template.
What operators do is an action (`actions/`). Both ask the `Context` alone.
"""
