"""The HTTP server: aiohttp's, with the patience and the silence that it lacks.

aiohttp waits for ever for a request's headers, and answers and logs malformed ones with their own bytes and a
traceback. Here every connection has a deadline, there are only so many, and malformed requests cost one line a second.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from relay.problems import UNEXPECTED, Sparingly, place, problem

MAX_CONNECTIONS = 800  # below the usual limit of 1024 open files, so that Redis, Slack and SMTP keep theirs

log = structlog.get_logger(__name__)


async def serve(
    app: web.Application,
    host: str | None,
    port: int,
    *,
    unix_path: str | None = None,
    reuse_port: bool = False,
    header_timeout: float = 10.0,
    idle_timeout: float = 75.0,
    linger: float = 2.0,
    grace: float = 30.0,
    max_connections: int = MAX_CONNECTIONS,
) -> web.AppRunner:
    """Listen on host and port (0: any free one), or on a unix socket; `runner.addresses` says where.

    Times are seconds: until a request's headers are there, between two requests, for the rest of a refused body,
    and, in `runner.cleanup()`, for the requests in flight. Raises OSError if the address is taken.
    """
    runner = web.AppRunner(app, shutdown_timeout=grace)
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("aiohttp's runner was set up without a server")
    loop = asyncio.get_running_loop()
    guard = Guard(header_timeout, max_connections, Sparingly(loop.time))
    server.request_handler = _watched(server.request_handler)
    logger = logging.Logger("relay.httpguard")
    logger.addHandler(_Quiet(guard.lines))

    def connect() -> GuardedConnection:
        return GuardedConnection(
            guard, server, loop=loop, keepalive_timeout=idle_timeout, lingering_time=linger,
            logger=logger, access_log=None, auto_decompress=False,
        )  # fmt: skip

    async def listen() -> asyncio.Server:
        if unix_path is not None:
            return await loop.create_unix_server(connect, unix_path)
        return await loop.create_server(connect, host, port, reuse_port=reuse_port or None, backlog=512)

    try:
        await _Site(runner, listen).start()
    except BaseException:
        await runner.cleanup()
        raise
    return runner


@dataclass
class Guard:
    """What the connections of one server share."""

    header_timeout: float
    max_connections: int
    lines: Sparingly
    connections: int = 0


class GuardedConnection(web.RequestHandler):
    """One connection. Its deadline runs from the first byte of a request, or from connecting, to the last header."""

    __slots__ = ("_answering", "_deadline", "_guard")

    def __init__(self, guard: Guard, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._guard = guard
        self._answering = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._guard.connections += 1
        if self._guard.connections > self._guard.max_connections:
            self._guard.lines.warning(log, "connection.refused", connections=self._guard.max_connections)
            cast("asyncio.Transport", transport).abort()  # uvloop's own is no subclass
            return
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._guard.connections -= 1
        self._relax()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and not self._answering:
            self._expect_headers()
        super().data_received(data)

    def begin(self) -> None:
        """The headers are complete; from here the handler watches the time."""
        self._answering = True
        self._relax()

    def end(self) -> None:
        self._answering = False

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)  # logs, and raises if an answer has begun
        if isinstance(exc, HttpProcessingError):
            return problem(400, "This is not a valid HTTP/1.1 request.", close=True)
        return problem(503, UNEXPECTED, close=True)

    def _expect_headers(self) -> None:
        self._deadline = asyncio.get_running_loop().call_later(self._guard.header_timeout, self._give_up)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.transport is not None:
            self._guard.lines.warning(log, "connection.too_slow", seconds=self._guard.header_timeout)
            self.transport.abort()


class _Quiet(logging.Handler):
    """Takes what aiohttp would log in full, and says that it happened."""

    def __init__(self, lines: Sparingly) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        event = "request.malformed" if isinstance(error, HttpProcessingError) else "request.failed"
        self._lines.warning(log, event, error=type(error).__name__, place=place(error) if error else "")


class _Site(web.BaseSite):
    """A listening socket that the runner closes first when it is cleaned up."""

    def __init__(self, runner: web.AppRunner, listen: Callable[[], Awaitable[asyncio.Server]]) -> None:
        super().__init__(runner)
        self._listen = listen

    @property
    def name(self) -> str:
        return "relay"

    async def start(self) -> None:
        await super().start()
        self._server = await self._listen()


_Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def _watched(answer: _Answer) -> _Answer:
    async def watched(request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        if not isinstance(connection, GuardedConnection):
            return await answer(request)
        connection.begin()
        try:
            return await answer(request)
        except web.HTTPException as error:  # raised before the middlewares: an Expect header nobody knows
            if error.status < 400:
                raise
            return problem(error.status)
        finally:
            connection.end()

    return watched
