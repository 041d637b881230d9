"""The operators' console: pages at `/console` and the same facts as JSON at `/api/v1`, listed in `site.py`."""
