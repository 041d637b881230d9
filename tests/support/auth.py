"""The console's authentication on the operators' listener: a page and an action behind it, browsers before it."""

import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader, StrictUndefined

from relay.config import OPERATOR, Config, Role
from relay.console.access import IDENTITY, ConsoleAuth
from relay.console.access.browser import read_fields
from relay.console.access.login_flow import make_link
from relay.console.pages import HERE
from relay.domain.tokens import Signing
from relay.receiving.guard import Guard
from relay.receiving.listeners import make_admin_app
from relay.receiving.operators import Admin
from relay.receiving.probes import Probes
from relay.receiving.server import serve
from relay.store import Store
from relay.store.audit import AuditEntry, AuditTrail
from relay.store.sessions import Sessions
from tests.support.audit import acts_of
from tests.support.clock import Clock
from tests.support.configuration import GOOD, configured
from tests.support.patience import patience
from tests.support.stage import SIGNING

TOKEN, LOOKER = "Yq3x7Wc1Lf9Zk2Rb8Vt5Nh4Dm6Gs0Jp", "Bn8vXc2Mz5Lk1Jh7Gf4Ds9Aq3Wp6Oe0"
TOKENS = f"""\
  tokens:
    deploy: {{token: {TOKEN}, role: operator}}
    wallboard: {{token: {LOOKER}, role: viewer}}
"""
SAME = {"Sec-Fetch-Site": "same-origin"}


def console(*parts: str, trusted_proxies: str = "") -> Config:
    """A configuration with these lines under `console`; without any, there is no such section."""
    server = f"server: {{trusted_proxies: {trusted_proxies}}}\n" if trusted_proxies else ""
    return configured(f"{server}{GOOD}console:\n{''.join(parts)}") if parts else configured(f"{server}{GOOD}")


@dataclass
class Page:
    """Record of what a browser was answered."""

    status: int
    headers: Mapping[str, str]
    text: str
    cookies: Mapping[str, str] = field(default_factory=dict)  # names → the lines that set them

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")


async def link_to(base: str, store: Store, clock: Callable[[], float], role: Role, name: str) -> str:
    """Return a link into the console that somebody of this name has made."""
    return await make_link(Sessions(store), SIGNING, base, role, name, now=clock())


class Browser:
    """Keeps its cookies, and says with each request what a browser says of a page's own forms."""

    def __init__(self, base: str, session: aiohttp.ClientSession, store: Store | None = None,
                 clock: Callable[[], float] = time.time) -> None:  # fmt: skip
        self.base = base
        self.session = session
        self.store = store
        self.clock = clock

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

    async def log_in(self, name: str = "jana", role: Role = OPERATOR) -> Page:
        """By a link that somebody of this name has made."""
        assert self.store
        return await self.post(await link_to(self.base, self.store, self.clock, role, name))

    async def csrf(self) -> str:
        """Return what the page behind the login would put into its forms."""
        found = re.search(r"csrf=(\w+)", (await self.get("/console/now")).text)
        return found[1] if found else ""


@dataclass
class Served:
    """`config` may be changed, as a reload does."""

    config: Config
    store: Store
    clock: Clock
    secrets: list[bytes] = field(default_factory=SIGNING.secrets)
    auth: ConsoleAuth = field(init=False)
    url: str = ""
    acted: list[str] = field(default_factory=list)  # by whom

    async def audit(self) -> list[AuditEntry]:
        return await acts_of(self.store.redis)

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(patience()), cookie_jar=aiohttp.CookieJar(unsafe=True)
        ) as session:
            yield Browser(self.url, session, self.store, self.clock)


def _plain(_request: web.Request, template: str, values: Mapping[str, Any]) -> str:
    """Render relay's own pages in a frame without the console's navigation."""
    frame = DictLoader({"base.html": "<title>{% block title %}{% endblock %}</title>{% block content %}{% endblock %}"})
    loader = ChoiceLoader([frame, FileSystemLoader(HERE / "templates")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template(template).render(values)


async def _nobody_asks() -> Any:
    raise AssertionError


@asynccontextmanager
async def served(
    config: Config,
    store: Store,
    clock: Clock,
    *,
    admin: Admin | None = None,
    guard: Guard | None = None,
    **options: Any,
) -> AsyncIterator[Served]:
    """The operators' listener with authentication, a page that says who looks at it, and one that acts."""
    here = Served(config, store, clock)
    trail = AuditTrail(store.plain)
    here.auth = ConsoleAuth(
        lambda: here.config,
        store,
        Signing(lambda: here.secrets),
        audit=trail,
        render=_plain,
        clock=clock,
        **{"loopback": True, **options},
    )
    app = make_admin_app(Probes(_nobody_asks, ""), admin or Admin(), set(), here.auth)
    app.on_response_prepare.append(here.auth.label)
    app.add_routes(here.auth.routes())
    for prefix, middleware in (("/console", here.auth.middleware), ("/api/v1", here.auth.api_middleware)):
        behind = web.Application(middlewares=[middleware])

        async def show(request: web.Request) -> web.Response:
            who = request[IDENTITY]
            return web.Response(text=f"{who.name} {who.role} {who.via} csrf={who.csrf}")

        async def act(request: web.Request) -> web.Response:
            here.acted.append(request[IDENTITY].name)
            return web.Response(text=(await read_fields(request)).get("field", ""))

        behind.add_routes([web.get("/now", show), web.post("/act", act)])
        app.add_subapp(prefix, behind)
    runner = await serve(app, "127.0.0.1", 0, grace=5.0, guard=guard or Guard())
    host, port = runner.addresses[0][:2]
    here.url = f"http://{host}:{port}"
    try:
        yield here
    finally:
        await runner.cleanup()
