"""Browsers: by which cookie they are known again, and who is behind it."""

import secrets
from collections.abc import Callable

from aiohttp import web

from relay.config import Config
from relay.config.console import LONGEST_SESSION
from relay.console.access.origin import csrf_of
from relay.console.access.roles import role_of
from relay.console.access.who import Who
from relay.store.sessions import Session, Sessions

NAME = "relay-console"
ID = 32  # random bytes
LONGEST = 64  # characters: what is longer is no id of ours


class Visitors:
    """`secure`: the listener speaks TLS. Raises StoreUnavailable.

    A session slides: it is over when nothing was asked for `console.session`, and after a week in any case.
    """

    def __init__(
        self, sessions: Sessions, config: Callable[[], Config], clock: Callable[[], float], *, secure: bool
    ) -> None:
        self._sessions = sessions
        self._config = config
        self._clock = clock
        self._tls = secure

    @property
    def secure(self) -> bool:
        """Whether browsers come by TLS, to us or to the proxy before us."""
        return self._tls or self._config().console.url.startswith("https:")

    @property
    def cookie(self) -> str:
        """Its name. With this prefix no other host and no page without TLS can set it."""
        return f"__Host-{NAME}" if self.secure else NAME

    async def who(self, request: web.Request, *, slide: bool = True) -> Who | None:
        """Nobody, where the cookie is missing, too old, or of somebody who may not in any more.

        Without `slide` it was no request: a page that is open by itself keeps nobody logged in.
        """
        id_ = request.cookies.get(self.cookie, "")
        if not id_ or len(id_) > LONGEST:
            return None
        console = self._config().console
        session = await self._sessions.find(id_, console.session if slide else None)
        if session is None:
            return None
        role = role_of(console, session)
        if role is None or not 0 <= self._clock() - session.began + 60 < LONGEST_SESSION:
            await self._sessions.forget(id_)
            return None
        return Who(session.name, role, session.via, csrf_of(id_))

    async def admit(self, request: web.Request, response: web.StreamResponse, session: Session) -> None:
        """By a new id: one that somebody has put there before, or has seen, is worth nothing."""
        if before := request.cookies.get(self.cookie, ""):
            await self._sessions.forget(before[: LONGEST + 1])
        id_ = secrets.token_urlsafe(ID)
        await self._sessions.keep(id_, session, self._config().console.session)
        # Lax: a link from Slack, and the way back from a provider, come from elsewhere and find the login. What a page
        # elsewhere posts comes without it.
        response.set_cookie(self.cookie, id_, path="/", httponly=True, secure=self.secure, samesite="Lax")

    async def leave(self, request: web.Request, response: web.StreamResponse) -> None:
        if id_ := request.cookies.get(self.cookie, ""):
            await self._sessions.forget(id_[: LONGEST + 1])
        response.del_cookie(self.cookie, path="/", httponly=True, secure=self.secure, samesite="Lax")
