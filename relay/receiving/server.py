"""The HTTP server: aiohttp's, with the patience and the silence that it lacks.

aiohttp waits for ever for a request's headers, and answers and logs malformed ones with their own bytes and a
traceback. Here every connection has a deadline, there are only so many, and malformed requests cost one line a second.
When it stops, aiohttp drops what has come of a body; here whatever was begun is read and answered.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage

from relay.receiving.accepting import BACKLOG, Accepting
from relay.receiving.connection import GuardedConnection, watched
from relay.receiving.guard import Guard
from relay.receiving.peers import address_of
from relay.receiving.problems import RateLimitedLog, location_of

MAX_HANDSHAKES = 100  # of TLS at a time, which are no connections yet
CUT_OFF = 0.1  # seconds that aiohttp waits, twice, for requests whose time is over

log = structlog.get_logger(__name__)


class Direct(Protocol):
    """Answers some requests by itself, as the application would."""

    def takes(self, method: str, path: str) -> bool: ...

    async def receive(self, request: web.BaseRequest) -> web.StreamResponse: ...


async def serve(
    app: web.Application,
    host: str | None,
    port: int,
    *,
    unix_path: str | None = None,
    reuse_port: bool = False,
    linger: float = 2.0,
    grace: float = 30.0,
    guard: Guard | None = None,
    direct: Direct | None = None,
    context: ssl.SSLContext | None = None,
) -> "GuardedRunner":
    """Listen on host and port (0: any free one), or on a unix socket; `runner.addresses` says where.

    What `direct` takes goes there at once, and not through the application. With a `context` it speaks TLS alone.

    `guard` bounds what all of it may take. Times are seconds: for the rest of a refused body, and, in
    `runner.cleanup()`, for the requests in flight. Raises OSError if the address is taken.
    """
    loop, guard = asyncio.get_running_loop(), guard or Guard()
    runner = GuardedRunner(app, guard, grace)
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("aiohttp's runner was set up without a server")
    if direct:
        _shorten(server, direct)
    server.request_handler = watched(server.request_handler)
    logger = logging.Logger("relay.receiving.server")
    logger.addHandler(_Quiet(guard.lines))

    def connect() -> GuardedConnection:
        return GuardedConnection(
            guard, server, loop=loop, keepalive_timeout=guard.idle_timeout, lingering_time=linger,
            logger=logger, access_log=None, auto_decompress=False,
        )  # fmt: skip

    async def shake(client: socket.socket) -> None:
        # A client need not answer the end of TLS, and may not read it: it is waited for as long as for a body's rest.
        await loop.connect_accepted_socket(
            connect, client, ssl=context, ssl_handshake_timeout=guard.header_timeout, ssl_shutdown_timeout=linger
        )

    async def listen() -> asyncio.Server | Accepting:
        if unix_path is not None:
            return await loop.create_unix_server(connect, unix_path)
        bound = await loop.create_server(
            connect, host, port, reuse_port=reuse_port or None, backlog=BACKLOG, start_serving=context is None
        )
        return Accepting(bound, shake, min(MAX_HANDSHAKES, guard.admission.most)) if context else bound

    try:
        await _Site(runner, listen).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner


def _shorten(server: web.Server, direct: Direct) -> None:
    """Ask the application for nothing that goes past it, not even for a request of its kind."""
    make, through = server.request_factory, server.request_handler

    def made(message: RawRequestMessage, *rest: Any) -> web.BaseRequest:
        if direct.takes(message.method, message.path):
            payload, protocol, writer, task = rest
            return web.BaseRequest(message, payload, protocol, writer, task, protocol._loop)
        return make(message, *rest)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return await (direct.receive if type(request) is web.BaseRequest else through)(request)

    server.request_factory, server.request_handler = made, answer


class GuardedRunner(web.AppRunner):
    """aiohttp's runner, which closes no connection in the middle of a request."""

    def __init__(self, app: web.Application, guard: Guard, grace: float) -> None:
        super().__init__(app, shutdown_timeout=CUT_OFF)
        self._guard = guard
        self._grace = grace
        self._sweeping = asyncio.create_task(guard.sweep())

    def leave(self) -> None:
        """Let every answer from now on say that its connection ends there: the next request goes elsewhere.

        New connections are taken as before, and idle ones stay open: who keeps one may be about to use it.
        """
        self._guard.leaving = True

    async def cleanup(self, grace: float | None = None) -> None:
        """Listen no more; close what is idle now, the rest after its answer, and after `grace` seconds what is left."""
        self.leave()
        for site in self.sites:
            await site.stop()
        await asyncio.sleep(0)  # a request that has come is no idle connection
        for connection in [*self._guard.connections]:
            connection.close_if_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace if grace is None else grace):
                while not self._guard.quiet:
                    self._guard.changed.clear()
                    await self._guard.changed.wait()
        self._sweeping.cancel()
        await super().cleanup()


class _Quiet(logging.Handler):
    """Takes what aiohttp would log in full, and says that it happened."""

    def __init__(self, lines: RateLimitedLog) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, ConnectionError):
            return  # whoever asked is gone, which is no fault of anybody here
        event = "request.malformed" if isinstance(error, HttpProcessingError) else "request.failed"
        peer = address_of(next(iter(record.args), "")) if isinstance(record.args, tuple) else ""
        self._lines.warning(
            log, event, peer=peer, error=type(error).__name__, place=location_of(error) if error else ""
        )


class _Site(web.BaseSite):
    """A listening socket that the runner closes first when it is cleaned up."""

    def __init__(self, runner: web.AppRunner, listen: Callable[[], Awaitable[asyncio.Server | Accepting]]) -> None:
        super().__init__(runner)
        self._listen = listen

    @property
    def name(self) -> str:
        return "relay"

    async def start(self) -> None:
        await super().start()
        self._server = await self._listen()  # type: ignore[assignment] # aiohttp asks for its sockets, and closes it
