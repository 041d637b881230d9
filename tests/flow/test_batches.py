"""Batches: one message each, with the failures of their operations in its thread."""

from itertools import pairwise

import pytest

from tests.support.flow import POST, Flow
from tests.support.flow_events import OWNER, batch_event, event_of, member_event, mentions_in, outcome_of


async def test_a_batch_is_one_message_with_its_failures_in_the_thread(brisk: Flow) -> None:
    await brisk.tell(batch_event("batch.started"), wait=3)
    for number, status in enumerate(["Completed", "Failed", "Completed", "Timeout", "Cancelled", "Completed"]):
        await brisk.tell(member_event(status, number), wait=3)
    replies = len(brisk.replies())
    await brisk.tell(batch_event("batch.completed", batch={"status": "Completed"}), wait=10)

    (root,) = brisk.roots()
    assert replies == 3
    assert {reply.thread_ts for reply in brisk.replies()} == {root.ts}
    assert len(brisk.replies()) == 4  # the end of the batch itself
    assert [reply.broadcast for reply in brisk.replies()] == [True, False, False, True]  # though it lists no operation


async def test_the_first_failure_of_a_batch_and_its_end_with_failures_are_shown_to_the_conversation(
    brisk: Flow,
) -> None:
    await brisk.tell(batch_event("batch.started"), wait=3)
    await brisk.send(outcome_of("Failed", operationId="op-6", batchId="batch-1"))
    for number in (6, 7):
        await brisk.send(member_event("Failed", number))
    await brisk.wait(10)
    failed = [{"operationId": "op-6", "status": "Failed"}, {"operationId": "op-7", "status": "Failed"}]
    await brisk.tell(batch_event("batch.completed", batch={"status": "Completed", "operations": failed}), wait=10)

    assert [reply.broadcast for reply in brisk.replies()] == [True, False, True]
    assert not any(mentions_in(arguments) for _, arguments in brisk.calls(POST))


async def test_the_operations_of_a_batch_have_no_message_of_their_own(brisk: Flow) -> None:
    await brisk.tell(batch_event("batch.started"), wait=3)
    await brisk.send(event_of("operation.started", operationId="op-7", batchId="batch-1"))
    await brisk.send({"event": "operation.progress", "operation": {"operationId": "op-7", "progress": 50}})  # thin
    await brisk.tell(outcome_of("Completed", operationId="op-7"), wait=10)

    assert len(brisk.messages()) == 1
    assert await brisk.held() == {"batch": 3}


@pytest.mark.parametrize("first", ["operation", "batch"])
async def test_a_failed_member_is_reported_once_whichever_event_comes_first(brisk: Flow, first: str) -> None:
    await brisk.tell(batch_event("batch.started"), wait=3)
    own = outcome_of("Failed", operationId="op-7", priority="High", batchId="batch-1", createdBy=OWNER)
    theirs = member_event("Failed", 7, priority="High", createdBy=OWNER)
    for event in (own, theirs) if first == "operation" else (theirs, own):
        await brisk.tell(event, wait=3)

    (root,) = brisk.roots()
    (reply,) = brisk.replies()
    assert (reply.thread_ts, reply.broadcast) == (root.ts, True)
    assert (await brisk.ledger()).imbalance == 0


async def test_a_member_whose_message_stands_already_keeps_it(brisk: Flow) -> None:
    await brisk.tell(
        event_of("operation.progress", 40, operationId="op-7", batchId="batch-1"),
        batch_event("batch.started"),
        outcome_of("Failed", operationId="op-7", batchId="batch-1"),
        wait=3,
    )
    await brisk.tell(member_event("Failed", 7), wait=10)

    own, group = brisk.roots()
    assert "Failed" in own.text
    assert [reply.thread_ts for reply in brisk.replies()] == [own.ts]
    assert group.text


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("said_by", ["batch", "operation"])
async def test_a_batch_that_is_over_names_what_failed_and_why_which_its_document_does_not(
    brisk: Flow, said_by: str, *, listed: bool
) -> None:
    await brisk.tell(batch_event("batch.started"), wait=3)
    rows = []
    for number, status in enumerate(["Failed", "Failed", "Completed"]):
        error = {"error": {"message": f"Worker {number} died"}} if status == "Failed" else {}
        own = outcome_of(status, operationId=f"op-{number}", operationName=f"Member {number}", batchId="batch-1")
        await brisk.tell((own if said_by == "operation" else member_event(status, number)) | error, wait=3)
        rows.append({"operationId": f"op-{number}", "operationKey": f"part-{number}", "status": status})
    await brisk.tell(
        batch_event("batch.completed", batch={"status": "Completed", "operations": rows * listed}), wait=10
    )

    (root,) = brisk.roots()
    assert "❌ 2 × Worker 0 died: Member 0 and 1 more" in str(root)
    assert root.text.startswith("2 of 3 failed: " if listed else "2 failed: ")


