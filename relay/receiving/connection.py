"""One connection of the HTTP server: aiohttp's protocol, by its public hooks alone, with deadlines and a place."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, cast

import structlog
from aiohttp import EMPTY_PAYLOAD, HttpVersion11, hdrs, web
from aiohttp.http import HttpProcessingError

from relay import metrics
from relay.receiving.guard import PEER, Guard
from relay.receiving.peers import UNIX, peer_in
from relay.receiving.problems import UNEXPECTED, location_of, problem

log = structlog.get_logger(__name__)

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

CROWDED = "relay has as many connections at present as it can take. Send it again."
ONLY_CHUNKED = "The only Transfer-Encoding that is understood here is chunked, once and alone."
TOO_OLD = "HTTP/1.0 has no Transfer-Encoding. Send HTTP/1.1, or a Content-Length."
FORWARDED = "X-Forwarded-For"
MOST_HEADERS = 32 * 1024  # bytes of all headers together: memory that a stranger gets before anything is known of it
TOO_MUCH = f"The headers may have up to {MOST_HEADERS} bytes, all together."
KERNEL_BUFFER = 2**16  # bytes that come at once at most: the kernel would take, and one read give, four times as many
CHUNKING = 5  # bytes around each of a body that comes in the smallest chunks


class GuardedConnection(web.RequestHandler):
    """One connection. Headers have a deadline from connecting, or from their first byte; so have unread answers.

    Until its headers are complete it is idle. The kernel gives up what it holds for non-readers (TCP_USER_TIMEOUT).
    """

    def __init__(self, guard: Guard, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self.guard = guard
        self.peer = UNIX
        self.owner = self.obstacle = ""
        self.answering = False
        self.idle_since = self.waiting_since = self.unread_since = inf
        self._held = 0  # bytes of a body, until it is answered
        self._body = EMPTY_PAYLOAD  # of the last request
        self._received = 0  # bytes of the request under way
        self._tail: bytes | None = b""  # the last bytes of headers that are not complete; None once they are
        self._wire: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast("asyncio.Transport", transport)  # uvloop's own is no subclass
        self.peer = peer_in(transport.get_extra_info("peername"))
        self.owner = self.guard.owner(self.peer)
        if reason := self.guard.enter(self):
            self._count_refusal(reason)
            self._wire.abort()
            return
        super().connection_made(transport)
        wire = transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
        if wire.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self.guard.write_timeout * 1000))
        self.waiting_since = self.idle_since = self.guard.clock()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.guard.leave(self)
        if isinstance(exc, OSError) and exc.errno == errno.ETIMEDOUT:
            self._give_up("answer", self.guard.write_timeout)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.answering or self._body.is_eof():  # else it is the rest of a body that was refused, and not kept
            self._received += len(data)
        if data and self._tail is not None and self._body.is_eof():
            self._await_headers(data)
        super().data_received(data)
        if self.answering and not self._body.is_eof():
            size = self._body.total_bytes
            if self._received - size > MOST_HEADERS + CHUNKING * size:  # headers may also follow a body in chunks
                self._refuse_headers()

    def _await_headers(self, data: bytes) -> None:
        begins = not self._tail
        if begins:
            if not (data := data.lstrip(b"\r\n")):
                return
            self.waiting_since = min(self.waiting_since, self.guard.clock())
        data = (self._tail or b"") + data
        end = data.find(b"\r\n\r\n")
        if self._received - (len(data) - end if end >= 0 else 0) > MOST_HEADERS:
            self._wire.write(_raw(problem(431, TOO_MUCH)))
            self._refuse_headers()
        elif end >= 0:  # it is a request now, which its handler takes up soon
            self._tail = None
            self.guard.idle.pop(self, None)
        else:
            self._tail = data[-3:]
            if begins:
                self.guard.rest(self)

    def _refuse_headers(self) -> None:
        metrics.connections_given_up.labels(self.guard.listener, "headers").inc()
        self.guard.lines.warning(log, "request.malformed", peer=self.peer, reason=TOO_MUCH)
        self.force_close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread_since = self.guard.clock()

    def resume_writing(self) -> None:
        self.unread_since = inf
        super().resume_writing()

    def begin(self, request: web.BaseRequest) -> str:
        """Take up a request, whose handler watches the time from here. Return the reason where it has to be a probe."""
        self._body, self._tail = request.content, None
        self.answering, self.waiting_since = True, inf
        return self.guard.begin(self)

    def end(self) -> None:
        """The answer is made; nothing is awaited until it is on its way."""
        self.answering, self._received, self._tail, self.idle_since = False, 0, b"", self.guard.clock()
        self.guard.bodies.give_back(self._held)
        self._held = 0
        self.guard.end(self)

    def hold(self, size: int) -> None:
        """Count so many bytes more of a body, until the request is answered. HttpProblem if there is no room."""
        self.guard.bodies.take(size, self._held + size)
        self._held += size

    def close_if_idle(self) -> None:
        if self in self.guard.idle and not self._tail:
            self.force_close()

    def evict(self) -> None:
        self.guard.evicted.inc()
        idle = round(self.guard.clock() - self.idle_since, 1)
        self.guard.lines.warning(log, "connection.evicted", peer=self.peer, idle=idle, limit=self.guard.max_connections)
        self._wire.abort()  # nothing is on its way, and TLS would wait for an answer to its farewell

    def give_up_if_late(self, now: float) -> None:
        if now - self.waiting_since > self.guard.header_timeout:
            self._give_up("headers", self.guard.header_timeout)
        elif now - self.unread_since > self.guard.write_timeout:
            self._give_up("answer", self.guard.write_timeout)

    def _give_up(self, awaited: str, seconds: float) -> None:
        self.waiting_since = self.unread_since = inf
        metrics.connections_given_up.labels(self.guard.listener, awaited).inc()
        self.guard.lines.warning(log, "connection.too_slow", peer=self.peer, awaited=awaited, seconds=seconds)
        self._wire.abort()

    def crowded_out(self, reason: str) -> web.Response:
        """Answer a request for more than a probe, while there is no place for it."""
        self._count_refusal(reason)
        return problem(503, CROWDED, close=True)

    def _count_refusal(self, reason: str) -> None:
        limit = self.guard.share if reason == PEER else self.guard.max_connections
        metrics.connections_refused.labels(self.guard.listener, reason).inc()
        self.guard.lines.warning(log, "connection.refused", reason, peer=self.peer, reason=reason, limit=limit)

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
            return  # the client is gone, which is nobody's fault
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
        guard, reason = connection.guard, connection.begin(request)
        try:
            if refusal := _ambiguous(request):
                guard.lines.warning(log, "request.malformed", peer=connection.peer, reason="Transfer-Encoding")
                response: web.StreamResponse = refusal
            elif reason and request.path not in guard.probes:
                response = connection.crowded_out(reason)
            else:
                response = await answer(request)
        except (web.HTTPExpectationFailed, UnicodeEncodeError):  # raised before the middlewares; aiohttp repeats such
            response = problem(417)  # a header, and cannot where it is no UTF-8
        finally:
            connection.end()
        if guard.leaving or reason or (response.status >= 400 and _unasked(request)):
            response.force_close()
        return response

    return tracked


def _ambiguous(request: web.BaseRequest) -> web.Response | None:
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


def _raw(response: web.Response) -> bytes:
    """Return an answer to what is no request yet."""
    lines = {**response.headers, "Content-Length": f"{len(body := response.text or '')}", "Connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {response.status} {response.reason}\r\n{head}\r\n{body}".encode()
