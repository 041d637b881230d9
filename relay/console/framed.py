"""HTML that is not the console's own, such as a mail as it was sent: shown in a frame in which it can do nothing."""

from dataclasses import dataclass

from aiohttp import web

# No script, form or link of it works, it loads nothing, and it is of no origin: also where somebody opens it alone.
POLICY = "sandbox{allowed}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What a frame shows. `nonce` is that of a script of relay's own in it, which draws it: no other one runs."""

    html: str
    nonce: str = ""


def framed(frame: Frame) -> web.Response:
    policy = POLICY.format(allowed=" allow-scripts" if frame.nonce else "")
    if frame.nonce:
        policy += f"; script-src 'nonce-{frame.nonce}'"
    headers = {"Content-Security-Policy": policy, **HEADERS}
    return web.Response(text=frame.html, content_type="text/html", headers=headers)
