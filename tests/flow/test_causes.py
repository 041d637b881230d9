"""Failures that have one cause: the first is told, the others are rows below it, and nobody is called twice."""

from typing import Any

from tests.support.flow import POST, Flow
from tests.support.flow_events import (
    OWNER,
    OWNER_ID,
    batch_event,
    event_of,
    member_event,
    mentions_in,
    outcome_of,
)

ERROR = {"code": "E17", "message": "the source at 10.0.0.7 did not answer for 300 s"}


def failing(number: int, error: dict[str, Any] = ERROR, **operation: Any) -> dict[str, Any]:
    stated = {"operationId": f"op-{number}", "operationName": f"Load {number}"} | operation
    return outcome_of("Failed", **stated) | {"error": error}


async def run_and_fail(flow: Flow, count: int, **operation: Any) -> None:
    """Runs whose messages stand, and that fail one after the other."""
    for number in range(count):
        await flow.send(event_of("operation.started", operationId=f"op-{number}", operationName=f"Load {number}"))
    await flow.wait(10)
    for number in range(count):
        await flow.tell(failing(number, **operation), wait=10)


async def test_five_failures_of_one_cause_are_one_message_and_rows_below_it(brisk: Flow) -> None:
    await run_and_fail(brisk, 5, priority="High", createdBy=OWNER)

    assert len(brisk.roots()) == 5
    first = brisk.replies()[0]
    assert {reply.thread_ts for reply in brisk.replies()} == {first.thread_ts}
    assert [reply.broadcast for reply in brisk.replies()] == [True, False, False, False, False]
    assert all(f"Failed: Load {n}" in reply.text for n, reply in enumerate(brisk.replies()))
    assert ["Also: " in str(reply.blocks) for reply in brisk.replies()] == [False, True, True, True, True]
    assert [mark for _, arguments in brisk.calls(POST) for mark in mentions_in(arguments)] == [f"<@{OWNER_ID}>"]
    assert all(root.text.startswith("Failed") for root in brisk.roots())  # each shows itself what became of it
    said = [root.ts for root in brisk.roots() if "4 more runs failed for the same reason" in str(root.blocks)]
    assert said == [first.thread_ts]
    await brisk.tell(
        event_of("operation.started", operationId="op-0", retryNumber=1), failing(0, retryNumber=1), wait=5
    )
    assert not any("more runs failed" in str(root.blocks) for root in brisk.roots())  # that was the run before
    assert (await brisk.ledger()).imbalance == 0


async def test_whoever_was_not_called_yet_is_called_by_the_row(brisk: Flow) -> None:
    await brisk.tell(failing(1, priority="High"), failing(2, priority="High", createdBy=OWNER), wait=5)

    posts = [arguments for _, arguments in brisk.calls(POST)]
    assert [mentions_in(arguments) for arguments in posts] == [[], [f"<@{OWNER_ID}>"]]
    assert posts[1]["thread_ts"]


async def test_a_graver_failure_is_told_as_ever_and_the_next_ones_stand_below_it(brisk: Flow) -> None:
    await run_and_fail(brisk, 1)
    await brisk.tell(failing(7, priority="Critical"), failing(8, priority="Critical"), failing(9), wait=5)

    normal, critical = brisk.roots()
    assert [reply.thread_ts for reply in brisk.replies()] == [normal.ts, critical.ts, critical.ts]
    calls = [mark for _, arguments in brisk.calls(POST) for mark in mentions_in(arguments)]
    assert calls == ["<!subteam^S0DATATEAM>"]


async def test_a_run_that_fails_again_is_no_row_of_its_own_failure(brisk: Flow) -> None:
    await run_and_fail(brisk, 1)
    await brisk.tell(
        event_of("operation.started", operationId="op-0", retryNumber=1), failing(0, retryNumber=1), wait=5
    )

    assert [reply.broadcast for reply in brisk.replies()] == [True, True]


async def test_members_of_a_batch_call_people_once_for_one_cause(brisk: Flow) -> None:
    await brisk.tell(batch_event("batch.started"), wait=3)
    for number in range(3):
        await brisk.tell(member_event("Failed", number, priority="High", createdBy=OWNER) | {"error": ERROR}, wait=3)

    (root,) = brisk.roots()
    assert {reply.thread_ts for reply in brisk.replies()} == {root.ts}
    assert [reply.broadcast for reply in brisk.replies()] == [True, False, False]
    assert [mark for _, arguments in brisk.calls(POST) for mark in mentions_in(arguments)] == [f"<@{OWNER_ID}>"]


async def test_the_first_failure_of_a_batch_is_in_its_thread_whichever_run_had_the_cause_before(brisk: Flow) -> None:
    await run_and_fail(brisk, 1, priority="High", createdBy=OWNER)
    await brisk.tell(batch_event("batch.started"), wait=3)
    for number in range(7, 10):
        await brisk.tell(member_event("Failed", number, priority="High", createdBy=OWNER) | {"error": ERROR}, wait=3)

    run, batch = brisk.roots()
    assert [reply.thread_ts for reply in brisk.replies()] == [run.ts, batch.ts, run.ts, run.ts]
    assert ["Also: " in str(reply.blocks) for reply in brisk.replies()] == [False, False, True, True]
    assert [reply.broadcast for reply in brisk.replies()] == [True, False, False, False]
    assert [mark for _, arguments in brisk.calls(POST) for mark in mentions_in(arguments)] == [f"<@{OWNER_ID}>"]
