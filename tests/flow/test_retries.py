"""Retries under a new id: they continue the message and the thread of the first attempt."""

import asyncio

import pytest

from tests.support import records
from tests.support.flow import Flow
from tests.support.flow_events import attempt_in, event_of, outcome_of


async def test_a_retry_under_a_new_id_continues_the_originals_thread(brisk: Flow) -> None:
    await brisk.tell(
        event_of("operation.progress", 40),
        outcome_of("Failed"),
        event_of("operation.started", operationId="op-2", originalOperationId="op-1", retryNumber=1),
        wait=3,
    )
    retried = attempt_in(brisk.messages()[0].blocks)
    await brisk.send({"event": "operation.progress", "operation": {"operationId": "op-2", "progress": 50}})  # thin
    await brisk.wait(3)
    await brisk.tell(outcome_of("Completed", operationId="op-2"), wait=10)

    (root,) = brisk.roots()
    assert retried == 2
    assert "Completed" in root.text
    assert [reply.thread_ts for reply in brisk.replies()] == [root.ts, root.ts]


async def test_a_retry_of_a_retry_is_led_to_the_first(brisk: Flow) -> None:
    for name, original in (("op-1", ""), ("op-2", "op-1"), ("op-3", "op-2")):
        more = {"originalOperationId": original} if original else {}
        await brisk.tell(
            event_of("operation.progress", 40, operationId=name, **more),
            event_of("operation.failed", 40, operationId=name, status="Failed"),
            wait=5,
        )

    timelines = [await brisk.admin.timeline(name) for name in ("op-1", "op-2", "op-3")]
    assert len(brisk.roots()) == 1
    assert len(brisk.replies()) == 3
    assert attempt_in(brisk.roots()[0].blocks) == 3
    assert timelines[0] is not None
    assert timelines[0] == timelines[1] == timelines[2]
    assert timelines[0].operation.run == 2


@pytest.mark.parametrize("together", [False, True])
async def test_a_retry_that_was_heard_of_before_it_named_its_original_keeps_its_own_message(
    brisk: Flow, *, together: bool
) -> None:
    thin = {"event": "operation.progress", "operation": {"operationId": "op-2", "progress": 5}}
    full = event_of("operation.progress", 6, operationId="op-2", originalOperationId="op-1", retryNumber=1)
    await brisk.tell(outcome_of("Failed"), wait=5)
    if together:  # both look up whose run it is before either is accepted
        await asyncio.gather(brisk.send(thin), brisk.send(full))
    else:
        await brisk.send(thin)
        await brisk.send(full)
    await brisk.tell(outcome_of("Completed", operationId="op-2"), wait=10)

    assert [root.text.partition(":")[0] for root in brisk.roots()] == ["Failed", "Completed"]
    assert (await brisk.ledger()).imbalance == 0
    assert records.members(brisk.store, "watch") == []


async def test_a_thin_report_behind_the_one_that_names_the_original_follows_it(brisk: Flow) -> None:
    thin = {"event": "operation.progress", "operation": {"operationId": "op-2", "progress": 50}}
    full = event_of("operation.progress", 6, operationId="op-2", originalOperationId="op-1", retryNumber=1)
    await brisk.tell(outcome_of("Failed"), wait=5)
    await brisk.send(full)
    await brisk.send(thin)
    await brisk.tell(outcome_of("Completed", operationId="op-2"), wait=10)

    assert [root.text.partition(":")[0] for root in brisk.roots()] == ["Completed"]
    assert (await brisk.ledger()).counts["received"] == 4


@pytest.mark.parametrize("beside", [True, False])
async def test_the_number_of_a_retry_may_stand_beside_the_operation(brisk: Flow, *, beside: bool) -> None:
    again = event_of("operation.progress", 5)
    (again if beside else again["operation"])["retryNumber"] = 1
    await brisk.send(event_of("operation.progress", 40))
    await brisk.tell(outcome_of("Failed"), wait=5)

    assert (await brisk.send(again)).status == "accepted"  # and not late
    await brisk.wait(5)
    (root,) = brisk.roots()
    assert (root.text.partition(":")[0], attempt_in(root.blocks)) == ("Running", 2)


async def test_an_operation_that_names_itself_as_its_original_is_no_retry(brisk: Flow) -> None:
    first = await brisk.send(event_of("operation.progress", 40, originalOperationId="op-1"))
    await brisk.wait(5)
    again = await brisk.send(event_of("operation.progress", 40, originalOperationId="op-1"))
    await brisk.tell(outcome_of("Completed", originalOperationId="op-1"), wait=5)

    assert [first.status, again.status] == ["accepted", "duplicate"]
    assert [attempt_in(message.blocks) for message in brisk.messages()] == [1, 1]
