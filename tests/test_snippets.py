"""Every block of code in the documentation: commands are run beside one relay, configurations are checked.

Who writes a block gives it a language: `sh` is run, `yaml` is a part of the configuration, `json` and `python` are
read, `text` is only shown: output, trees, files of other programs. What cannot be run or checked here, has
`<!-- not run: why -->` above it.
"""

import ast
import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from relay.channels import CHANNELS
from relay.config import load
from relay.coordinator import build_renderer
from relay.domain.parsing import parse
from relay_sandbox.standins.inbox import Inbox
from relay_sandbox.standins.slack import SlackStandin
from tests.support.commands import ROOT, Done, Serving, environment, relay
from tests.support.events import body
from tests.support.every_case import every_case
from tests.support.inprocess import NEEDED
from tests.support.pages import blocks
from tests.support.patience import patience
from tests.support.ports import own_host
from tests.support.sender import Sender

pytestmark = pytest.mark.slow

# The commands of these are run by tests of their own.
ELSEWHERE = (
    "README.md", "CONTRIBUTING.md", "docs/campaign.md", "docs/sandbox.md", "docs/slack.md", "docs/templates.md",
)  # fmt: skip
LANGUAGES = {"sh", "yaml", "json", "python", "jinja", "text"}
COMMAND = re.compile(r"^(?:\$ )?(?:relay|make|docker|pip|kubectl|curl|sudo|systemctl|export|python) ", re.M)
SHELL = set("|;&$()<>`*")
OPERATION = "op-ff0e8400"  # the one that the pages ask about
# What the pages name, and a reader has.
NAMED = {"on-call": {"email": "oncall@example.com"}, "relay-room": {"slack": "#relay"}}
SECRETS = {"SLACK_APP_TOKEN": "xapp-1-A0123-4567-abcdef", "RELAY_HEARTBEAT": "https://monitor.example.com/ping/1"}
COMMANDS = [block for block in blocks("sh") if not block.reason and block.page not in ELSEWHERE]
CONFIGURATIONS = [block for block in blocks("yaml") if not block.reason]

yaml = YAML(typ="safe", pure=True)


@pytest.fixture
def reader(home: Path) -> Path:
    """Return where a reader would be: a folder with the repository's files."""
    for name in ("docs", "tests", "templates"):
        (home / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "config", home / "config")
    (home / "bin").mkdir()
    program = f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m relay "$@"\n'
    (home / "bin/relay").write_text(program, "utf-8")
    (home / "bin/relay").chmod(0o755)
    return home


@pytest.fixture
async def env(reader: Path) -> AsyncIterator[dict[str, str]]:
    """Of a shell beside a relay that runs by config/relay.yaml, knows an operation, and talks to nobody outside."""
    host = own_host()
    async with SlackStandin() as slack, Inbox() as inbox:
        file = reader / "config/relay.yaml"
        text = file.read_text("utf-8").replace("  slack:\n", f"  slack:\n    base_url: {slack.base_url}\n", 1)
        file.write_text(text, "utf-8")
        variables = {**NEEDED, "SMTP_PORT": str(inbox.smtp_port), "SMTP_HOST": "127.0.0.1", "RELAY_HOST": host,
                     "RELAY_ADMIN_HOST": host, "RELAY_DATA_DIR": str(reader / "data"),
                     "PATH": f"{reader}/bin:{os.environ['PATH']}"}  # fmt: skip
        async with Serving(file, variables) as serving:
            sender = Sender(f"{serving.url}/webhooks/async-operations", NEEDED["RELAY_WEBHOOK_SECRET"], clock=time.time)
            event = body("operation.completed", 100, operationId=OPERATION, status="Completed")
            reply = await sender.post({name: value for name, value in event.items() if name != "timestamp"})
            assert reply.status == 202, reply.body
            yield variables
            serving.send_signal(signal.SIGINT)  # there is no balancer to wait for
            await serving.wait()


