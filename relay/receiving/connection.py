"""One connection of the HTTP server: aiohttp's, with deadlines, a place among others, and an orderly end."""

import asyncio
import fcntl
import socket
import sys
import termios
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, cast

import structlog
from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import _ErrInfo

from relay.receiving.admission import PEER
from relay.receiving.framing import objection
from relay.receiving.guard import PROBE_TIMEOUT, Guard
from relay.receiving.peers import UNIX, peer_in
from relay.receiving.problems import UNEXPECTED, problem

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

CROWDED = "relay has as many connections at present as it can take. Send it again."
FORWARDED = "X-Forwarded-For"
MOST_HEADERS = 32 * 1024  # bytes of all headers together: memory that a stranger gets before anything is known of it
KERNEL_BUFFER = 2**16  # bytes that come at once at most: the kernel would take, and one read give, four times as many
CHUNKING = 5  # bytes around each of a body that comes in the smallest chunks
TOO_MUCH = f"The headers may have up to {MOST_HEADERS} bytes, all together."
SLOW_HEADERS = 1.0  # seconds after which whoever has sent half a request's headers may be evicted as if idle

log = structlog.get_logger(__name__)


class HeadersTooLarge(HttpProcessingError):
    """More headers than any sender needs, and than relay keeps."""

    code = 431


class GuardedConnection(web.RequestHandler):
    """One connection. Its deadline runs from the first byte of a request, or from connecting, to the last header.

    Another one is for those who do not read their answers: aiohttp waits for them as long as they like. Meanwhile no
    more of what they ask for is read. What the kernel has taken for them counts as unread until it is acknowledged: it
    takes megabytes, which small answers fill in minutes or never.
    """

    __slots__ = (
        "_acknowledged", "_asking_since", "_body", "_clock", "_idle_from", "_received",
        "_unacknowledged_since", "_wire", "answering", "guard", "held", "owner", "peer", "unread_since",
        "waiting_since",
    )  # fmt: skip

    def __init__(self, guard: Guard, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._msg_queue_resume_size = 0  # more requests are read when those that have come are answered
        self._clock = guard.clock
        self._asking_since = inf  # a part of a request's headers is there
        self._body: StreamReader = EMPTY_PAYLOAD  # of the last request that was taken up
        self._received = 0  # bytes of it
        self.guard = guard
        self.peer = UNIX
        self.owner = ""  # whose share of the places it counts to
        self.answering = False
        self.held = 0  # bytes of a body
        self.waiting_since = inf  # for headers
        self.unread_since = inf  # an answer, or the end of the connection
        self._unacknowledged_since = inf  # bytes that the kernel has taken, of which none was acknowledged since
        self._acknowledged = 0
        self._idle_from = inf

    @property
    def idle_since(self) -> float:
        if self._waiter is None or self._waiter.done() or self.unread_since < inf:
            return inf  # not only while it is answered: a request may have been taken up this moment
        if self._asking_since < inf:
            return self._asking_since if self._clock() - self._asking_since > SLOW_HEADERS else inf
        return self._idle_from

    def unheard(self) -> bool:
        """Whether something has come that is not read yet: under load, most of a request's way is there."""
        return self._in_kernel(termios.FIONREAD)

    def _in_kernel(self, queue: int) -> bool:
        """Return whether the socket's queue of this ioctl holds any bytes."""
        try:
            size = fcntl.ioctl(self._wire.get_extra_info("socket").fileno(), queue, bytes(4))
        except (AttributeError, OSError, ValueError):  # it is closed, or the system does not say
            return False
        return any(size)

    def _bytes_acknowledged(self) -> int:
        """Return the bytes that the peer has acknowledged since it connected (tcpi_bytes_acked of Linux's TCP_INFO)."""
        try:
            info = self._wire.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
            return int.from_bytes(info[120:128], sys.byteorder)
        except (AttributeError, OSError):  # it is closed, or the system does not say
            return 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast("asyncio.Transport", transport)  # uvloop's own is no subclass
        self.peer = peer_in(transport.get_extra_info("peername"))
        self.owner = self.guard.owner(self.peer)
        if obstacle := self.guard.enter(self):
            self._refuse(obstacle)
            return
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
        self._wire.set_write_buffer_limits(high=1, low=0)  # so that all of an answer is awaited, to its last byte
        self.waiting_since = self._idle_from = self._clock()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.guard.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if data and not self.answering and self._asking_since == inf and self._body.is_eof():
            self._asking_since = self._clock()
            self.waiting_since = min(self.waiting_since, self._asking_since)
            self._received = 0
        self._received += len(data)
        super().data_received(data)
        if self._received > MOST_HEADERS:
            self._weigh()
        if self._messages and self._waiter is None and not self._buffer_paused:
            self._pause_reading_for_buffer()  # an answer is under way: what comes behind it has to wait outside

    def _weigh(self) -> None:
        """Give up a request of which too much is no body: headers, those that follow a body in chunks among them."""
        if len(self._messages) > (not self.answering) or self._reading_paused or self._buffer_paused:
            return  # it is what comes behind it, or not all of it is read
        waiter = self._waiter if self._waiter and not self._waiter.done() else None
        body = self._messages[0][1] if self._messages else self._body if self.answering else EMPTY_PAYLOAD
        if not (waiter or self._messages or self.answering):
            return  # the rest of what was refused, which is read and forgotten
        if self._received - body.total_bytes <= MOST_HEADERS + CHUNKING * body.total_bytes:
            return
        if self.answering:
            self.guard.given_up("headers")
            self.guard.lines.warning(log, "request.malformed", peer=self.peer, reason=TOO_MUCH)
            self._wire.abort()
            return
        self._messages.clear()
        self._messages.append((_ErrInfo(HeadersTooLarge.code, HeadersTooLarge(), ""), EMPTY_PAYLOAD))
        if waiter:
            waiter.set_result(None)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread_since = self._clock()

    def resume_writing(self) -> None:
        self.unread_since = inf
        super().resume_writing()

    def begin(self, body: StreamReader) -> None:
        """The headers are complete; from here the handler watches the time."""
        self._body = body
        self._asking_since, self.answering = inf, True
        self.guard.answering += 1
        self.waiting_since = inf

    def end(self) -> None:
        """The answer is made; nothing is awaited until it is on its way."""
        self.answering = False
        self._received = 0
        self._idle_from = self._clock()
        guard = self.guard
        if self.held:
            guard.bodies.give_back(self.held)
            self.held = 0
        guard.answering -= 1
        guard.admission.all_busy = False
        guard.changed.set()

    def hold(self, size: int) -> None:
        """So many bytes more of a body, until the request is answered. Raises HttpProblem if there is no room."""
        self.guard.bodies.take(size, self.held + size)
        self.held += size

    def close_if_idle(self) -> None:
        if self._asking_since == inf and not self.answering and not self._messages:
            self.force_close()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)  # logs, and raises if an answer has begun
        if isinstance(exc, HeadersTooLarge):
            return problem(exc.code, TOO_MUCH, close=True)
        if isinstance(exc, HttpProcessingError):
            return problem(400, "This is not a valid HTTP/1.1 request.", close=True)
        return problem(503, UNEXPECTED, close=True)

    def evict(self, obstacle: str) -> None:
        if obstacle:
            self._refuse(obstacle)
            return
        self.guard.evicted.inc()
        idle = round(self._clock() - self.idle_since, 1)
        self.guard.lines.warning(log, "connection.evicted", peer=self.peer, idle=idle, limit=self.guard.admission.most)
        self._wire.abort()  # nothing is on its way, and TLS would wait for an answer to its farewell

    def give_up_if_late(self, now: float) -> None:
        if self.unread_since == inf and self._wire.is_closing():
            self.unread_since = now  # the end of the last answer is still on its way
        patience = PROBE_TIMEOUT if self in self.guard.admission.reserved else self.guard.header_timeout
        # A sender that is busy acknowledges an answer with its next request, so there is always one of the last.
        before, self._acknowledged = self._acknowledged, self._bytes_acknowledged()
        read_more = self._acknowledged != before or not self._in_kernel(termios.TIOCOUTQ)
        self._unacknowledged_since = inf if read_more else min(self._unacknowledged_since, now)
        if now - self.waiting_since > patience:
            self._give_up("headers", patience)
        elif now - min(self.unread_since, self._unacknowledged_since) > self.guard.write_timeout:
            self._give_up("answer", self.guard.write_timeout)

    def _give_up(self, awaited: str, seconds: float) -> None:
        self.waiting_since = self.unread_since = self._unacknowledged_since = inf
        self.guard.given_up(awaited)
        self.guard.lines.warning(log, "connection.too_slow", peer=self.peer, awaited=awaited, seconds=seconds)
        self._wire.abort()

    def crowded_out(self) -> web.Response:
        """What it is answered if it has a place of the reserve, and asks for more than a probe."""
        self._say_refused(self.guard.admission.reserved[self])
        return problem(503, CROWDED, close=True)

    def _refuse(self, obstacle: str) -> None:
        self._say_refused(obstacle)
        self._wire.abort()

    def _say_refused(self, obstacle: str) -> None:
        limit = self.guard.admission.share if obstacle == PEER else self.guard.admission.most
        self.guard.refused(obstacle)
        self.guard.lines.warning(log, "connection.refused", obstacle, peer=self.peer, reason=obstacle, limit=limit)


