"""docs/adding-a-channel.md, done: its code and its template deliver an event."""

import re
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from relay.config import parse_config
from relay.policy.rules import decide
from relay.policy.targets import Targets
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.workers import worker_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-channel.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


async def test_a_new_channel_is_one_file_one_folder_and_one_line(store: Store, clock: Clock, tmp_path: Path) -> None:
    written: dict[str, Any] = {}
    exec(block("python"), written)
    teams = written["Teams"]
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "generic.yaml").write_text(block("yaml"), "utf-8")
    cards: list[Any] = []

    async def workflow(request: web.Request) -> web.Response:
        cards.append(await request.json())
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/workflow", workflow)
    async with TestServer(app) as server:
        config = parse_config(
            f"""
sources: {{async-operations: {{signature: {{secrets: {{current: "a-secret-of-enough-length"}}}}}}}}
destinations: {{war-room: {{teams: "{server.make_url("/workflow")}", language: de}}}}
rules: [{{notify: [war-room]}}]
""",
            env={},
            channels={"teams": teams},
        )
        channel = teams(config.channels["teams"])
        renderer = IsolatedRenderer([tmp_path, ROOT / "templates"])
        worker = worker_of(store, {"teams": channel}, config, renderer, clock=clock)
        event = events.progress(67)
        await store.accept(event, Targets(config, {"teams": teams}).of(decide(event, config.rules)))

        await worker.run_once("teams")
        await channel.aclose()
        await renderer.aclose()

    assert (await Admin(store).ledger()).counts["delivered"] == 1
    text = cards[0]["attachments"][0]["content"]["body"][0]["text"]
    assert text.startswith("Läuft: Comprehensive Customer Journey Analysis.")
