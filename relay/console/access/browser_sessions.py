"""Sessions of browsers: the cookie, and who is behind it."""

import secrets
from collections.abc import Callable

from aiohttp import web

from relay.config import Config
from relay.config.console import LONGEST_SESSION
from relay.console.access.browser import csrf_of
from relay.console.access.identity import Identity, proxied_user, role_of
from relay.store.sessions import Session, Sessions

NAME = "relay-console"
ID_BYTES = 32
LONGEST_ID = 64  # characters: what is longer is no id of ours


class BrowserSessions:
    """A session ends when nothing was asked for `console.session`, and after a week in any case.

    `tls`: the listener speaks it. Raises StoreUnavailable.
    """

    def __init__(
        self, sessions: Sessions, config: Callable[[], Config], clock: Callable[[], float], *, tls: bool
    ) -> None:
        self._sessions = sessions
        self._config = config
        self._clock = clock
        self._tls = tls

    @property
    def secure(self) -> bool:
        """Return whether browsers come by TLS, to us or to the proxy before us."""
        return self._tls or self._config().console.url.startswith("https:")

    @property
    def cookie(self) -> str:
        """Its name. With this prefix no other host and no page without TLS can set it."""
        return f"__Host-{NAME}" if self.secure else NAME

    async def identify(self, request: web.Request, *, extend: bool = True) -> Identity | None:
        """Return who asks; None if the cookie is missing, too old, or of a user without a role.

        Without `extend` it was a page that is open by itself, which keeps no session alive.
        """
        id_ = request.cookies.get(self.cookie, "")
        if not id_ or len(id_) > LONGEST_ID:
            return None
        console = self._config().console
        session = await self._sessions.find(id_, console.session if extend else None)
        if session is None:
            return None
        role = role_of(console, session, proxied_user(request, console))
        if role is None or not 0 <= self._clock() - session.began + 60 < LONGEST_SESSION:
            await self._sessions.forget(id_)
            return None
        return Identity(session.name, role, session.via, csrf_of(id_))

    async def begin(self, request: web.Request, response: web.StreamResponse, session: Session) -> None:
        """Begin a session by a new id: one that was planted or seen before is worth nothing."""
        if before := request.cookies.get(self.cookie, ""):
            await self._sessions.forget(before[: LONGEST_ID + 1])
        id_ = secrets.token_urlsafe(ID_BYTES)
        await self._sessions.keep(id_, session, self._config().console.session)
        # Lax: a link from Slack, and the way back from a provider, come from elsewhere and find the login. What a page
        # elsewhere posts comes without it.
        response.set_cookie(self.cookie, id_, path="/", httponly=True, secure=self.secure, samesite="Lax")

    async def end(self, request: web.Request, response: web.StreamResponse) -> None:
        if id_ := request.cookies.get(self.cookie, ""):
            await self._sessions.forget(id_[: LONGEST_ID + 1])
        response.del_cookie(self.cookie, path="/", httponly=True, secure=self.secure, samesite="Lax")
