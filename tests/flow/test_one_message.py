"""The one message of a run: kept over restarts, made once by several workers, begun anew where it is gone."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.policy.matching import Matcher
from relay.policy.recipients import DynamicDestinations
from relay.store import Store
from relay_sandbox.standins.slack import Fault
from tests.support.clock import Clock
from tests.support.flow import POST, UPDATE, Flow, flowing
from tests.support.flow_events import AT_ONCE, batch_event, event_of, mentions_in, outcome_of


async def test_a_live_message_that_the_operation_asked_for_is_kept_true_beside_the_message_of_a_rule(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    async with flowing(open_store, clock, live=AT_ONCE) as flow:
        rule = flow.config.rules[1].model_copy(update={"events": ("operation.failed",)})
        dynamic = DynamicDestinations(slack=("#room",))
        changed = {"matcher": Matcher([rule]), "dynamic_destinations": dynamic}
        flow.config = flow.config.model_copy(update=changed)
        requested: dict[str, Any] = {"notifications": {"slack": {"channel": "#room"}}}
        await flow.tell(event_of("operation.progress", 10, **requested), wait=90)
        await flow.send(outcome_of("Failed", **requested))
        await flow.tell(outcome_of("Failed", operationId="op-2", **requested), wait=30)

        live, outcome, other = flow.messages("#room")
        assert [message.text.partition(":")[0] for message in (live, outcome, other)] == ["Failed"] * 3
        assert [message.thread_ts for message in (live, outcome, other)] == [""] * 3
        assert (await flow.held()) == {"told_beside": 1}


async def test_a_restart_in_the_middle_keeps_the_message(brisk: Flow) -> None:
    await brisk.tell(event_of("operation.progress", 20), wait=2)
    (root,) = brisk.roots()
    brisk.restart()
    await brisk.tell(event_of("operation.progress", 60), wait=2)
    brisk.restart()
    await brisk.tell(outcome_of("Completed"), wait=5)

    assert [message.ts for message in brisk.roots()] == [root.ts]
    assert {arguments["ts"] for _, arguments in brisk.calls(UPDATE)} == {root.ts}
    assert [reply.thread_ts for reply in brisk.replies()] == [root.ts]


async def test_two_workers_make_one_message_of_each_run(brisk: Flow) -> None:
    brisk.start()
    for percentage in range(0, 100, 20):
        for number in range(5):
            await brisk.send(event_of("operation.progress", percentage, operationId=f"op-{number}"))
        await brisk.wait(4)
    for number in range(5):
        await brisk.send(outcome_of("Completed", operationId=f"op-{number}"))
    await brisk.wait(15)

    assert (len(brisk.roots()), len(brisk.replies())) == (5, 5)
    assert {reply.thread_ts for reply in brisk.replies()} == {root.ts for root in brisk.roots()}


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
async def test_where_the_message_is_gone_a_new_one_tells_the_outcome_once(brisk: Flow, code: str) -> None:
    await brisk.tell(event_of("operation.progress", 20, priority="Critical"), wait=5)
    brisk.slack.script(UPDATE, Fault(error=code))
    await brisk.tell(outcome_of("Failed", priority="Critical"), wait=60)

    _, anew = brisk.messages()
    assert "Failed" in anew.text
    assert [mentions_in(arguments) for _, arguments in brisk.calls(POST)] == [[], ["<!subteam^S0DATATEAM>"]]
    await brisk.tell(event_of("operation.progress", 5, retryNumber=1), wait=20)
    assert brisk.calls(UPDATE)[-1][1]["ts"] == anew.ts


async def test_an_outcome_that_states_no_number_is_that_of_the_run_that_goes_on(brisk: Flow) -> None:
    await brisk.send(outcome_of("Failed"))
    await brisk.deliver()
    await brisk.send(event_of("operation.progress", 10, retryNumber=1))
    before = brisk.clock() - 60
    brisk.clock.advance(5)
    stale = {**outcome_of("Failed"), "timestamp": datetime.fromtimestamp(before, UTC).isoformat(), "eventId": "late"}

    assert (await brisk.send(stale)).status == "duplicate"  # of the first run, as it happened before the second
    assert (await brisk.send(outcome_of("Failed"))).status == "accepted"
    await brisk.deliver()

    assert [message.text.partition(":")[0] for message in brisk.roots()] == ["Failed"]


PAGE, BATCH_PAGE = "https://ci.example.com/runs/7", "https://ci.example.com/batches/3"


async def test_what_a_run_stated_once_stands_in_the_message_of_its_end(brisk: Flow) -> None:
    labels = {"labels": {"branch": "release-2"}}
    await brisk.tell(
        event_of("operation.progress", 20, trackingUrl=PAGE, **labels) | {"projectId": "acme/shop"}, wait=2
    )
    await brisk.tell(event_of("operation.progress", 60), outcome_of("Failed"), wait=5)

    for message in (*brisk.roots(), *brisk.replies()):
        assert f"<{PAGE}|" in str(message.blocks)
        assert "acme/shop · release-2" in str(message.blocks)


async def test_a_begin_that_is_dated_after_the_end_keeps_its_link(brisk: Flow) -> None:
    ahead = datetime.fromtimestamp(brisk.clock() + 600, UTC).isoformat()
    await brisk.tell(
        event_of("operation.started", trackingUrl=PAGE) | {"timestamp": ahead}, outcome_of("Failed"), wait=5
    )

    assert all(f"<{PAGE}|" in str(message.blocks) for message in (*brisk.roots(), *brisk.replies()))


async def test_a_retry_under_a_new_id_has_no_link_of_the_run_before(brisk: Flow) -> None:
    await brisk.tell(event_of("operation.started", trackingUrl=PAGE), outcome_of("Failed"), wait=5)
    retry = {"operationId": "op-2", "originalOperationId": "op-1", "retryNumber": 1}
    await brisk.tell(event_of("operation.started", **retry), event_of("operation.progress", 50, **retry), wait=5)

    assert PAGE not in str(brisk.roots()[-1].blocks)


async def test_a_batch_keeps_its_link(brisk: Flow) -> None:
    begun, over = batch_event("batch.started", batch={"trackingUrl": BATCH_PAGE}), batch_event("batch.completed")
    del over["batch"]["trackingUrl"]
    await brisk.tell(begun, over, wait=5)

    assert all(f"<{BATCH_PAGE}|" in str(message.blocks) for message in (*brisk.roots(), *brisk.replies()))
