"""Links that let one person in, once. Opening one changes nothing, since whatever previews links opens them, too."""

import secrets
from math import inf

from aiohttp import web

from relay.config import Role
from relay.console.access import messages
from relay.console.access.entrance import Entrance
from relay.console.access.origin import PAGES, START
from relay.console.access.pages import answer
from relay.console.access.roles import LINK
from relay.receiving import request_body
from relay.store.sessions import Link, Session, Sessions

MINUTES = 10
ID = 32  # random bytes
LONGEST = 100
RECORDED = 1.0  # seconds between two refusals that are recorded: 256 random bits need no throttle, the log does


class Links:
    """The page of a link, and its button."""

    def __init__(self, entrance: Entrance, sessions: Sessions) -> None:
        self._entrance = entrance
        self._sessions = sessions
        self._recorded = -inf

    def routes(self) -> list[web.RouteDef]:
        serving, path = self._entrance.serving, f"{PAGES}/enter/{{token}}"
        return [
            web.get(path, serving(self.ask)),
            web.post(path, serving(self.submit), expect_handler=request_body.expect_later),
        ]

    async def ask(self, request: web.Request) -> web.StreamResponse:
        return answer(self._entrance.render(request, "enter.html", {}))

    async def submit(self, request: web.Request) -> web.StreamResponse:
        entrance = self._entrance
        if not entrance.from_here(request):
            return entrance.elsewhere(request, "link")
        link = await self._sessions.take(request.match_info["token"][:LONGEST])
        if link is None:
            if (now := entrance.clock()) - self._recorded >= RECORDED:
                self._recorded = now
                await entrance.turned_away(request, "", LINK, "used, too old, or none")
            return entrance.refused(request, messages.NOT_LET_IN, messages.USED)
        session = Session(f"guest of {link.maker}", LINK, entrance.clock(), role=link.role)
        return await entrance.let_in(request, session, START)


async def make_link(sessions: Sessions, base: str, role: Role, maker: str) -> str:
    """The whole link, at a console whose address this is. StoreUnavailable: there is none."""
    token = secrets.token_urlsafe(ID)
    await sessions.lay(token, Link(role, maker), MINUTES * 60)
    return f"{base}{PAGES}/enter/{token}"
