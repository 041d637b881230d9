"""The console on a port of its own, over a store that a test has filled, with whoever asks let in as this role."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from relay.channels import CHANNELS
from relay.config import Config, Role, load
from relay.console.access import IDENTITY, Identity
from relay.console.context import Context
from relay.console.site import Console
from relay.coordinator import Reload, build_channels, build_renderer
from relay.health import Health
from relay.ingest import Ingest
from relay.receiving.problems import answering
from relay.store import Store
from relay.store.audit import AuditTrail
from tests.support.stage import CONFIG, SECRET, TOKEN

CSRF = "the-form-of-this-session"


@dataclass
class Open:
    """The console as it is served."""

    server: TestServer
    client: ClientSession
    context: Context
    ingest: Ingest

    async def page(self, path: str, **headers: str) -> str:
        """The HTML of a page that is there."""
        async with self.client.get(self.server.make_url(f"/console{path}"), headers=headers) as response:
            text = await response.text()
            assert response.status == 200, text
            return text

    async def api(self, path: str) -> Any:
        async with self.client.get(self.server.make_url(f"/api/v1{path}")) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def act(self, path: str, **fields: Any) -> str:
        """Post a form of a page; the page that it leads back to."""
        form = {"csrf": CSRF, "back": "/console/now", **fields}
        async with self.client.post(self.server.make_url(f"/console{path}"), data=form) as response:
            return await response.text()


@asynccontextmanager
async def console(
    store: Store, clock: Callable[[], float], *, config: Config | None = None, role: Role = "operator", **parts: Any
) -> AsyncIterator[Open]:
    """`parts` take the place of the context's own. Rules and destinations are the stage's, unless `config` is given."""
    settings = config or stage_config()
    renderer = build_renderer(settings)
    health = Health(store, lambda: settings, clock=clock)
    await health.prepare()
    ingest = Ingest(store, lambda: settings, CHANNELS, clock=clock)
    own = {
        "store": store, "admin": health.admin, "config": lambda: settings, "renderer": lambda: renderer,
        "readiness": health.readiness, "ingest": ingest.ingest, "audit": AuditTrail(store.plain), "kinds": CHANNELS,
        "channels": {}, "refresh_silences": _no_silences, "reload": lambda **_: Reload("", ""),
        "operators_url": lambda: "http://127.0.0.1:9", "own_url": lambda: "http://127.0.0.1:9", "clock": clock,
    }  # fmt: skip
    context = Context(**(own | parts))
    built = Console(context)
    app = web.Application(middlewares=[answering(), _as(role)])
    app.add_routes([web.route("*", "/console{tail:.*}", built.page), web.route("*", "/api/v1/{tail:.*}", built.answer)])
    jar = CookieJar(unsafe=True)  # also of an address that is a number: what came of an action is in one
    async with TestServer(app) as server, ClientSession(cookie_jar=jar) as client:
        yield Open(server, client, context, ingest)
    await context.aclose()
    await renderer.aclose()


@asynccontextmanager
async def open_channels(config: Config) -> AsyncIterator[tuple[Config, dict[str, Any]]]:
    """The configuration, and its channels as a relay has them open."""
    channels = dict(build_channels(config))
    yield config, channels
    for channel in channels.values():
        await channel.aclose()


def stage_config(path: Path = CONFIG, **env: str) -> Config:
    """The stage's, whose Slack and mail server are never reached."""
    nowhere = {"STAGE_SLACK": "http://127.0.0.1:9/api/", "STAGE_SMTP": "9", "STAGE_DATA": ""}
    return load(path, env={"STAGE_SECRET": SECRET, "STAGE_TOKEN": TOKEN, **nowhere, **env}, channels=CHANNELS)


def more_destinations(folder: Path, destinations: str, rest: str) -> Config:
    """The stage's, with these destinations and what stands at its end."""
    head, mark, rules = CONFIG.read_text("utf-8").partition("\nrules:\n")
    file = folder / "relay.yaml"
    file.write_text(f"{head}\n{destinations}{mark}{rules}\n{rest}")
    return stage_config(file)


async def _no_silences() -> None:
    """No process delivers here."""


def _as(role: Role) -> Any:
    @web.middleware
    async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[IDENTITY] = Identity("ana", role, "link", CSRF)
        return await handler(request)

    return let_in
