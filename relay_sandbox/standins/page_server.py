"""What the stand-ins have in common: a page that asks for what is new, and a condition that tests wait for."""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from relay_sandbox.standins.page_guard import add_headers, only_own, policy_of

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
