"""One connection of the HTTP server: aiohttp's, with a deadline for headers, a limit, and an orderly end.

Deadlines are looked at together, in sweeps: a timer for each request would cost more than its headers.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from relay.receiving.problems import UNEXPECTED, RateLimitedLog, problem

log = structlog.get_logger(__name__)

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class Guard:
    """What the connections of one server share."""

    header_timeout: float
    idle_timeout: float
    max_connections: int
    lines: RateLimitedLog
    leaving: bool = False  # every answer is the last one of its connection
    connections: "set[GuardedConnection]" = field(default_factory=set)
    answering: int = 0  # also to those who have hung up meanwhile
    changed: asyncio.Event = field(default_factory=asyncio.Event)  # one of the two has become less

    @property
    def quiet(self) -> bool:
        return not self.connections and not self.answering

    async def sweep(self) -> None:
        """Until it is cancelled: give up who is late, at the latest a tenth of its time, or a second, after that."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(min(1.0, self.header_timeout / 10))
            late, unread = clock() - self.header_timeout, clock() - self.idle_timeout
            for connection in [*self.connections]:
                if connection.waiting_since < late:
                    connection.give_up(self.header_timeout)
                elif connection.unread_since < unread:
                    connection.give_up(self.idle_timeout)


class GuardedConnection(web.RequestHandler):
    """One connection. Its deadline runs from the first byte of a request, or from connecting, to the last header.

    Another one is for those who do not read their answers: aiohttp waits for them as long as they like.
    """

    __slots__ = ("_answering", "_asking", "_clock", "_guard", "unread_since", "waiting_since")

    def __init__(self, guard: Guard, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._guard = guard
        self._asking = False  # a part of a request's headers is there
        self._answering = False
        self._clock = self._loop.time
        self.waiting_since = inf  # for headers; on the loop's clock
        self.unread_since = inf  # more of an answer than goes on its way by itself

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
        self.waiting_since = self._clock()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._guard.connections.discard(self)
        self._guard.changed.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._asking = not self._answering
        if self._asking and self.waiting_since == inf:
            self.waiting_since = self._clock()
        super().data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread_since = self._clock()

    def resume_writing(self) -> None:
        self.unread_since = inf
        super().resume_writing()

    def begin(self) -> None:
        """The headers are complete; from here the handler watches the time."""
        self._asking, self._answering = False, True
        self._guard.answering += 1
        self.waiting_since = inf

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

    def give_up(self, seconds: float) -> None:
        self.waiting_since = self.unread_since = inf
        if self.transport is not None:
            self._guard.lines.warning(log, "connection.too_slow", seconds=seconds)
            self.transport.abort()


def watched(answer: Answer) -> Answer:
    async def tracked(request: web.BaseRequest) -> web.StreamResponse:
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

    return tracked
