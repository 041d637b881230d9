"""The console's door: who comes through, to the pages and to the JSON. Everything else asks it alone."""

import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from relay.config import OPERATOR, Config
from relay.console.access import messages
from relay.console.access.entrance import Entrance
from relay.console.access.forms import LOOKING, carries, shows, to_login
from relay.console.access.links import Links
from relay.console.access.login import Login
from relay.console.access.origin import API_HEADERS, HEADERS, LIVE, PAGES, STATIC, is_ours, is_page, route_of
from relay.console.access.pages import Render, plain
from relay.console.access.passwords import Passwords
from relay.console.access.programs import Programs
from relay.console.access.single_sign_on import SingleSignOn
from relay.console.access.visitors import Visitors
from relay.console.access.who import STANDING, WHO, Standing, Who
from relay.errors import StoreUnavailable
from relay.receiving.connection import client_of
from relay.receiving.problems import HttpProblem
from relay.store import Store
from relay.store.audit import AuditTrail
from relay.store.sessions import Sessions
from relay.store.tries import Tries

log = structlog.get_logger(__name__)


class Door:
    """`loopback`: the operators' listener is for this machine alone; `secure`: it speaks TLS.

    `is_open`, and everything else, goes by the configuration as it is when somebody asks.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        store: Store,
        *,
        loopback: bool,
        secure: bool = False,
        clock: Callable[[], float] = time.time,
        audit: AuditTrail | None = None,
        render: Render = plain,
    ) -> None:
        self._config = config
        self._loopback = loopback
        self._sessions = Sessions(store)
        self._visitors = Visitors(self._sessions, config, clock, secure=secure)
        trail = audit or AuditTrail(store.redis, store.sealer)
        self._entrance = Entrance(config, self._visitors, trail, clock, render, Tries(store), lambda: self.is_open)
        self._passwords = Passwords()
        self._sign_on = SingleSignOn(self._entrance)
        self._programs = Programs(config)
        self._entries = (
            Login(self._entrance, self._passwords),
            Links(self._entrance, self._sessions),
            self._sign_on,
        )

    @property
    def is_open(self) -> bool:
        """Off, and like any address that is none, until somebody can come in."""
        return self._loopback or self._config().console.configured

    def owns(self, path: str) -> bool:
        """Whether this door, and not the listener's token, says who may ask this address."""
        return self.is_open and is_ours(path)

    def known_as(self, host: str) -> bool:
        """Whether browsers may call the console so: its own address, where a proxy is before it."""
        url = self._config().console.url
        return bool(url) and url.partition("//")[2].casefold() == host.casefold()

    def routes(self) -> list[web.RouteDef]:
        """The ways in, and out, which nobody guards; each path is whole."""
        return [route for entry in self._entries for route in entry.routes()]

    async def label(self, request: web.Request, response: web.StreamResponse) -> None:
        """What browsers have to keep to, on every page of the console and with its JSON: for `on_response_prepare`."""
        if self.owns(request.path):
            for header, value in (HEADERS if is_page(request.path) else API_HEADERS).items():
                response.headers.setdefault(header, value)

    def announce(self, base: str) -> None:
        """Log the way into a console for which nobody is configured: a command, since a link is a secret."""
        if self._loopback and not self._config().console.configured:
            log.info(
                "console.link", console=f"{self._config().console.url or base}{PAGES}", command="relay console link"
            )

    async def aclose(self) -> None:
        self._passwords.close()
        await self._sign_on.aclose()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self.is_open:
            raise web.HTTPNotFound
        if request.path.startswith(STATIC) and request.method in LOOKING:
            return await handler(request)
        entrance = self._entrance
        try:
            who = await self._visitors.who(request, slide=not request.path.startswith(LIVE))
        except StoreUnavailable as error:
            return entrance.unavailable(request, error)
        if who is None:
            return to_login(request)
        request[WHO], request[STANDING] = who, self._standing(request, who)
        if request.method not in LOOKING:
            if who.role != OPERATOR:
                return entrance.refused(request, messages.REFUSED, messages.OPERATORS, role=who.role)
            if not entrance.from_here(request):
                return entrance.elsewhere(request, "page")
            if not await carries(request, who):
                return entrance.refused(request, messages.REFUSED, messages.STALE)
        return await handler(request)

    @web.middleware
    async def api_middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A program by its token; a page of ours by its session."""
        if not self.is_open:
            raise web.HTTPNotFound
        if hdrs.AUTHORIZATION in request.headers:
            who = self._programs.who(request)
        else:
            who = await _available(self._visitors.who(request))
            acting = request.method not in LOOKING
            if who and acting and not (self._entrance.from_here(request) and shows(request, who)):
                self._entrance.lines.warning(log, "console.forged", peer=client_of(request), path=route_of(request))
                raise HttpProblem(403, "With a session, send X-CSRF-Token, from a page of this relay.")
        if who is None:
            self._entrance.lines.warning(log, "console.refused", peer=client_of(request), path=route_of(request))
            raise HttpProblem(
                401,
                "Show a token of console.tokens: Authorization: Bearer …",
                headers={"WWW-Authenticate": 'Bearer realm="relay console"'},
            )
        if request.method not in LOOKING and who.role != OPERATOR:
            raise HttpProblem(403, f"This needs the role operator; {who.name} is {who.role}.")
        request[WHO] = who
        return await handler(request)

    def _standing(self, request: web.Request, who: Who) -> Standing:
        async def holds() -> bool:
            return self.is_open and await self._visitors.who(request, slide=False) == who

        return Standing(holds)


async def _available(look: Awaitable[Who | None]) -> Who | None:
    try:
        return await look
    except StoreUnavailable:
        raise HttpProblem(503, "relay's store does not answer at the moment.") from None
