"""Requests of guarded connections: whose they are, and what a connection must know of them."""

from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion11, hdrs, web

from relay.receiving.guard import GuardedConnection
from relay.receiving.peers import peer_in
from relay.receiving.problems import problem

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

ONLY_CHUNKED = "The only Transfer-Encoding that is understood here is chunked, once and alone."
TOO_OLD = "HTTP/1.0 has no Transfer-Encoding. Send HTTP/1.1, or a Content-Length."
FORWARDED = "X-Forwarded-For"


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
