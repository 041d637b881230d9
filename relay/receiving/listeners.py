"""The two listeners, of senders and of operators, with their certificates and the operators' authentication.

The operators' one listens on this machine alone, unless there is a token or client certificates are asked for. Without
them a page in an operator's browser could still lead there, by a name of its own that it points to 127.0.0.1: so only
names of this machine are answered then.
"""

import hmac
import re
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Self

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from relay import metrics
from relay.errors import CannotListen
from relay.log_lines import RateLimitedLog
from relay.receiving.answers import label
from relay.receiving.connection import Answer
from relay.receiving.guard import Guard
from relay.receiving.probes import Probes
from relay.receiving.problems import HttpProblem, answering
from relay.receiving.server import GuardedRunner, serve
from relay.receiving.tls import MOMENT, Admin, Tls, context, ending, ends, faults, is_loopback, load

log = structlog.get_logger(__name__)

GOES_ON = "the one that was loaded before goes on"
MAX_CONNECTIONS = 64  # of their own: neither strangers nor senders take them from operators
FREE = "/healthz"  # says nothing but that relay lives
CHALLENGE = 'Bearer realm="relay"'
HOST = re.compile(r"(\[[^\]]+\]|[^:]*)(:\d+)?", re.ASCII)
UNAUTHENTICATED = "Show the token of server.admin: Authorization: Bearer …"
WRONG_NAME = "Without a token, relay's operators are answered by the name localhost or the address 127.0.0.1 alone."
WORLD, OPERATORS = "server", "server.admin"  # the sections of the configuration


class Certificates:
    """Certificates by the section of the configuration that names them; new connections get the newest."""

    def __init__(self, sections: Mapping[str, Tls | None], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tls = {section: tls for section, tls in sections.items() if tls}
        self._contexts = {section: context(tls) for section, tls in self._tls.items()}
        self._ends: dict[str, float] = {}
        for section in self._tls:
            self._note(section)

    def context(self, section: str) -> ssl.SSLContext | None:
        """Return None for a listener without TLS."""
        return self._contexts.get(section)

    def renew(self) -> None:
        """Read the files again. Those that do not serve change nothing."""
        for section, tls in self._tls.items():
            try:
                # Into the live one last: with a new certificate and an old key it would have none at all.
                refused = next(faults(tls, self._clock()), None)
                if not refused:
                    load(self._contexts[section], tls)
                    self._note(section)
            except (OSError, ValueError) as error:
                refused = ("certificate", str(error))
            if refused:
                log.error("certificate.refused", key=f"{section}.tls.{refused[0]}", reason=refused[1], meaning=GOES_ON)
            else:
                log.info("certificate.loaded", key=f"{section}.tls.certificate", ends=self._until(section))

    def notices(self) -> dict[str, str]:
        """Return the certificates that end soon, each with a sentence."""
        now = self._clock()
        return {f"certificate:{section}": fault for section, end in self._ends.items() if (fault := ending(end, now))}

    def _note(self, section: str) -> None:
        self._ends[section] = ends(self._tls[section])
        metrics.certificate_ends.labels(section).set(self._ends[section])

    def _until(self, section: str) -> str:
        return datetime.fromtimestamp(self._ends[section], UTC).strftime(MOMENT)


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
        if not admin.closed and not named:
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
        certificates: Certificates,
        *,
        guard: Guard,
        reuse_port: bool = False,
    ) -> Self:
        """Listen on these hosts and ports (0: any free one). Raises CannotListen; then neither listens."""
        private = Guard(max_connections=MAX_CONNECTIONS, proxies=guard.proxies, listener="operators")
        second = await _listen(OPERATORS, *operators, certificates, guard=private)
        try:  # the last, for from here on events come
            return cls(await _listen(WORLD, *world, certificates, guard=guard, reuse_port=reuse_port), second)
        except BaseException:
            await second.cleanup(0.0)
            raise


async def _listen(
    section: str, app: web.Application | Answer, host: str, port: int, certificates: Certificates, **options: Any
) -> GuardedRunner:
    try:
        return await serve(app, host, port, context=certificates.context(section), **options)
    except OSError as error:
        raise CannotListen(section, host, port, error) from None