async def run(line: str, env: Mapping[str, str], home: Path) -> Done:
    """One line of a block: by a shell where it needs one, else in a process that has imported relay."""
    words = shlex.split(line, comments=True)
    if words[0] == "relay" and not SHELL & set(line.partition(" #")[0]):
        return await relay(*words[1:], env=env, cwd=home)
    process = await asyncio.create_subprocess_exec(
        "bash", "-ec", line, cwd=home, env=environment(env),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), patience())
    return Done(process.returncode or 0, out.decode(), err.decode())


async def test_every_command_of_every_page_works(env: dict[str, str], home: Path) -> None:
    failed = []
    for _, shown in groupby(COMMANDS, lambda block: block.page):
        here = dict(env)
        for where, line in ((str(block), line) for block in shown for line in block.text.splitlines()):
            words = shlex.split(line, comments=True)
            if words[:1] == ["export"]:
                here |= dict(word.split("=", 1) for word in words[1:])
            elif words:
                done = await run(line, here, home)
                failed += [f"{where}: {line}\n{done.out}{done.err}"] if done.status else []

    assert len(COMMANDS) > 5
    assert not failed, "\n".join(failed)


def test_every_configuration_of_a_page_is_one_that_check_takes(tmp_path: Path) -> None:
    """All that check looks at but the templates, which are the same for all of them."""
    file = tmp_path / "relay.yaml"
    with every_case() as case:
        for block in CONFIGURATIONS:
            with case(block):
                text = re.sub(r"/etc/relay(?=/)|/run/secrets(?=/)", str(tmp_path), block.text)
                file.write_text(json.dumps(within(yaml.load(text))), "utf-8")
                names = re.findall(r"\$\{(\w+)\}", file.read_text("utf-8"))
                variables = {name: f"zK3-{name.lower()}-of-the-page-93b1" for name in names} | NEEDED | SECRETS
                config = load(file, env=variables, channels=CHANNELS)
                build_renderer(config)


def within(shown: dict[str, Any]) -> dict[str, Any]:
    """The shipped configuration with what a block shows of it in its place."""
    whole = yaml.load((ROOT / "config/relay.yaml").read_text("utf-8"))
    whole["destinations"] |= NAMED
    for name, value in shown.items():
        whole[name] = {**whole.get(name, {}), **value} if name in ("channels", "destinations") else value
    return dict(whole)


def test_every_block_says_what_it_is_and_only_what_is_no_command_is_text() -> None:
    shown = blocks()

    assert len(shown) > 50
    assert [f"{block} has no language: sh, yaml, json, python, jinja or text"
            for block in shown if block.language not in LANGUAGES] == []  # fmt: skip
    texts = [block for block in shown if block.language == "text" and block.page not in ELSEWHERE]
    assert [f"{block} has a command: sh" for block in texts if COMMAND.search(block.text)] == []


@pytest.mark.parametrize("language", ["json", "python"])
def test_every_document_can_be_read(language: str) -> None:
    read = {"json": json.loads, "python": ast.parse}[language]
    for block in (block for block in blocks(language) if not block.text.startswith(" ")):  # those are parts of a file
        for text in block.text.splitlines() if language == "json" and block.text.count("\n{") else [block.text]:
            read(text)


def test_what_senders_are_shown_is_understood_as_it_is_meant() -> None:
    [shown] = [block.text for block in blocks("json") if block.page == "docs/events.md"]
    events = [parse(json.loads(line), source="nightly", received_at=datetime.now(UTC)) for line in shown.splitlines()]

    assert [event.name for event in events] == [
        f"operation.{one}" for one in ("started", "progress", "completed", "failed")
    ]
    assert {(event.subject, event.dated) for event in events} == {("nightly-2026-11-29", True)}
    _, progress, completed, failed = events
    assert (progress.percentage, failed.error["message"]) == (40, "disk full")
    assert completed.results["summary"]["recordsProcessed"] == 89_420
