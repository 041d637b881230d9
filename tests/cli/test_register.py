"""relay register against the sandbox: once, again, after a change, without doing it, and refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from relay.domain.events import BATCH_EVENTS, OPERATION_EVENTS
from tests.support.inprocess import relay_beside
from tests.support.sandbox import TOKEN, Stage

SECRET, ANOTHER = "kFv8-the-secret-of-the-platform", "Zx41-the-secret-after-the-rotation"
URL = "https://relay.example.com/webhooks/async-operations"
RULE = "{events: [operation.*], operation_types: [DataEnrichment], priorities: [High], notify: [desk]}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "relay.yaml"


async def register(sandbox: Stage, config: Path, *arguments: str, **changes: str) -> Result:
    write(config, sandbox.url, **changes)
    return await relay_beside("register", "-c", config, *arguments)


def write(config: Path, platform: str, *, secret: str = SECRET, rule: str = RULE, token: str = TOKEN,
          public_url: str = "https://relay.example.com/", more: str = "") -> None:  # fmt: skip
    config.write_text(f"""
server: {{public_url: "{public_url}"}}
sources: {{async-operations: {{signature: {{secrets: {{current: {secret}}}}}}}}}
platform: {{base_url: "{platform}", tenant: tenant-1, project: project-1, token: {token}}}
channels: {{email: {{host: 127.0.0.1, tls: none, from: relay@example.com}}}}
destinations: {{desk: {{email: desk@example.com}}}}
rules: [{rule}]
{more}
""")


async def registered(sandbox: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await sandbox.ask("GET", "/webhooks", status=200))["webhooks"]
    return found


async def test_the_first_time_registers_and_the_second_changes_nothing(sandbox: Stage, config: Path) -> None:
    first = await register(sandbox, config)
    (webhook,) = await registered(sandbox)
    second = await register(sandbox, config)

    assert first.output == f"{URL}: registered as {webhook['webhookId']}\n"
    assert second.output == f"{URL}: already registered as {webhook['webhookId']}; nothing to change\n"
    assert await registered(sandbox) == [webhook]
    assert (webhook["webhookUrl"], webhook["status"]) == (URL, "Active")
    assert {*webhook["eventsSubscribed"]} == {*OPERATION_EVENTS, *BATCH_EVENTS}
    assert webhook["filters"] == {"operationTypes": [], "priorities": [], "minProgressIncrement": 0}
    assert webhook["authentication"] == {"type": "hmac-sha256"}


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(sandbox: Stage, config: Path) -> None:
    dry = await register(sandbox, config, "--dry-run")
    assert (dry.output, await registered(sandbox)) == (f"{URL}: would be registered as a new webhook\n", [])
    await register(sandbox, config)
    before = await registered(sandbox)

    facts = json.loads((await register(sandbox, config, "--dry-run", "--json", secret=ANOTHER)).output)

    assert (facts["outcome"], facts["replaced"]) == ("replaced", [before[0]["webhookId"]])
    assert await registered(sandbox) == before
    assert (await register(sandbox, config, "--dry-run")).output.endswith("nothing to change\n")
