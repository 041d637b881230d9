"""The console on the operators' listener: its logins at once, all else when it is first asked for.

Until then its pages and models cost neither start nor memory.
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from relay.console.access import ConsoleAuth
from relay.console.access.browser import API, PAGES
from relay.console.command_socket import CommandSocket
from relay.console.context import Context
from relay.receiving.openapi import Address
from relay.receiving.operators import Admin, is_loopback
from relay.receiving.probes import BESIDES
from relay.receiving.request_body import expect_later

if TYPE_CHECKING:
    from relay.console.site import Console


class OpenConsole:
    """The console on the admin listener `admin`, behind authentication, and the socket of the commands."""

    def __init__(self, context: Context, admin: Admin) -> None:
        self._context = context
        self._opening = asyncio.Lock()
        self._console: Console | None = None
        self.auth = ConsoleAuth(
            context.config,
            context.store,
            context.signing,
            loopback=is_loopback(admin.host),
            clock=context.clock,
            audit=context.audit,
            render=lambda request, template, values: self._opened().render(request, template, values),
        )
        self.commands = CommandSocket(self._below(API))

    def add_to(self, app: web.Application) -> None:
        app.on_response_prepare.append(self.auth.label)
        app.add_routes(
            web.RouteDef(route.method, route.path, partial(self._ready, handler=route.handler), route.kwargs)
            for route in self.auth.routes()
        )
        app.add_subapp(PAGES, self._below(PAGES, [self._ready, self.auth.middleware]))
        app.add_subapp(API, self._below(API, [self.auth.api_middleware]))
        app[BESIDES] = self._described

    def _below(self, prefix: str, auth: Sequence[Middleware] = ()) -> web.Application:
        """Return the sub-application of this prefix, whose addresses the console knows."""

        async def serve(request: web.Request) -> web.StreamResponse:
            console = await self._open()
            return await (console.page if prefix == PAGES else console.answer)(request)

        app = web.Application(middlewares=[*auth])
        app.add_routes([web.route("*", path, serve, expect_handler=expect_later) for path in ("", "/{tail:.*}")])
        return app

    @web.middleware
    async def _ready(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.auth.is_open:
            await self._open()
        return await handler(request)

    async def _open(self) -> "Console":
        """Import and build it beside the loop: events do not wait for that."""
        async with self._opening:
            return await asyncio.to_thread(self._opened) if self._console is None else self._console

    def _opened(self) -> "Console":
        if self._console is None:
            from relay.console.site import Console  # noqa: PLC0415

            self._console = Console(self._context)
        return self._console

    async def _described(self) -> Iterable[Address]:
        return (await self._open()).described()
