"""Tests of what the token of a callback can do, and what it cannot, whoever has read it in a proxy's log."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from relay.channels import CHANNELS
from relay.config import load
from relay.ingest import Rules
from tests.support.events import body, seed
from tests.support.redis_server import RedisServer
from tests.support.sender import Reply
from tests.support.stage import Stage, running, surroundings

CONFIG = Path(__file__).parent / "data" / "callbacks.yaml"
WISHES = {"email": ["cfo@example.com"], "slack": {"channel": "#team", "mentionUsers": ["@boss"]}}


@pytest.fixture
async def on_stage(redis_server: RedisServer) -> AsyncIterator[Stage]:
    async with surroundings(redis_server.url) as around, running(around, CONFIG) as relay:
        yield Stage(around, relay)


def said(event: str, percentage: float, status: str = "Running", tenant: str = "live", **operation: Any) -> Any:
    return body(event, percentage, status=status, **operation) | {"tenantId": tenant}


async def begun(stage: Stage, **changes: Any) -> None:
    reply = await stage.post(said("operation.started", 0, "Initiated", **changes))
    assert reply.status == 202


def refused(reply: Reply, field: str) -> bool:
    return (reply.status, reply.document.get("field")) == (422, field) and bool(reply.document["quarantine"])


async def test_a_callbacks_token_cannot_complete_a_run_name_a_recipient_or_speak_for_another_tenant(
    on_stage: Stage,
) -> None:
    await begun(on_stage)

    completed = said("operation.completed", 100, "Completed")
    ended = [
        await on_stage.post(completed, "progress"),
        await on_stage.post(completed | {"event": "operation.progress"}, "progress"),  # its status says more
        await on_stage.post(said("operation.failed", 67, "Failed"), "completion"),
    ]
    other = await asyncio.gather(
        on_stage.post(said("operation.progress", 50, tenant="globex"), "progress"),
        on_stage.post(said("operation.completed", 100, "Completed", tenant="acme"), "completion"),
    )
    failed = said("operation.failed", 67, "Failed", notifications=WISHES) | {"notifications": WISHES}
    wishing = await on_stage.post(failed, "error")
    await on_stage.around.settled()

    assert all(refused(reply, "event") for reply in ended)
    assert all(refused(reply, "operation.operationId") for reply in other)
    assert wishing.status == 202
    assert not on_stage.around.inbox.mails
    assert not on_stage.around.slack.messages("#room")
    assert "boss" not in str([message.blocks for message in on_stage.around.slack.messages("#team")])
    assert await on_stage.around.store.bodies.size() == 5


async def test_a_signed_report_of_the_same_outcome_adds_what_the_callback_may_not_say(on_stage: Stage) -> None:
    await begun(on_stage)
    results = seed("operation-results.response")
    document = {"event": "operation.completed", "tenantId": "live", "results": results,
                "operation": {"operationId": results["operationId"], "status": "Completed"}}  # fmt: skip

    first = await on_stage.post(document, "completion")
    second = await on_stage.post(document)
    await on_stage.around.settled()

    assert [first.document["status"], second.document["status"]] == ["accepted", "duplicate"]
    root = on_stage.around.slack.messages("#team")[0]
    assert results["artifacts"][0]["downloadUrl"] in str(root.blocks)


def test_a_mail_does_not_wait_for_files_that_a_callback_may_not_bring() -> None:
    rules = Rules(load(CONFIG, env={}, channels=CHANNELS, needed=()), CHANNELS)

    assert not rules.brings_files("completion")  # by a token, beside a source that signs
    assert rules.brings_files("async-operations")


async def test_what_came_too_early_is_kept_and_taken_once_its_run_is_known(on_stage: Stage) -> None:
    early = await on_stage.post(said("operation.progress", 10), "progress")
    assert refused(early, "operation.operationId")
    assert "no signed source has told of this operation yet" in early.document["detail"]

    await begun(on_stage)
    again = await on_stage.post(said("operation.progress", 10), "progress")

    assert again.document["status"] == "accepted"


async def test_the_callbacks_of_a_batch_tell_of_one_whose_operations_are_known(on_stage: Stage) -> None:
    batch = seed("submit-batch.response") | {"tenantId": "live"}
    member, other = (row["operationId"] for row in batch["operations"][:2])
    done = {"event": "batch.operation.completed", "tenantId": "live", "batch": batch,
            "operation": {"operationId": member, "status": "Completed"}}  # fmt: skip

    unknown = await asyncio.gather(on_stage.post(batch, "batch-start"), on_stage.post(done, "operation-complete"))
    await begun(on_stage, operationId=member)
    answers = [
        await on_stage.post(batch, "batch-start"),
        await on_stage.post(done | {"operation": {"operationId": other, "status": "Failed"}}, "operation-complete"),
        await on_stage.post(done, "operation-complete"),
        await on_stage.post(batch | {"status": "Completed"}, "batch-start"),
        await on_stage.post(batch | {"status": "Completed"}, "batch-complete"),
    ]

    assert refused(unknown[0], "batch.batchId")
    assert refused(unknown[1], "operation.operationId")
    assert [answer.status for answer in answers] == [202, 422, 202, 200, 202]  # a start is late, whatever its status


async def test_two_platforms_with_the_same_ids_share_nothing_not_even_a_thread(on_stage: Stage) -> None:
    for source, name in (("here", "Ours"), ("elsewhere", "Theirs")):
        await on_stage.post(said("operation.started", 0, "Initiated", operationName=name), source)
    await on_stage.post(said("operation.failed", 10, "Failed", operationName=""), "elsewhere")
    await on_stage.around.settled()

    *roots, reply = on_stage.around.slack.messages("#team")
    ours, theirs = sorted(roots, key=lambda root: "Theirs" in root.text)  # which is posted first, nobody promises
    assert ("Ours" in ours.text, "Theirs" in theirs.text) == (True, True)
    assert "Failed" not in ours.text
    assert reply.thread_ts == theirs.ts
    assert "Theirs" in reply.text
