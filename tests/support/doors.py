"""The console's door on the operators' listener, with a page and an action behind it, and browsers before it."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from argon2 import PasswordHasher
from prometheus_client import REGISTRY

from relay.config import Config
from relay.console.access import WHO, Door
from relay.console.access.forms import read_fields
from relay.console.streams import Streams
from relay.receiving.access import Admin
from relay.receiving.admin import make_admin_app
from relay.receiving.guard import Guard
from relay.receiving.probes import Probes
from relay.receiving.server import serve
from relay.store import Store
from relay.store.audit import AuditEntry, AuditTrail
from tests.support.clock import Clock
from tests.support.configuration import GOOD, configured
from tests.support.patience import patience

CHEAP = PasswordHasher(time_cost=5, memory_cost=7168, parallelism=1)  # as cheap as a configuration may be
RIGHT, OTHER = "correct horse battery", "another horse battery"
HASHES = {password: CHEAP.hash(password, salt=b"the same for all") for password in (RIGHT, OTHER)}
TOKEN, LOOKER = "Yq3x7Wc1Lf9Zk2Rb8Vt5Nh4Dm6Gs0Jp", "Bn8vXc2Mz5Lk1Jh7Gf4Ds9Aq3Wp6Oe0"
USERS = f"""\
  users:
    jana: {{password: "{HASHES[RIGHT]}", role: operator}}
    viktor: {{password: "{HASHES[OTHER]}", role: viewer}}
"""
TOKENS = f"""\
  tokens:
    deploy: {{token: {TOKEN}, role: operator}}
    wallboard: {{token: {LOOKER}, role: viewer}}
"""
SAME = {"Sec-Fetch-Site": "same-origin"}


def console(*parts: str) -> Config:
    """A configuration with these lines under `console`; without any, there is no such section."""
    return configured(f"{GOOD}console:\n{''.join(parts)}") if parts else configured(GOOD)


@dataclass
class Page:
    """What a browser was answered."""

    status: int
    headers: Mapping[str, str]
    text: str
    cookies: Mapping[str, str] = field(default_factory=dict)  # names → the lines that set them

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


class Browser:
    """Keeps its cookies, and says with each request what a browser says of a page's own forms."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self.base = base
        self.session = session

    async def get(self, path: str, **headers: str) -> Page:
        return await self.ask("GET", path, headers=headers)

    async def post(
        self, path: str, fields: Mapping[str, str] | None = None, headers: Mapping[str, str] = SAME, **more: Any
    ) -> Page:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.ask("POST", path, data=urlencode(fields or {}), headers={**form, **headers}, **more)

    async def ask(self, method: str, path: str, **options: Any) -> Page:
        address = path if path.startswith("http") else self.base + path
        async with self.session.request(method, address, allow_redirects=False, **options) as response:
            lines = {line.partition("=")[0]: line for line in response.headers.getall("Set-Cookie", [])}
            return Page(response.status, dict(response.headers), await response.text(), lines)

    async def log_in(self, name: str = "jana", password: str = RIGHT, back: str = "/console/now") -> Page:
        return await self.post("/console/login", {"name": name, "password": password, "next": back})

    async def csrf(self) -> str:
        """What the page behind the door would put into its forms."""
        found = re.search(r"csrf=(\w+)", (await self.get("/console/now")).text)
        return found[1] if found else ""


@dataclass
class Served:
    """`config` may be changed, as a reload does."""

    config: Config
    store: Store
    clock: Clock
    door: Door = field(init=False)
    url: str = ""
    acted: list[str] = field(default_factory=list)  # by whom
    looks: int = 0  # how often the part that lives was made

    async def audit(self) -> list[AuditEntry]:
        return await AuditTrail(self.store.redis, self.store.sealer).entries()

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(patience()), cookie_jar=aiohttp.CookieJar(unsafe=True)
        ) as session:
            yield Browser(self.url, session)


async def _unready() -> Any:
    raise AssertionError("nobody asks")


@asynccontextmanager
async def served(
    config: Config,
    store: Store,
    clock: Clock,
    *,
    admin: Admin | None = None,
    guard: Guard | None = None,
    **door: Any,
) -> AsyncIterator[Served]:
    """The operators' listener with the door, a page that says who looks at it, and one that acts."""
    here = Served(config, store, clock)
    here.door = Door(lambda: here.config, store, clock=clock, **{"loopback": True, **door})
    app = make_admin_app(Probes(_unready, REGISTRY, ""), admin or Admin(), web.Application(), here.door)
    app.on_response_prepare.append(here.door.label)
    app.add_routes(here.door.routes())
    streams = Streams(period=0.02)
    for prefix, middleware in (("/console", here.door.middleware), ("/api/v1", here.door.api_middleware)):
        behind = web.Application(middlewares=[middleware])

        async def show(request: web.Request) -> web.Response:
            who = request[WHO]
            return web.Response(text=f"{who.name} {who.role} {who.via} csrf={who.csrf}")

        async def act(request: web.Request) -> web.Response:
            here.acted.append(request[WHO].name)
            return web.Response(text=(await read_fields(request)).get("field", ""))

        async def style(_request: web.Request) -> web.Response:
            return web.Response(text="body {}", content_type="text/css", headers={"Cache-Control": "max-age=60"})

        async def follow(request: web.Request) -> web.StreamResponse:
            return await streams.follow(request, "now", look)

        async def look() -> str:
            here.looks += 1
            return "a part"

        behind.add_routes([web.get("/live/now", follow)])
        behind.add_routes([web.get("/now", show), web.post("/act", act), web.get("/static/console.css", style)])
        app.add_subapp(prefix, behind)
    runner = await serve(app, "127.0.0.1", 0, grace=5.0, guard=guard or Guard())
    host, port = runner.addresses[0][:2]
    here.url = f"http://{host}:{port}"
    try:
        yield here
    finally:
        await streams.aclose()
        await runner.cleanup()
        await here.door.aclose()