def client_of(request: web.BaseRequest) -> str:
    """Who sent a request: the peer, or whom a trusted proxy says that it speaks for. For the log; never raises."""
    connection = request.protocol
    if not isinstance(connection, GuardedConnection):
        return peer_in(request.transport and request.transport.get_extra_info("peername"))
    return connection.guard.proxies.client(connection.peer, request.headers.getall(FORWARDED, ()))


def by_trusted_proxy(request: web.BaseRequest) -> bool:
    """Return whether the peer itself is a trusted proxy, so that its own headers count."""
    connection = request.protocol
    return isinstance(connection, GuardedConnection) and connection.peer in connection.guard.proxies


def _unasked(request: web.BaseRequest) -> bool:
    """Whether its sender waits to be asked for a body that nobody wants: what it sends next may be that or no more."""
    return hdrs.EXPECT in request.headers and not request.content.is_eof()


def watched(answer: Answer) -> Answer:
    async def tracked(request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        if not isinstance(connection, GuardedConnection):
            return await answer(request)
        connection.begin(request.content)
        admission = connection.guard.admission
        admitted = not admission.reserved or admission.promote(connection)
        try:
            if refusal := objection(request):
                connection.guard.lines.warning(
                    log, "request.malformed", peer=connection.peer, reason="Transfer-Encoding"
                )
                response: web.StreamResponse = refusal
            elif admitted or request.path in connection.guard.probes:
                response = await answer(request)
            else:
                response = connection.crowded_out()
        except web.HTTPException as error:  # raised before the middlewares: an Expect header nobody knows
            if error.status < 400:
                raise
            response = problem(error.status)
        except UnicodeEncodeError:  # aiohttp repeats such a header, and cannot where it is no UTF-8
            response = problem(417)
        finally:
            connection.end()
        if connection.guard.leaving or not admitted or (response.status >= 400 and _unasked(request)):
            response.force_close()
        return response

    return tracked
