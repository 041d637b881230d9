"""The console on a port of its own, over a store that a test has filled, with whoever asks let in as this role."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
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
from tests.support.events import body, event_of
from tests.support.stage import CONFIG, SECRET, SIGNING, TOKEN

CSRF = "the-form-of-this-session"


@dataclass
class Open:
    """The console as it is served."""

    server: TestServer
    client: ClientSession
    context: Context
    ingest: Ingest

    async def ask(self, path: str, method: str = "GET", **options: Any) -> tuple[int, str]:
        """The status and the text of any address."""
        async with self.client.request(method, self.server.make_url(path), **options) as response:
            return response.status, await response.text()

    async def page(self, path: str, **headers: str) -> str:
        """The HTML of a page that is there."""
        status, text = await self.ask(f"/console{path}", headers=headers)
        assert status == 200, text
        return text

    async def api(self, path: str) -> Any:
        status, text = await self.ask(f"/api/v1{path}")
        assert status == 200, text
        return json.loads(text)

    async def act(self, path: str, **fields: Any) -> str:
        """Post a form of a page; the page that it leads back to."""
        form = {"csrf": CSRF, "back": "/console/now", **fields}
        return (await self.ask(f"/console{path}", "POST", data=form))[1]

    async def take(self, name: str, percentage: float, tenant: str, **operation: Any) -> None:
        """Have an event of a run taken."""
        await self.ingest.ingest(event_of(body(f"operation.{name}", percentage, **operation) | {"tenantId": tenant}))


@asynccontextmanager
async def console(
    store: Store, clock: Callable[[], float], *, config: Config | None = None, role: Role = "operator", **parts: Any
) -> AsyncIterator[Open]:
    """`parts` take the place of the context's own. Rules and destinations are the stage's, unless `config` is given."""
    settings = config or _usual_config()
    renderer = build_renderer(config) if config else _usual_renderer()
    health = Health(store, lambda: settings, clock=clock)
    await health.prepare()
    ingest = Ingest(store, lambda: settings, CHANNELS, clock=clock)
    own = {
        "store": store, "signing": SIGNING,
        "admin": health.admin, "config": lambda: settings, "renderer": lambda: renderer,
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


def confirmed(page: str) -> dict[str, str]:
    """Return the fields of the form that acts on all that match."""
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.split('class="confirm"')[1]))
    del fields["csrf"]
    return fields


# Compiling templates takes longer than most tests: these serve all that a process runs.
_usual_config = cache(stage_config)
_usual_renderer = cache(lambda: build_renderer(_usual_config()))


async def _no_silences() -> None:
    """No process delivers here."""


def _as(role: Role) -> Any:
    @web.middleware
    async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[IDENTITY] = Identity("ana", role, "link", CSRF)
        return await handler(request)

    return let_in
