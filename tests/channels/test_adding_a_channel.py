"""docs/adding-a-channel.md, done to a copy of relay: the channel delivers, and what relay promises holds for it too."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.policy.recipients import requested_recipients
from relay.policy.targets import Targets
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.copied import ROOT, answer, block, copy_to
from tests.support.workers import worker_of

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "adding-a-channel.md").read_text("utf-8")
TEMPLATE = block(PAGE, "yaml", "`templates/teams/`")
CHANNEL, FORMAT = "relay/channels/teams.py", "relay/rendering/formats/teams.py"
TABLES = {  # the files with the tables that the page names, and what each line needs
    "relay/channels/__init__.py": ("CHANNELS", "from relay.channels.teams import Teams"),
    "relay/rendering/formats/__init__.py": ("FORMATS", "from relay.rendering.formats.teams import TeamsFormat"),
}


def files(root: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(root)): file.read_bytes()
        for folder in ("relay", "templates")
        for file in (root / folder).rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    }


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """relay with the page done to it."""
    root = copy_to(tmp_path_factory.mktemp("copy"))
    (root / CHANNEL).write_text(block(PAGE, "python", CHANNEL), "utf-8")
    (root / FORMAT).write_text(block(PAGE, "python", FORMAT), "utf-8")
    (root / "templates" / "teams").mkdir()
    (root / "templates" / "teams" / "generic.yaml").write_text(TEMPLATE, "utf-8")
    for name, (table, needed) in TABLES.items():
        [line] = re.findall(rf"^{table}: .*$", PAGE, re.MULTILINE)
        text, count = re.subn(rf"^{table}: .*$", line, (root / name).read_text("utf-8"), flags=re.MULTILINE)
        assert count == 1
        (root / name).write_text(text.replace("\nfrom relay.", f"\n{needed}\nfrom relay.", 1), "utf-8")
    return root


@pytest.fixture
def teams() -> type[Any]:
    """The page's channel."""
    written: dict[str, Any] = {}
    exec(block(PAGE, "python", CHANNEL), written)
    made: type[Any] = written["Teams"]
    return made


def test_no_file_is_touched_but_those_that_the_page_names(copied: Path) -> None:
    before, after = files(ROOT), files(copied)

    assert {name for name, content in before.items() if after.get(name) != content} == {*TABLES}
    assert after.keys() - before.keys() == {CHANNEL, FORMAT, "templates/teams/generic.yaml"}
    assert all(f"`{name}`" in PAGE or f"({name})" in PAGE for name in (*TABLES, CHANNEL, FORMAT))


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_what_the_page_has_written_is_as_the_linter_wants_it(copied: Path, command: tuple[str, ...]) -> None:
    ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", f"{ROOT / 'pyproject.toml'}"]
    found = subprocess.run([*ruff, CHANNEL, FORMAT], cwd=copied, capture_output=True, check=False, text=True)

    assert found.returncode == 0, found.stdout + found.stderr


async def test_a_new_channel_is_one_file_one_folder_and_one_line(
    teams: type[Any], store: Store, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "generic.yaml").write_text(TEMPLATE, "utf-8")
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
channels: {{teams: {{webhooks: {{war-room: "{server.make_url("/workflow")}"}}}}}}
destinations: {{war-room: {{teams: war-room, language: de}}}}
rules: [{{notify: [war-room]}}]
""",
            env={},
            channels={"teams": teams},
        )
        channel = teams(config.channels["teams"])
        renderer = IsolatedRenderer([tmp_path, ROOT / "templates"])
        worker = worker_of(store, {"teams": channel}, config, renderer, clock=clock)
        event = events.progress(67)
        await store.accept(event, Targets(config, {"teams": teams}).of(event))

        await worker.run_once("teams")
        await channel.aclose()
        await renderer.aclose()

    assert (await Admin(store).ledger()).counts["delivered"] == 1
    text = cards[0]["attachments"][0]["content"]["body"][0]["text"]
    assert text.startswith("Läuft: Comprehensive Customer Journey Analysis.")


MESSAGE = """
import asyncio, json, sys
from datetime import UTC, datetime
from pathlib import Path
from relay.rendering import IsolatedRenderer
from relay.rendering.samples import sample_events

async def message():
    renderer = IsolatedRenderer([Path(sys.argv[1]), Path("templates")])
    event = sample_events([Path("templates")])["operation.failed"]
    made = await renderer.message(
        "teams", "each", event, (event,), language="de", timezone="UTC", now=datetime.now(UTC))
    await renderer.aclose()
    return made.content["text"], made.fault

print(json.dumps(asyncio.run(message())))
"""


def test_a_message_whose_template_failed_says_so(copied: Path, tmp_path: Path) -> None:
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "operation.failed.yaml").write_text("text: '{{ op.name.no.such.field }}'", "utf-8")

    text, fault = answer(copied, MESSAGE, tmp_path)

    first, last = text.rsplit("\n", 1)
    assert first
    assert last.endswith("weil die Vorlage teams/operation.failed.yaml fehlerhaft ist.")
    assert fault


def test_no_operation_asks_for_recipients_there_unless_its_class_allows_them(teams: type[Any]) -> None:
    config = parse_config("""
sources: {ops: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {email: {host: localhost, from: relay@example.com}, teams: {webhooks: {a: "https://example.com/workflow"}}}
destinations: {war-room: {teams: a}}
dynamic_destinations: {email_domains: example.com}
rules: []
""", env={}, channels=CHANNELS | {"teams": teams})  # fmt: skip
    wishes = {"teams": "https://example.com/other", "email": "analyst@example.com"}
    event = events.failed(notifications=wishes)

    found = requested_recipients(event, config.dynamic_destinations, CHANNELS | {"teams": teams}, config.channels)

    assert dict(found.addresses) == {"email": ("analyst@example.com",)}
