"""Identities and their roles by the current configuration, and browser sessions: the cookie and its user."""

import hmac
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from aiohttp import hdrs, web

from relay.config import OPERATOR, ROLES, VIEWER, Config, Console, Role
from relay.config.console import LONGEST_SESSION, SESSION
from relay.console.access.browser import csrf_of
from relay.domain.tokens import Signing
from relay.errors import InvalidSignature
from relay.receiving.connection import by_trusted_proxy
from relay.store.sessions import Sessions

LINK, HEADER, TOKEN = "link", "header", "token"
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Identity:
    """A logged-in user: `via` is the way in, `csrf` their forms' token, `run_as` the system's user of a command."""

    name: str
    role: Role
    via: str
    csrf: str = ""
    run_as: str = ""


IDENTITY = web.RequestKey("identity", Identity)


@dataclass(frozen=True, slots=True)
class Session:
    """A login. The configuration gives the role at each request, unless a link has given it."""

    name: str
    via: str
    began: float  # seconds since the epoch
    role: str = ""


@dataclass(frozen=True, slots=True)
class Proxied:
    """User of a request, as stated by an authenticating proxy."""

    name: str
    groups: Collection[str] = ()


def role_of(console: Console, session: Session, proxied: Proxied | None = None) -> Role | None:
    """Return the role of a session's user, None if there is none any more; `proxied` is this request's."""
    if session.via == LINK:
        return next((role for role in ROLES if role == session.role), None)
    if session.via == HEADER and console.trusted_header and proxied and proxied.name == session.name:
        settings = console.trusted_header
        acts = proxied.name in settings.operators or not {*settings.operator_groups}.isdisjoint(proxied.groups)
        return OPERATOR if acts else VIEWER
    return None


def proxied_user(request: web.Request, console: Console) -> Proxied | None:
    """Return the user stated by a trusted proxy; None for duplicate headers, which may be the client's own."""
    settings = console.trusted_header
    if settings is None or not by_trusted_proxy(request):
        return None
    users = request.headers.getall(settings.user, [])
    groups = request.headers.getall(settings.groups, []) if settings.groups else []
    name = users[0].strip() if len(users) == 1 and len(groups) <= 1 else ""
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or "," in name:
        return None
    return Proxied(name, [group.strip() for text in groups for group in re.split(r"[,|]", text)])


def token_identity(request: web.Request, console: Console) -> Identity | None:
    """Return the identity of a request's API token. All hashes are compared, in constant time."""
    shown = request.headers.getall(hdrs.AUTHORIZATION, [])
    scheme, _, credentials = shown[0].strip().partition(" ") if len(shown) == 1 else ("", "", "")
    if scheme.casefold() != "bearer":
        return None
    offered, identity = _hash(credentials.strip()), None
    for name, token in console.tokens.items():
        if hmac.compare_digest(offered, _hash(token.token.get_secret_value())):
            identity = Identity(name, token.role, TOKEN)
    return identity


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


NAME = "relay-console"
PURPOSE = "console session"
ID_BYTES = 32


class BrowserSessions:
    """Sessions in signed cookies. They end by a logout, after `SESSION` seconds without a request, or after a week.

    StoreUnavailable where Redis does not answer.
    """

    def __init__(
        self,
        sessions: Sessions,
        signing: Signing,
        config: Callable[[], Config],
        clock: Callable[[], float],
    ) -> None:
        self._sessions = sessions
        self._signing = signing
        self._config = config
        self._clock = clock

    @property
    def secure(self) -> bool:
        """Return whether browsers come by TLS, to the proxy before us."""
        return self._config().console.url.startswith("https:")

    @property
    def cookie(self) -> str:
        """Its name. With this prefix no other host and no page without TLS can set it."""
        return f"__Host-{NAME}" if self.secure else NAME

    @property
    def cookie_options(self) -> dict[str, Any]:
        """Lax: a link from Slack finds the login; what a page elsewhere posts comes without it."""
        return {"path": "/", "httponly": True, "secure": self.secure, "samesite": "Lax"}

    async def identify(self, request: web.Request, *, extend: bool = True) -> Identity | None:
        """Return the session's user; None without a valid cookie or a role. `extend`: count it as use."""
        id_, session = self._read(request)
        console = self._config().console
        if session is None or not await self._sessions.lasts(id_, SESSION if extend else None):
            return None
        role = role_of(console, session, proxied_user(request, console))
        if role is None or not 0 <= self._clock() - session.began + 60 < LONGEST_SESSION:
            await self._sessions.forget(id_)
            return None
        return Identity(session.name, role, session.via, csrf_of(id_))

    async def begin(self, request: web.Request, response: web.StreamResponse, session: Session) -> None:
        """Begin a session by a new id, and end the one before."""
        await self._forget(request)
        id_ = secrets.token_urlsafe(ID_BYTES)
        await self._sessions.keep(id_, SESSION)
        response.set_cookie(self.cookie, self.signed(id_, session), **self.cookie_options)

    async def end(self, request: web.Request, response: web.StreamResponse) -> None:
        await self._forget(request)
        response.del_cookie(self.cookie, **self.cookie_options)

    def signed(self, id_: str, session: Session) -> str:
        """Return the cookie's value."""
        return self._signing.issue(PURPOSE, id_, session.name, session.via, f"{session.began}", session.role)

    def _read(self, request: web.Request) -> tuple[str, Session | None]:
        """Return the id and the session of the cookie; '' and None where relay has signed no such cookie."""
        try:
            id_, name, via, began, role = self._signing.redeem(PURPOSE, request.cookies.get(self.cookie, ""))
        except InvalidSignature:
            return "", None
        return id_, Session(name, via, float(began), role)

    async def _forget(self, request: web.Request) -> None:
        id_, session = self._read(request)
        if session:
            await self._sessions.forget(id_)
