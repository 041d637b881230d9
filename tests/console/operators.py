"""The operators' listener with all of the console and its authentication, over a store that a test has filled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from relay.config import Role
from relay.console.access.identity import LINK, NAME, PURPOSE
from relay.console.context import Context
from relay.console.mount import OpenConsole
from relay.receiving.listeners import make_admin_app
from relay.receiving.operators import Admin
from relay.receiving.probes import Probes
from relay.receiving.server import serve
from relay.store.sessions import Sessions


@dataclass
class Answered:
    """A request, and the headers of its answer."""

    path: str
    status: int
    headers: dict[str, str]


@dataclass
class Listening:
    """`answers` are those to whoever asked, in their order."""

    context: Context
    url: str = ""
    answers: list[Answered] = field(default_factory=list)
    cookies: dict[str, str] = field(default_factory=dict)  # of the sessions, by their ids

    async def session(self, id_: str, *, role: Role = "operator", name: str = "ana") -> dict[str, str]:
        """Let in a browser that has this id; its cookie."""
        await Sessions(self.context.store).keep(id_, 3600)
        facts = (id_, name, LINK, f"{self.context.clock()}", role)
        self.cookies[id_] = self.context.signing.issue(PURPOSE, *facts)
        return {NAME: self.cookies[id_]}


@asynccontextmanager
async def listening(context: Context, admin: Admin | None = None) -> AsyncIterator[Listening]:
    """Serve it as relay does, on any free port."""
    admin = admin or Admin()
    here = Listening(context)
    console = OpenConsole(context, admin)
    app = make_admin_app(Probes(context.readiness, ""), admin, set(), console.auth)
    console.add_to(app)

    async def note(request: web.Request, response: web.StreamResponse) -> None:
        here.answers.append(Answered(request.path, response.status, dict(response.headers)))

    app.on_response_prepare.append(note)
    runner = await serve(app, "127.0.0.1", 0, grace=5.0)
    host, port = runner.addresses[0][:2]
    here.url = f"http://{host}:{port}"
    try:
        yield here
    finally:
        await runner.cleanup()
        await console.commands.aclose()
