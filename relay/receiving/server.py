"""The HTTP server: aiohttp's, with the patience and the silence that it lacks.

aiohttp waits for ever for a request's headers, and answers and logs malformed ones with their own bytes and a
traceback. Here every connection has a deadline, there are only so many, and malformed requests cost one line a second.
When it stops, aiohttp drops what has come of a body; here whatever was begun is read and answered.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from relay.receiving.problems import UNEXPECTED, RateLimitedLog, place, problem

MAX_CONNECTIONS = 800  # below the usual limit of 1024 open files, so that Redis, Slack and SMTP keep theirs
CUT_OFF = 0.1  # seconds that aiohttp waits, twice, for requests whose time is over

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
) -> "GuardedRunner":
    """Listen on host and port (0: any free one), or on a unix socket; `runner.addresses` says where.

    Times are seconds: until a request's headers are there, between two requests, for the rest of a refused body,
    and, in `runner.cleanup()`, for the requests in flight. Raises OSError if the address is taken.
    """
    loop = asyncio.get_running_loop()
    guard = Guard(header_timeout, max_connections, RateLimitedLog(loop.time))
    runner = GuardedRunner(app, guard, grace)
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("aiohttp's runner was set up without a server")
    server.request_handler = _watched(server.request_handler)
    logger = logging.Logger("relay.receiving.server")
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
    lines: RateLimitedLog
    leaving: bool = False  # every answer is the last one of its connection
    connections: "set[GuardedConnection]" = field(default_factory=set)
    answering: int = 0  # also to those who have hung up meanwhile
    changed: asyncio.Event = field(default_factory=asyncio.Event)  # one of the two has become less

    @property
    def quiet(self) -> bool:
        return not self.connections and not self.answering


class GuardedRunner(web.AppRunner):
    """aiohttp's runner, which closes no connection in the middle of a request."""

    def __init__(self, app: web.Application, guard: Guard, grace: float) -> None:
        super().__init__(app, shutdown_timeout=CUT_OFF)
        self._guard = guard
        self._grace = grace

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
        for connection in list(self._guard.connections):
            connection.close_if_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace if grace is None else grace):
                while not self._guard.quiet:
                    self._guard.changed.clear()
                    await self._guard.changed.wait()
        await super().cleanup()


class GuardedConnection(web.RequestHandler):
    """One connection. Its deadline runs from the first byte of a request, or from connecting, to the last header."""

    __slots__ = ("_answering", "_asking", "_deadline", "_guard")

    def __init__(self, guard: Guard, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._guard = guard
        self._asking = False  # a part of a request's headers is there
        self._answering = False
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def leaving(self) -> bool:
        return self._guard.leaving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._guard.connections.add(self)
        if len(self._guard.connections) > self._guard.max_connections:
            self._guard.lines.warning(log, "connection.refused", connections=self._guard.max_connections)
            cast("asyncio.Transport", transport).abort()  # uvloop's own is no subclass
            return
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._guard.connections.discard(self)
        self._guard.changed.set()
        self._relax()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._asking = not self._answering
        if self._deadline is None and self._asking:
            self._expect_headers()
        super().data_received(data)

    def begin(self) -> None:
        """The headers are complete; from here the handler watches the time."""
        self._asking, self._answering = False, True
        self._guard.answering += 1
        self._relax()

    def end(self) -> None:
        """The answer is made; nothing is awaited until it is on its way."""
        self._answering = False
        self._guard.answering -= 1
        self._guard.changed.set()

    def close_if_idle(self) -> None:
        if not self._asking and not self._answering:
            self.force_close()

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

    def __init__(self, lines: RateLimitedLog) -> None:
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
            response = await answer(request)
        except web.HTTPException as error:  # raised before the middlewares: an Expect header nobody knows
            if error.status < 400:
                raise
            response = problem(error.status)
        finally:
            connection.end()
        if connection.leaving:
            response.force_close()
        return response

    return watched
