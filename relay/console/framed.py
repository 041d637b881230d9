"""HTML that is not the console's own, such as a mail as it was sent: shown in a frame in which it can do nothing."""

from aiohttp import web

# No script, form or link of it works, it loads nothing, and it is of no origin: also where somebody opens it alone.
HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def framed(html: str) -> web.Response:
    return web.Response(text=html, content_type="text/html", headers=HEADERS)
