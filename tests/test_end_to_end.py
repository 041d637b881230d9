"""A signed POST in, Slack and mail out: what people see, for every document and address of the API."""

from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from relay.store.audit import AuditEntry
from relay_sandbox.standins.slack import Fault
from tests.support.audit import acts_of
from tests.support.events import body, seed
from tests.support.every_case import every_case
from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Stage, running, surroundings
from tests.support.waiting import until

# What each document of the API is, wherever it is sent: its address, and the words people read.
TOLD = {
    "start-operation.response": ("Started", "Gestartet"),
    "operation-status.response": ("Running", "Läuft"),
    "operation-results.response": ("Completed", "Abgeschlossen"),
    "cancel-operation.response": ("Cancelled", "Abgebrochen"),
    "retry-operation.response": ("Started", "Gestartet"),
}


def tenant(document: dict[str, Any], name: str, **more: Any) -> dict[str, Any]:
    return document | {"tenantId": name} | more


@pytest.mark.slow
async def test_every_document_through_every_callback_is_told_rightly_in_both_languages(running_stage: Stage) -> None:
    """Flat, and wrapped in each of three ways; as an operation of its own each time."""
    sent = 0
    with every_case() as case:
        for name, source in product(TOLD, ("progress", "completion", "error", "async-operations")):
            with case(name, source):
                for shape in ("flat", "operation", "data", "payload"):
                    document = seed(name)
                    for key in {"operationId", "newOperationId"} & document.keys():
                        document[key] += f"-{source}-{shape}"
                    whole = document if shape == "flat" else {shape: document}
                    reply = await running_stage.post(tenant(whole, "mail"), source)
                    assert (reply.status, reply.document["deliveries"]) == (202, 2)
                    sent += 2
                    mails = await running_stage.around.mails(sent)
                english, german = TOLD[name]
                assert all((english if mail.recipient.startswith("english") else german) in mail.text
                           for mail in mails[-8:])  # fmt: skip


async def test_a_webhook_and_its_callback_and_a_latecomer_are_one_message(running_stage: Stage) -> None:
    completed = tenant(
        body("operation.completed", 100, status="Completed"), "mail", results=seed("operation-results.response")
    )

    answers = [
        await running_stage.post(completed, delivery_id="evt-1"),
        await running_stage.post(completed, delivery_id="evt-1"),
        await running_stage.post(seed("operation-results.response"), "completion"),
        await running_stage.post(tenant(body("operation.progress", 95), "mail")),
    ]
    await running_stage.around.settled()

    assert [answer.document["status"] for answer in answers] == ["accepted", "duplicate", "duplicate", "late"]
    assert len(await running_stage.around.mails(2)) == 2


async def test_a_live_message_is_posted_once_edited_and_answered_in_its_thread(running_stage: Stage) -> None:
    for event in (
        body("operation.started", 0, status="Initiated"),
        body("operation.progress", 40),
        body("operation.failed", 67, status="Failed", priority="Critical")
        | {"error": {"code": "X", "message": "<!channel> the extractor broke"}},
    ):
        await running_stage.post(tenant(event, "live"))
        await running_stage.around.slack.wait_for(
            lambda: bool(running_stage.around.slack.messages("#team")), patience()
        )
    messages = await running_stage.around.messages(
        "#team", lambda found: len(found) == 2 and "CRITICAL" in found[0].text
    )
    await running_stage.around.settled()

    root, reply = messages
    assert reply.thread_ts == root.ts
    assert "<!subteam^S0DATATEAM>" in str(reply.blocks)
    assert "<!channel>" not in str(messages)
    assert running_stage.around.slack.violations == []


@pytest.mark.slow
async def test_slack_answers_429_then_500_then_ok(running_stage: Stage) -> None:
    slack = running_stage.around.slack
    slack.script("chat.postMessage", Fault(status=429, headers={"Retry-After": "3"}), Fault(status=500))

    await running_stage.post(tenant(body("operation.completed", 100, status="Completed"), "room"))
    ledger = await running_stage.around.settled()

    assert ledger.counts["delivered"] == 1
    assert slack.violations == []  # nothing was called before its Retry-After
    assert len(slack.messages("#room")) == 1
    assert len(slack.called("chat.postMessage")) == 3


async def test_a_good_reload_counts_at_once_and_a_bad_one_changes_nothing(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text(CONFIG.read_text())
    async with surroundings(redis_server.url) as around, running(around, config) as relay:
        on_stage = Stage(around, relay)
        config.write_text(CONFIG.read_text().replace("tenants: [mail]", "tenants: [other]"))
        relay.reload()
        moved = await on_stage.post(tenant(body("operation.progress", 10), "mail"))
        config.write_text("rules: nonsense")
        relay.reload()

        kept = await on_stage.post(tenant(body("operation.progress", 20), "other"))

        async def written() -> list[AuditEntry] | None:
            acts = await acts_of(around.store.redis)
            return acts if len(acts) == 2 else None

        good, bad = sorted(await until(written), key=lambda act: act.outcome == "refused")

    assert moved.document["deliveries"] == 0
    assert kept.document["deliveries"] == 2
    assert (good.action, good.outcome, bad.outcome) == ("reload", "taken", "refused")
    versions = [act.subject.split(" → ") for act in (good, bad)]
    assert versions[0][1] == versions[1][0] != versions[1][1] == sha256(b"rules: nonsense").hexdigest()[:12]
