"""One connection of the HTTP server: aiohttp's, by its public hooks alone, within the limits of a guard."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, cast

import structlog
from aiohttp import EMPTY_PAYLOAD, HttpVersion11, hdrs, web
from aiohttp.http import HttpProcessingError

from relay import metrics
from relay.log_lines import location_of
from relay.receiving.guard import Guard
from relay.receiving.peers import UNIX, peer_in
from relay.receiving.problems import UNEXPECTED, problem

log = structlog.get_logger(__name__)

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

ONLY_CHUNKED = "The only Transfer-Encoding that is understood here is chunked, once and alone."
TOO_OLD = "HTTP/1.0 has no Transfer-Encoding. Send HTTP/1.1, or a Content-Length."
FORWARDED = "X-Forwarded-For"
KERNEL_BUFFER = 2**16  # bytes that come at once at most: the kernel would take, and one read give, four times as many
HEADERS = 3  # times that headers are in memory: as they came, as bytes and as text
PIECE = 48  # bytes that Python needs beside those of a piece, however small it is


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
        self._wire.abort()  # TLS would wait for an answer to its farewell

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
        event = "request.malformed" if isinstance(exc_info, HttpProcessingError) else "request.failed"
        source_line = location_of(exc_info) if exc_info else ""
        self.guard.lines.warning(log, event, peer=self.peer, error=type(exc_info).__name__, place=source_line)


def client_of(request: web.BaseRequest) -> str:
    """Return the peer of a request, or the address that a trusted proxy names. For the log; never raises."""
    connection = request.protocol
    if not isinstance(connection, GuardedConnection):
        return peer_in(request.transport and request.transport.get_extra_info("peername"))
    return connection.guard.proxies.client(connection.peer, request.headers.getall(FORWARDED, ()))


def by_trusted_proxy(request: web.BaseRequest) -> bool:
    """Return whether the peer itself is a trusted proxy, so that its own headers count."""
    connection = request.protocol
    return isinstance(connection, GuardedConnection) and connection.peer in connection.guard.proxies


def watched(answer: Answer) -> Answer:
    """Wrap the handler of a server, around all middlewares, in what a connection must know of its requests."""

    async def tracked(request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        if not isinstance(connection, GuardedConnection):
            return await answer(request)
        connection.begin(request)
        try:
            response = _ambiguous(request) or await answer(request)
        except (web.HTTPExpectationFailed, UnicodeEncodeError):  # raised before the middlewares; aiohttp repeats such
            response = problem(417)  # a header, and cannot where it is no UTF-8
        finally:
            connection.end()
        if connection.guard.leaving or (response.status >= 400 and _unasked(request)):
            response.force_close()
        return response

    return tracked


def _ambiguous(request: web.BaseRequest) -> web.StreamResponse | None:
    """Refuse a body that proxies on the way could read in another way (RFC 9112, section 6.1); None for all others."""
    if hdrs.TRANSFER_ENCODING not in request.headers:
        return None
    if request.version < HttpVersion11:
        return problem(400, TOO_OLD, close=True)
    codings = [coding.strip(" \t").lower() for coding in request.headers.getall(hdrs.TRANSFER_ENCODING)]
    return None if codings == ["chunked"] else problem(501, ONLY_CHUNKED, close=True)


def _unasked(request: web.BaseRequest) -> bool:
    """Return whether its sender waits to be asked for a body: what it sends next may be that or no more."""
    return hdrs.EXPECT in request.headers and not request.content.is_eof()
