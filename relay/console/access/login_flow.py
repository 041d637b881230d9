"""Logging in and out: the login page, one-time links, and what every login shares."""

import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from math import inf

import structlog
from aiohttp import web

from relay.config import Config, Console, Role
from relay.console.access import browser
from relay.console.access.browser import LOGIN, PAGES, has_csrf, leading_back, route_of, same_origin
from relay.console.access.identity import (
    HEADER,
    ID_BYTES,
    LINK,
    LONGEST_NAME,
    BrowserSessions,
    Session,
    proxied_user,
    role_of,
)
from relay.domain.tokens import Signing
from relay.errors import InvalidSignature, StoreUnavailable
from relay.log_lines import RateLimitedLog
from relay.receiving import request_body
from relay.receiving.connection import client_of
from relay.receiving.problems import RETRY_AFTER
from relay.store.audit import Act, AuditTrail, say
from relay.store.sessions import Sessions

UNKNOWN = "unknown"  # the actor of a refusal whose user is not known
LOGGED = 1.0  # seconds between two refused links that are logged: a stranger must not fill the log
MINUTES = 10  # for which a link works
PURPOSE = "console link"

log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class LoginFlow:
    """`is_open` says whether there is a console at all."""

    config: Callable[[], Config]
    store: Sessions
    signing: Signing
    sessions: BrowserSessions
    audit: AuditTrail
    clock: Callable[[], float]
    render: browser.Render
    is_open: Callable[[], bool]
    lines: RateLimitedLog = field(default_factory=lambda: RateLimitedLog(time.monotonic))
    _logged: float = -inf

    @property
    def console(self) -> Console:
        return self.config().console

    def routes(self) -> list[web.RouteDef]:
        link, later = f"{PAGES}/enter/{{token}}", request_body.expect_later
        return [
            web.get(LOGIN, self.serving(self.login)),
            web.post(f"{PAGES}/logout", self.serving(self.logout), expect_handler=later),
            web.get(link, self.serving(self.show_link)),
            web.post(link, self.serving(self.take_link), expect_handler=later),
        ]

    async def login(self, request: web.Request) -> web.StreamResponse:
        """Offer the ways in; behind an authenticating proxy, log its user in."""
        back, console = leading_back(request.query.get("next", "")), self.console
        if await self.sessions.identify(request):
            raise web.HTTPSeeOther(back)
        if user := proxied_user(request, console):
            return await self.let_in(request, Session(user.name, HEADER, self.clock()), back)
        values = {"proxy": console.trusted_header is not None}
        return browser.html_page(self.render(request, "login.html", values))

    async def logout(self, request: web.Request) -> web.StreamResponse:
        response = web.Response(status=303, headers={"Location": LOGIN})
        if (identity := await self.sessions.identify(request)) is None:
            return response
        if not self.from_here(request) or not await has_csrf(request, identity.csrf):
            return self.forged(request, "logout")
        await self.sessions.end(request, response)
        act = Act(identity.name, "console logout", "", {"by": identity.via, "peer": client_of(request)}, "out")
        say(act)
        await self.audit.note(act)
        return response

    async def show_link(self, request: web.Request) -> web.StreamResponse:
        """Ask first: whatever previews links opens them, too."""
        return browser.html_page(self.render(request, "enter.html", {}))

    async def take_link(self, request: web.Request) -> web.StreamResponse:
        if not self.from_here(request):
            return self.forged(request, "link")
        session = await self._session_of_link(request.match_info["token"])
        if session is None:
            self.log_refusal(request)
            return self.refused(request, browser.NOT_LET_IN, browser.USED)
        return await self.let_in(request, session, PAGES)

    async def _session_of_link(self, token: str) -> Session | None:
        """Use up the link of this token; None if relay has not signed it, or it is used or too old."""
        try:
            id_, role, maker, until = self.signing.redeem(PURPOSE, token)
        except InvalidSignature:
            return None
        if self.clock() > float(until) or not await self.store.take(id_):
            return None
        return Session(f"guest of {maker}", LINK, self.clock(), role)

    async def let_in(self, request: web.Request, session: Session, back: str) -> web.Response:
        """Begin a session and lead to `back`. StoreUnavailable before there is one: no login is without its entry."""
        role = role_of(self.console, session, proxied_user(request, self.console))
        detail = {"by": session.via, "peer": client_of(request), "role": f"{role}"}
        act = Act(session.name, "console login", "", detail, "in")
        await self.audit.note(act)
        response = web.Response(status=303, headers={"Location": leading_back(back)})
        await self.sessions.begin(request, response, session)
        say(act)
        return response

    def log_refusal(self, request: web.Request) -> None:
        """Log a refused link, at most one a second."""
        if (now := self.clock()) - self._logged < LOGGED:
            return
        self._logged = now
        detail = {"by": LINK, "peer": client_of(request)}
        say(Act(UNKNOWN, "console login", "", detail, "refused: used, too old, or none"))

    def serving(self, handler: Handler) -> Handler:
        """Answer 404 while the console is off, and with a page while the store does not answer."""

        @wraps(handler)
        async def serve(request: web.Request) -> web.StreamResponse:
            if not self.is_open():
                raise web.HTTPNotFound
            try:
                return await handler(request)
            except StoreUnavailable as error:
                return self.unavailable(request, error)

        return serve

    def from_here(self, request: web.Request) -> bool:
        return same_origin(request, self.console.url)

    def unavailable(self, request: web.Request, error: StoreUnavailable) -> web.Response:
        self.lines.warning(log, "console.unavailable", reason=str(error))
        headers = {"Retry-After": f"{RETRY_AFTER}"}
        return self.refused(request, browser.NOT_NOW, browser.AWAY, status=503, headers=headers)

    def forged(self, request: web.Request, why: str) -> web.Response:
        """Refuse a form that a page of another site sent by this browser."""
        self.lines.warning(log, "console.forged", why, peer=client_of(request), reason=why, path=route_of(request))
        return self.refused(request, browser.REFUSED, browser.ELSEWHERE)

    def refused(
        self,
        request: web.Request,
        heading: str,
        text: str,
        *,
        status: int = 403,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        page = self.render(request, "refused.html", {"heading": heading, "text": text})
        return browser.html_page(page, status, headers)


async def make_link(sessions: Sessions, signing: Signing, base: str, role: Role, maker: str, *, now: float) -> str:
    """Return a whole link, at the console with this address. StoreUnavailable: there is none."""
    id_ = secrets.token_urlsafe(ID_BYTES)
    await sessions.lay(id_, MINUTES * 60)
    token = signing.issue(PURPOSE, id_, role, maker[:LONGEST_NAME], f"{now + MINUTES * 60:.0f}")
    return f"{base}{PAGES}/enter/{token}"
