"""What keeps other web pages out of the stand-ins, which ask nobody for a login.

A page on the internet can name a host of its own that leads to 127.0.0.1 (DNS rebinding), and then reads what is served
here as if it were its own; or it can send a form here without reading the answer. Neither can choose the headers Host
and Origin. What a page may load and run is said in its answer (CSP), where no script of a mail or a message is named.
"""

import hashlib
import ipaddress
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import hdrs, web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def policy_of(page: str) -> str:
    """The CSP of a page that is one file: its own scripts run, by their hashes, and nothing comes from elsewhere."""
    digests = (hashlib.sha256(script.encode()).digest() for script in SCRIPT.findall(page))
    scripts = " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@web.middleware
async def only_own(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse who came by a name that is not this server's, and what another site's page sends."""
    host = request.headers.get(hdrs.HOST, "")
    if not is_own_name(_name(host)):
        raise web.HTTPMisdirectedRequest(text=f"No page is shown under the name {_name(host)!r}. Use an address.")
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and origin.partition("://")[2] != host:
        raise web.HTTPForbidden(text="Pages of other sites may send nothing here.")
    return await handler(request)


def is_own_name(name: str) -> bool:
    """Whether a stranger cannot have chosen this name: an address, this machine, or a name without a domain, such as
    that of a service beside this one."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(re.fullmatch(r"[a-z0-9_-]+", name))
    return True


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _name(host: str) -> str:
    """The name in a Host header, which may hold a port and brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