@pytest.mark.parametrize("more", ["escalate: [{after: 15m, to: room}]"])
@pytest.mark.parametrize("first", ["operation", "batch", "batch alone"])
async def test_a_critical_failure_in_a_batch_calls_and_is_escalated_once_like_any_other(
    brisk: Flow, first: str
) -> None:
    await brisk.tell(batch_event("batch.started"), wait=3)
    await brisk.tell(event_of("operation.started", operationId="op-7", batchId="batch-1", priority="Critical"), wait=3)
    own = outcome_of("Failed", operationId="op-7", priority="Critical", batchId="batch-1")
    theirs = member_event("Failed", 7)  # whose priority is known
    events = {"operation": (own, theirs), "batch": (theirs, own), "batch alone": (theirs,)}
    for event in events[first]:
        await brisk.tell(event, wait=3)
    await brisk.wait(960, step=10)

    [message] = brisk.messages("#room")
    assert "unclaimed 15 min" in message.text.replace("\xa0", " ")
    (reply,) = brisk.replies()
    assert reply.broadcast
    calls = [mark for _, arguments in brisk.calls(POST) for mark in mentions_in(arguments)]
    assert calls == ["<!subteam^S0DATATEAM>"]
    assert (await brisk.ledger()).imbalance == 0


@pytest.mark.parametrize("more", ["escalate: [{after: 15m, to: room}]"])
@pytest.mark.parametrize("known", [True, False])
async def test_a_critical_failure_that_the_end_of_a_batch_alone_reports_calls_and_is_escalated(
    brisk: Flow, *, known: bool
) -> None:
    begun = event_of("operation.started", operationId="op-7", batchId="batch-1", priority="Critical")
    await brisk.tell(batch_event("batch.started"), *[begun] * known, wait=3)
    stated = {} if known else {"priority": "Critical"}
    failed = [{"operationId": "op-7", "status": "Failed", "error": {"message": "no room"}} | stated,
              {"operationId": "op-8", "status": "Failed", "priority": "High"},
              {"operationId": "op-9", "status": "Completed", "priority": "Critical"},
              {"status": "Failed", "priority": "Critical"}]  # fmt: skip
    over = batch_event("batch.completed", batch={"status": "Completed", "operations": failed})
    own = outcome_of("Failed", operationId="op-7", priority="Critical", batchId="batch-1")
    await brisk.tell(over, over, own, wait=3)
    await brisk.wait(960, step=10)

    [message] = brisk.messages("#room")
    assert "unclaimed 15 min" in message.text.replace("\xa0", " ")
    told = [reply for reply in brisk.replies() if "no room" in str(reply.blocks) and "CRITICAL" in reply.text]
    assert [reply.broadcast for reply in told] == [True]
    calls = [mark for _, arguments in brisk.calls(POST) for mark in mentions_in(arguments)]
    assert calls == ["<!subteam^S0DATATEAM>"]
    assert (await brisk.ledger()).imbalance == 0


async def test_critical_failures_in_a_batch_call_once_a_minute_and_the_next_call_names_them(flow: Flow) -> None:
    await flow.tell(batch_event("batch.started"), wait=2)
    for number in range(3):
        await flow.tell(member_event("Failed", number, priority="Critical"), wait=2)
    await flow.wait(70)

    root, call = flow.roots()
    assert call.text.startswith("CRITICAL: 2 more failed: Member 2 and Member 1")
    assert [(reply.thread_ts, reply.broadcast) for reply in flow.replies()] == [(root.ts, True)] * 3
    calls = [at for at, arguments in flow.calls(POST) if mentions_in(arguments)]
    assert [round(later - before) for before, later in pairwise(calls)] == [60]
