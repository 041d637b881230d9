"""Limits that the connections of one listener share, and one of these: aiohttp's, by its public hooks alone.

A reverse proxy limits what one address may do. These limits keep relay alive without one.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, cast

import structlog
from aiohttp import EMPTY_PAYLOAD, web
from aiohttp.http import HttpProcessingError

from relay import metrics
from relay.log_lines import RateLimitedLog, location_of
from relay.memory import return_free_memory
from relay.receiving.peers import UNIX, Proxies, peer_in
from relay.receiving.problems import UNEXPECTED, problem

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 800
REQUEST_MEMORY = 32 * 2**20
CONNECTION_MEMORY = 2**17  # bytes of a connection's buffers, beside its request
LARGE = 8 * 2**20  # bytes that were given back, after which memory is returned to the system
KERNEL_BUFFER = 2**16  # bytes that come at once at most: the kernel would take, and one read give, four times as many
HEADERS = 3  # times that headers are in memory: as they came, as bytes and as text
PIECE = 48  # bytes that Python needs beside those of a piece, however small it is


@dataclass(eq=False)
class Guard:
    """The limits of one listener; `listener` is its name in the metrics. Times are seconds."""

    max_connections: int = MAX_CONNECTIONS
    header_timeout: float = 10.0
    idle_timeout: float = 75.0
    write_timeout: float = 20.0
    memory: int = REQUEST_MEMORY  # bytes of requests that are not answered yet
    proxies: Proxies = field(default_factory=Proxies)
    listener: str = "public"
    clock: Callable[[], float] = time.monotonic
    leaving: bool = False  # every answer is the last one of its connection
    connections: dict["GuardedConnection", None] = field(default_factory=dict)  # in the order in which they were active
    answering: int = 0  # requests, also of clients that have hung up meanwhile
    held: int = 0  # bytes

    def __post_init__(self) -> None:
        self.lines = RateLimitedLog(self.clock)
        self._left = asyncio.Event()
        self._peak = 0  # memory since some was returned to the system

    def enter(self, connection: "GuardedConnection") -> bool:
        """Count a connection. Where there are too many, close the one that is idle longest; False if none is."""
        if len(self.connections) >= self.max_connections:
            idle = next((each for each in self.connections if not each.answering), None)
            if idle is None:
                return False
            self.leave(idle)  # now, and not when its socket is closed
            idle.close_now("idle")
        self.connections[connection] = None
        self._note_peak()
        return True

    def begin(self) -> None:
        self.answering += 1

    def end(self, connection: "GuardedConnection") -> None:
        self.answering -= 1
        self.release(connection)
        self.move_to_end(connection)
        self._left.set()

    def move_to_end(self, connection: "GuardedConnection") -> None:
        """Note that it was active just now."""
        if connection in self.connections:  # else it is closed, and its handler went on
            del self.connections[connection]
            self.connections[connection] = None

    def leave(self, connection: "GuardedConnection") -> None:
        self.connections.pop(connection, None)
        self.release(connection)
        self._left.set()

    def hold(self, connection: "GuardedConnection", size: int) -> None:
        """Count bytes that came. Above the budget the largest of the requests that are still coming is refused."""
        connection.held += size
        self.held += size
        self._note_peak()
        while self.held > self.memory and connection.held:
            coming = (each for each in self.connections if each.receiving and each.held)
            largest = max(coming, key=lambda each: each.held, default=connection)
            self.release(largest)
            largest.refuse_request()

    def release(self, connection: "GuardedConnection") -> None:
        self.held -= connection.held
        connection.held = 0

    def close_idle(self) -> None:
        for connection in [*self.connections]:
            connection.close_if_idle()

    async def wait_until_empty(self) -> None:
        while self.connections or self.answering:
            self._left.clear()
            await self._left.wait()

    async def sweep(self) -> None:
        """Until cancelled: close who is late, at the latest a tenth of its time, or a second, after that."""
        while True:
            await asyncio.sleep(min(1.0, self.header_timeout / 10))
            now = self.clock()
            for connection in [*self.connections]:
                connection.close_if_late(now)
            metrics.connections.labels(self.listener).set(len(self.connections))
            metrics.request_bytes.labels(self.listener).set(self.held)
            if self._peak - self._memory >= LARGE:
                self._peak = self._memory
                return_free_memory()

    @property
    def _memory(self) -> int:
        return self.held + CONNECTION_MEMORY * len(self.connections)

    def _note_peak(self) -> None:
        self._peak = max(self._peak, self._memory)


class OutOfMemory(ConnectionError):
    """There is no room for the rest of a body."""


class GuardedConnection(web.RequestHandler):
    """One connection. Headers have a deadline from connecting, or from their first byte; so have unread answers."""

    def __init__(self, guard: Guard, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self.guard = guard
        self.peer = UNIX
        self.answering = False
        self.held = 0
        self.waiting_since = self.unread_since = inf
        self._body = EMPTY_PAYLOAD  # of the last request
        self._wire: asyncio.Transport

    @property
    def receiving(self) -> bool:
        return not (self.answering and self._body.is_eof())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast("asyncio.Transport", transport)  # uvloop's own is no subclass
        self.peer = peer_in(transport.get_extra_info("peername"))
        if not self.guard.enter(self):
            self.close_now("full")
            return
        super().connection_made(transport)
        wire = transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
        if wire.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):  # for answers that the kernel holds
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self.guard.write_timeout * 1000))
        self.waiting_since = self.guard.clock()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.guard.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if data and (self.answering or self._body.is_eof()):  # else it is the rest of a body that was refused
            if not self.answering and not self.held:
                self.waiting_since = min(self.waiting_since, self.guard.clock())
                self.guard.move_to_end(self)
            self.guard.hold(self, PIECE + len(data) * (1 if self.answering else HEADERS))
        super().data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread_since = self.guard.clock()

    def resume_writing(self) -> None:
        self.unread_since = inf
        super().resume_writing()

    def begin(self, request: web.BaseRequest) -> None:
        """Take up a request, whose handler watches the time from here."""
        self._body, self.answering, self.waiting_since = request.content, True, inf
        self.guard.begin()

    def end(self) -> None:
        """The answer is made; nothing is awaited until it is on its way."""
        self.answering = False
        self.guard.end(self)

    def refuse_request(self) -> None:
        """Give up a request for which there is no memory: with an answer, if its headers are complete."""
        if self.answering:
            self._body.set_exception(OutOfMemory())
        else:
            self.close_now("memory")

    def close_if_late(self, now: float) -> None:
        if now - self.waiting_since > self.guard.header_timeout:
            self.close_now("headers")
        elif now - self.unread_since > self.guard.write_timeout:
            self.close_now("answer")

    def close_if_idle(self) -> None:
        if not self.answering and not self.held:
            self.force_close()

    def close_now(self, reason: str) -> None:
        self.waiting_since = self.unread_since = inf
        metrics.connections_closed.labels(self.guard.listener, reason).inc()
        self.guard.lines.warning(log, "connection.closed", reason, peer=self.peer, reason=reason)
        self._wire.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        _status: int = 500,
        exc: BaseException | None = None,
        _message: str | None = None,
    ) -> web.StreamResponse:
        """Answer in place of aiohttp, whose answer and log line quote the request."""
        self.log_exception(exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, and cannot become another")
        if isinstance(exc, HttpProcessingError):
            return problem(400, "This is not a valid HTTP/1.1 request.", close=True)
        return problem(503, UNEXPECTED, close=True)

    def log_exception(self, *_args: Any, exc_info: BaseException | None = None, **_options: Any) -> None:
        if isinstance(exc_info, ConnectionError):
            return  # the client is gone
        self.guard.lines.warning(
            log,
            "request.malformed" if isinstance(exc_info, HttpProcessingError) else "request.failed",
            peer=self.peer,
            error=type(exc_info).__name__,
            place=location_of(exc_info) if exc_info else "",
        )
