"""A page that asks for what is new, kept from other web pages, and a condition that tests wait for."""

import asyncio
import hashlib
import ipaddress
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self
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
    """Return whether no stranger can have chosen this name: an address, this machine, or a name without a domain."""
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


Json = dict[str, Any]


class PageServer:
    """`async with` starts it on a free port. A subclass has `start`, which serves its own application."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def wait_for(self, predicate: Callable[[], bool], timeout: float = 10.0) -> None:  # noqa: ASYNC109
        """Until the predicate holds, checked after every change; TimeoutError if it never does."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(predicate)

    async def _serve(self, app: web.Application, page: Callable[[], str], host: str, port: int) -> str:
        """Serve this application with the page at `/`; the page's address. Port 0 takes a free one."""

        async def show(_request: web.Request) -> web.Response:
            text = page()
            headers = {"Content-Security-Policy": policy_of(text)}
            return web.Response(text=text, content_type="text/html", headers=headers)

        app.router.add_get("/", show)
        app.middlewares.append(only_own)
        app.on_response_prepare.append(add_headers)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        return f"http://{host}:{self._runner.addresses[0][1]}/"


def news(request: web.Request, version: int | str, document: Callable[[], Mapping[str, Any]]) -> web.Response:
    """The document with its version, or 204 if it is still the one of `?seen=`."""
    if request.query.get("seen") == str(version):
        return web.Response(status=204)
    return web.json_response({"version": version, **document()})
