"""A sandbox of the Async Operations API: the whole of it, with real state, to try, test and develop against.

Its rooms, from the top: `api` answers, `engine` makes things happen, `simulation` says what happens, `webhooks`
reports it, `storage` remembers, `schema` is the surface of the API. `service` joins them.
"""
