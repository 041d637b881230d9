"""Authentication of all that the console serves, pages and JSON: the rest of relay asks this alone."""

import time
from collections.abc import Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from relay.config import OPERATOR, Config
from relay.console.access import browser
from relay.console.access.identity import IDENTITY, BrowserSessions, token_identity
from relay.console.access.login_flow import LoginFlow
from relay.domain.tokens import Signing
from relay.errors import StoreUnavailable
from relay.receiving.connection import client_of
from relay.receiving.problems import HttpProblem
from relay.store import Store
from relay.store.audit import AuditTrail
from relay.store.sessions import Sessions

log = structlog.get_logger(__name__)


class ConsoleAuth:
    """`loopback`: the operators' listener is for this machine alone."""

    def __init__(
        self,
        config: Callable[[], Config],
        store: Store,
        signing: Signing,
        *,
        audit: AuditTrail,
        render: browser.Render,
        loopback: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._signing = signing
        self._loopback = loopback
        sessions = Sessions(store)
        self._sessions = BrowserSessions(sessions, signing, config, clock)
        self._flow = LoginFlow(config, sessions, signing, self._sessions, audit, clock, render, lambda: self.is_open)

    @property
    def is_open(self) -> bool:
        """Return whether there is a console: without a way in, or a secret, its addresses are 404 as any other."""
        return self._signing.available and (self._loopback or self._config().console.enabled)

    def owns(self, path: str) -> bool:
        """Return whether this, and not the listener's token, decides who may ask this address."""
        return self.is_open and browser.below(path, browser.PAGES, browser.API)

    def known_as(self, host: str) -> bool:
        """Return whether browsers may call the console so: its own address, where a proxy is before it."""
        url = self._config().console.url
        return bool(url) and url.partition("//")[2].casefold() == host.casefold()

    def routes(self) -> list[web.RouteDef]:
        """Return the ways in and out, which need no login; each path is whole."""
        return self._flow.routes()

    async def label(self, request: web.Request, response: web.StreamResponse) -> None:
        """Set the security headers of pages and JSON: for `on_response_prepare`."""
        if self.owns(request.path):
            headers = browser.HEADERS if browser.below(request.path, browser.PAGES) else browser.API_HEADERS
            for header, value in headers.items():
                response.headers.setdefault(header, value)

    def announce(self, base: str) -> None:
        """Log the command that makes a link, where there is no other way in. The link itself is a secret."""
        console = self._config().console
        if self.is_open and self._loopback and not console.configured:
            log.info("console.link", console=f"{console.url or base}{browser.PAGES}", command="relay console link")

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        flow = self._flow
        if not self.is_open:
            raise web.HTTPNotFound
        if request.path.startswith(browser.STATIC) and request.method in browser.READING:
            return await handler(request)
        try:
            identity = await self._sessions.identify(request, extend=not browser.is_fragment(request))
        except StoreUnavailable as error:
            return flow.unavailable(request, error)
        if identity is None:
            return browser.to_login(request)
        request[IDENTITY] = identity
        if request.method not in browser.READING:
            if identity.role != OPERATOR:
                return flow.refused(request, browser.REFUSED, browser.OPERATORS % identity.role)
            if not flow.from_here(request):
                return flow.forged(request, "page")
            if not await browser.has_csrf(request, identity.csrf):
                return flow.refused(request, browser.REFUSED, browser.STALE)
        return await handler(request)

    @web.middleware
    async def api_middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in a program by its token; a session is for pages alone."""
        if not self.is_open:
            raise web.HTTPNotFound
        identity = token_identity(request, self._config().console)
        if identity is None:
            caller = {"peer": client_of(request), "path": browser.route_of(request)}
            self._flow.lines.warning(log, "console.refused", **caller)
            raise HttpProblem(
                401,
                "Show a token of console.tokens: Authorization: Bearer …",
                headers={"WWW-Authenticate": 'Bearer realm="relay console"'},
            )
        if request.method not in browser.READING and identity.role != OPERATOR:
            raise HttpProblem(403, f"This needs the role operator; {identity.name} is {identity.role}.")
        request[IDENTITY] = identity
        return await handler(request)
