"""relay register against the sandbox: once, again, after a change, without doing it, and refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from relay.domain.events import BATCH_EVENTS
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
    assert webhook["filters"] == {"operationTypes": ["DataEnrichment"], "priorities": ["High"],
                                  "minProgressIncrement": 0}  # fmt: skip
    assert webhook["authentication"] == {"type": "hmac-sha256"}


@pytest.mark.parametrize(
    "change", [{"secret": ANOTHER}, {"rule": RULE.replace("High", "Low")}], ids=["secret", "filter"]
)
async def test_another_secret_or_filter_replaces_it(sandbox: Stage, config: Path, change: dict[str, str]) -> None:
    await register(sandbox, config)
    (before,) = await registered(sandbox)

    done = await register(sandbox, config, **change)

    (after,) = await registered(sandbox)
    assert after["webhookId"] != before["webhookId"]
    assert done.output == f"{URL}: registered as {after['webhookId']}, in place of {before['webhookId']}\n"
    assert (await register(sandbox, config, **change)).output.endswith("nothing to change\n")


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(sandbox: Stage, config: Path) -> None:
    dry = await register(sandbox, config, "--dry-run")
    assert (dry.output, await registered(sandbox)) == (f"{URL}: would be registered as a new webhook\n", [])
    await register(sandbox, config)
    before = await registered(sandbox)

    facts = json.loads((await register(sandbox, config, "--dry-run", "--json", secret=ANOTHER)).output)

    assert (facts["outcome"], facts["replaced"]) == ("replaced", [before[0]["webhookId"]])
    assert await registered(sandbox) == before
    assert (await register(sandbox, config, "--dry-run")).output.endswith("nothing to change\n")


async def test_a_wrong_token_is_refused_and_no_secret_is_shown(sandbox: Stage, config: Path) -> None:
    done = await register(sandbox, config, token="another-token")

    assert done.exit_code == 1
    assert "401 Unauthorized" in done.output
    assert not {"another-token", SECRET} & set(done.output.split())
    assert await registered(sandbox) == []


async def test_what_the_configuration_lacks_is_named(sandbox: Stage, config: Path) -> None:
    without = await register(sandbox, config, public_url="")
    unknown = await register(sandbox, config, "--source", "other")

    assert (without.exit_code, "server.public_url: expected the address" in without.output) == (1, True)
    assert (unknown.exit_code, "expected other, found async-operations" in unknown.output) == (1, True)


async def test_only_what_a_rule_asks_for_will_be_told(sandbox: Stage, config: Path) -> None:
    await register(sandbox, config)

    heard = await sandbox.start(operationType="DataEnrichment", priority="High")
    unheard = await sandbox.start(operationType="DataEnrichment", priority="Low")

    assert (heard["webhooksRegistered"], unheard["webhooksRegistered"]) == (1, 0)


async def test_operations_that_name_their_own_addressees_are_told_whatever_the_rules_leave_out(
    sandbox: Stage, config: Path
) -> None:
    await register(sandbox, config, more="dynamic_destinations: {email_domains: [example.com]}")

    (webhook,) = await registered(sandbox)
    assert webhook["filters"] == {"operationTypes": [], "priorities": [], "minProgressIncrement": 0}
    assert (await sandbox.start(operationType="ReportGeneration", priority="Low"))["webhooksRegistered"] == 1


async def test_the_events_that_the_rules_want_are_subscribed_and_no_others(sandbox: Stage, config: Path) -> None:
    await register(sandbox, config, rule="{events: [operation.failed], notify: [desk]}")
    (few,) = await registered(sandbox)
    await register(sandbox, config, rule="{events: [operation.failed, batch.*], notify: [desk]}")
    (more,) = await registered(sandbox)

    assert few["eventsSubscribed"] == ["operation.failed"]
    assert more["eventsSubscribed"] == ["operation.failed", *BATCH_EVENTS]


@pytest.mark.parametrize("rule", ["tenants: other", "projects: other", "events: nightly.backup"])
async def test_nothing_is_registered_for_rules_that_want_nothing(sandbox: Stage, config: Path, rule: str) -> None:
    done = await register(sandbox, config, rule=f"{{{rule}, notify: [desk]}}")

    assert done.exit_code == 1
    assert "rules: none asks for anything that async-operations reports of tenant-1/project-1" in done.output
    assert await registered(sandbox) == []
