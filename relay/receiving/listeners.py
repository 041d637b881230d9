"""The two listeners, of senders and of operators, with the operators' authentication.

The operators' one listens on this machine alone, unless there is a token. Without one a page in an operator's browser
could still lead there, by a name of its own that it points to 127.0.0.1: so only names of this machine are answered.
"""

import hmac
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from relay.errors import CannotListen
from relay.log_lines import RateLimitedLog
from relay.receiving.answers import label
from relay.receiving.connection import Answer
from relay.receiving.guard import Guard
from relay.receiving.operators import Admin, is_loopback
from relay.receiving.probes import Probes
from relay.receiving.problems import HttpProblem, answering
from relay.receiving.server import GuardedRunner, serve

log = structlog.get_logger(__name__)

MAX_CONNECTIONS = 64  # of their own: neither strangers nor senders take them from operators
FREE = "/healthz"  # says nothing but that relay lives
CHALLENGE = 'Bearer realm="relay"'
HOST = re.compile(r"(\[[^\]]+\]|[^:]*)(:\d+)?", re.ASCII)
UNAUTHENTICATED = "Show the token of server.admin: Authorization: Bearer …"
WRONG_NAME = "Without a token, relay's operators are answered by the name localhost or the address 127.0.0.1 alone."
WORLD, OPERATORS = "server", "server.admin"  # the sections of the configuration


class OwnAuth(Protocol):
    """Authentication of requests to the addresses that it owns on this listener."""

    def owns(self, path: str) -> bool:
        """Return whether this address is its own. All others want the listener's token."""
        ...

    def known_as(self, host: str) -> bool:
        """Return whether its pages may be called by this name as well."""
        ...


def make_admin_app(probes: Probes, admin: Admin, public: set[str], auth: OwnAuth | None = None) -> web.Application:
    """Return the application for `serve`; `public` are the paths of the other listener."""
    app = web.Application(middlewares=[answering(), _admitting(admin, auth)])
    app.add_routes(probes.operators_routes(public))
    app.on_response_prepare.append(label)
    return app


def _admitting(admin: Admin, auth: OwnAuth | None) -> Middleware:
    """Return a middleware that authenticates. Refusals cost at most one line of the log a second."""
    token = admin.token.get_secret_value().encode()
    lines = RateLimitedLog(time.monotonic)

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        owner = auth if auth and auth.owns(request.path) else None
        if token and request.path != FREE and not owner and not _shows(request, token):
            lines.warning(log, "operator.refused", status=401, peer=request.remote)
            raise HttpProblem(401, UNAUTHENTICATED, headers={"WWW-Authenticate": CHALLENGE})
        hosts = [host.strip() for host in request.headers.getall(hdrs.HOST, [])]
        named = _is_own_name(hosts, admin.host) or (owner and len(hosts) == 1 and owner.known_as(hosts[0]))
        if not token and not named:
            lines.warning(log, "operator.refused", status=421, peer=request.remote)
            raise HttpProblem(421, WRONG_NAME)
        return await handler(request)

    return admit


def _shows(request: web.Request, token: bytes) -> bool:
    shown = request.headers.getall(hdrs.AUTHORIZATION, [])
    scheme, _, credentials = shown[0].strip().partition(" ") if len(shown) == 1 else ("", "", "")
    offered = credentials.strip().encode("utf-8", "surrogateescape")
    return hmac.compare_digest(offered, token) and scheme.casefold() == "bearer"


def _is_own_name(hosts: Sequence[str], host_name: str) -> bool:
    names = [HOST.fullmatch(host) for host in hosts]
    return bool(names) and all(
        name and (is_loopback(name[1]) or name[1].casefold() == host_name.casefold()) for name in names
    )


@dataclass(frozen=True)
class Listeners:
    """Both listeners, which serve."""

    world: GuardedRunner
    operators: GuardedRunner

    @classmethod
    async def open(
        cls,
        world: tuple[Answer, str, int],
        operators: tuple[web.Application, str, int],
        *,
        guard: Guard,
        reuse_port: bool = False,
    ) -> Self:
        """Listen on these hosts and ports (0: any free one). Raises CannotListen; then neither listens."""
        private = Guard(max_connections=MAX_CONNECTIONS, proxies=guard.proxies, listener="operators")
        second = await _listen(OPERATORS, *operators, guard=private)
        try:  # the last, for from here on events come
            return cls(await _listen(WORLD, *world, guard=guard, reuse_port=reuse_port), second)
        except BaseException:
            await second.cleanup(0.0)
            raise


async def _listen(section: str, app: web.Application | Answer, host: str, port: int, **options: Any) -> GuardedRunner:
    try:
        return await serve(app, host, port, **options)
    except OSError as error:
        raise CannotListen(section, host, port, error) from None
