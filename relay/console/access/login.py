"""Names and passwords, and the way out."""

import math

from aiohttp import web

from relay.console.access import messages
from relay.console.access.entrance import Entrance
from relay.console.access.forms import read_form
from relay.console.access.origin import LOGIN, PAGES, alike, leading_back
from relay.console.access.pages import answer
from relay.console.access.passwords import Busy, Passwords
from relay.console.access.roles import PASSWORD, mark_of
from relay.receiving import request_body
from relay.receiving.connection import client_of
from relay.store.audit import Act, say
from relay.store.sessions import Session

SOON = 5  # seconds after which to come again where too many are being looked at


class Login:
    """The page and its form. A name that nobody has is answered as one with another password, and as late."""

    def __init__(self, entrance: Entrance, passwords: Passwords) -> None:
        self._entrance = entrance
        self._passwords = passwords

    def routes(self) -> list[web.RouteDef]:
        serving = self._entrance.serving
        return [
            web.get(LOGIN, serving(self.ask)),
            web.post(LOGIN, serving(self.submit), expect_handler=request_body.expect_later),
            web.post(f"{PAGES}/logout", serving(self.leave), expect_handler=request_body.expect_later),
        ]

    async def ask(self, request: web.Request) -> web.StreamResponse:
        back = leading_back(request.query.get("next", ""))
        if await self._entrance.visitors.who(request):
            raise web.HTTPSeeOther(back)
        return self._page(request, back)

    async def submit(self, request: web.Request) -> web.StreamResponse:
        entrance = self._entrance
        if not entrance.from_here(request):
            return entrance.elsewhere(request, "login")
        form = await read_form(request)
        name, back, users = form.get("name", ""), leading_back(form.get("next", "")), entrance.console.users
        if not users:
            return self._page(request, back)
        try:
            with self._passwords.seat() as seat:  # first: who finds none has tried nothing, and it is not counted
                if wait := await entrance.wait(request, f"{PASSWORD} {name}"):
                    return self._later(request, back, name, messages.LATER, math.ceil(wait))
                right = await seat.right(users, name, form.get("password", ""))
        except Busy:
            return self._later(request, back, name, messages.BUSY, SOON)
        if not right:
            await entrance.turned_away(request, name if name in users else "", PASSWORD, "wrong name or password")
            return self._page(request, back, name=name, fault=messages.WRONG, status=403)
        await entrance.right(request, f"{PASSWORD} {name}")
        mark = mark_of(users[name].password.get_secret_value())
        return await entrance.let_in(request, Session(name, PASSWORD, entrance.clock(), mark), back)

    async def leave(self, request: web.Request) -> web.StreamResponse:
        entrance = self._entrance
        response = web.Response(status=303, headers={"Location": LOGIN})
        if (who := await entrance.visitors.who(request)) is None:
            return response
        form = await read_form(request)
        if not entrance.from_here(request) or not alike(form.get("csrf", ""), who.csrf):
            return entrance.elsewhere(request, "logout")
        await entrance.visitors.leave(request, response)
        act = Act(who.name, "console logout", "", {"by": who.via, "peer": client_of(request)}, "out")
        say(act)
        await entrance.audit.note(act)
        return response

    def _later(self, request: web.Request, back: str, name: str, fault: str, seconds: int) -> web.Response:
        headers = {"Retry-After": f"{seconds}"}
        return self._page(request, back, name=name, fault=fault, seconds=seconds, status=429, headers=headers)

    def _page(
        self,
        request: web.Request,
        back: str,
        *,
        name: str = "",
        fault: str = "",
        seconds: int = 0,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        console = self._entrance.console
        values = {
            "next": back,
            "name": name[:100],
            "fault": fault,
            "seconds": seconds,
            "passwords": bool(console.users),
            "provider": console.oidc.name if console.oidc else "",
        }
        return answer(self._entrance.render(request, "login.html", values), status, headers)
