"""The operators' listener: who may ask it. What it answers is in `relay.receiving.probes`.

It listens for this machine alone, unless there is a token or client certificates are asked for. Without them a page in
an operator's browser could still lead there, by a name of its own that it points to 127.0.0.1: so only names of this
machine are answered then.
"""

import hmac
import re
import time
from typing import Protocol

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from relay.receiving.access import Admin, is_loopback
from relay.receiving.guard import PROBES
from relay.receiving.peers import Proxies, network
from relay.receiving.probes import Probes
from relay.receiving.problems import HttpProblem, RateLimitedLog, answering, label

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 64  # of their own: neither strangers nor senders take them from operators
SHARE = 8  # of one address: what a browser opens, and two more
OWN_MACHINE = Proxies(map(network, ("127.0.0.1", "::1")))  # as which all come who come through a tunnel or a command
URGENT = PROBES | {"/metrics"}  # who asks this gets in also where all places are taken
FREE = "/healthz"  # says nothing but that relay lives
CHALLENGE = 'Bearer realm="relay"'
HOST = re.compile(r"(\[[^\]]+\]|[^:]*)(:\d+)?", re.ASCII)
UNTOLD = "Show the token of server.admin: Authorization: Bearer …"
ELSEWHERE = "Without a token, relay's operators are answered by the name localhost or the address 127.0.0.1 alone."


class OwnAuth(Protocol):
    """What authenticates the requests to its own addresses on this listener."""

    def owns(self, path: str) -> bool:
        """Return whether this address is its own. All others want the listener's token."""
        ...

    def known_as(self, host: str) -> bool:
        """Return whether its pages may be called by this name as well."""
        ...


def make_admin_app(
    probes: Probes, admin: Admin, beside: web.Application, auth: OwnAuth | None = None
) -> web.Application:
    """The application for `relay.receiving.server.serve`; `beside` is the one of the other listener."""
    app = web.Application(middlewares=[answering(), _admitting(admin, auth)])
    app.add_routes(probes.operators_routes(beside))
    app.on_response_prepare.append(label)
    return app


def _admitting(admin: Admin, auth: OwnAuth | None) -> Middleware:
    """A middleware that lets through who may ask. It costs a stranger nothing to try, so it costs one line a second."""
    token = admin.token.get_secret_value().encode()
    lines = RateLimitedLog(time.monotonic)

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        own = auth is not None and auth.owns(request.path)
        if token and request.path != FREE and not own and not _shows(request, token):
            lines.warning(log, "operator.refused", status=401, peer=request.remote)
            raise HttpProblem(401, UNTOLD, headers={"WWW-Authenticate": CHALLENGE})
        if not admin.closed and not _by_own_name(request, admin.host) and not (own and _by_name_of(auth, request)):
            lines.warning(log, "operator.refused", status=421, peer=request.remote)
            raise HttpProblem(421, ELSEWHERE)
        return await handler(request)

    return admit


def _shows(request: web.Request, token: bytes) -> bool:
    """Compared in a time that says nothing of how much of it is right."""
    shown = request.headers.getall(hdrs.AUTHORIZATION, [])
    scheme, _, credentials = shown[0].strip().partition(" ") if len(shown) == 1 else ("", "", "")
    offered = credentials.strip().encode("utf-8", "surrogateescape")
    return hmac.compare_digest(offered, token) and scheme.casefold() == "bearer"


def _by_own_name(request: web.Request, own: str) -> bool:
    hosts = [HOST.fullmatch(host.strip()) for host in request.headers.getall(hdrs.HOST, [])]
    return bool(hosts) and all(
        host and (is_loopback(host[1]) or host[1].casefold() == own.casefold()) for host in hosts
    )


def _by_name_of(auth: OwnAuth | None, request: web.Request) -> bool:
    hosts = request.headers.getall(hdrs.HOST, [])
    return auth is not None and len(hosts) == 1 and auth.known_as(hosts[0].strip())
