"""Failures that have one cause: the first is told, the others are rows below it, and nobody is called twice."""

from itertools import pairwise
from typing import Any

import pytest

from relay_sandbox.standins.slack import Fault
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
SHOP = {"error": ERROR, "projectId": "shop"}


def failing(number: int, error: dict[str, Any] = ERROR, **operation: Any) -> dict[str, Any]:
    stated = {"operationId": f"op-{number}", "operationName": f"Load {number}"} | operation
    return outcome_of("Failed", **stated) | SHOP | {"error": error}


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
    assert all(f"shop · `op-{n}`" in str(reply.blocks) for n, reply in enumerate(brisk.replies()) if n)
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
    assert (bool(posts[1]["thread_ts"]), posts[1]["reply_broadcast"]) == (True, True)


async def test_a_graver_failure_is_told_as_ever_and_the_next_ones_stand_below_it(brisk: Flow) -> None:
    await run_and_fail(brisk, 1)
    await brisk.tell(failing(7, priority="High"), failing(8, priority="High"), failing(9), wait=5)

    normal, high = brisk.roots()
    assert [reply.thread_ts for reply in brisk.replies()] == [normal.ts, high.ts, high.ts]


@pytest.mark.parametrize("grouped", [True, False])
async def test_critical_failures_have_messages_of_their_own_and_the_next_call_names_what_came_meanwhile(
    brisk: Flow, *, grouped: bool
) -> None:
    error = ERROR if grouped else {"message": "build failed"}
    await brisk.tell(*(failing(number, error, priority="Critical") for number in range(3)), wait=5)
    await brisk.tell(failing(3, error, priority="Critical"), wait=70)
    await brisk.tell(failing(4, error, priority="Critical"), wait=130)

    assert [root.text.partition(" –")[0] for root in brisk.roots()] == [
        "CRITICAL: Load 0", "CRITICAL: Load 1", "CRITICAL: Load 2", "CRITICAL: Load 3",
        "CRITICAL: 3 more failed: Load 3, Load 2, and Load 1 <!subteam^S0DATATEAM>",
        "CRITICAL: Load 4", "CRITICAL: 1 more failed: Load 4 <!subteam^S0DATATEAM>",
    ]  # fmt: skip
    calls = [at for at, arguments in brisk.calls(POST) if mentions_in(arguments)]
    assert [round(later - before) for before, later in pairwise(calls)] == [60, 60]
    assert brisk.replies() == []
    assert (await brisk.ledger()).imbalance == 0


async def test_a_call_that_was_tried_again_is_a_minute_before_the_next(brisk: Flow) -> None:
    await brisk.tell(*(failing(number, priority="Critical") for number in range(2)), wait=5)
    await brisk.wait(49)
    brisk.slack.script(POST, Fault(status=500))
    await brisk.wait(1)
    await brisk.tell(failing(2, priority="Critical"), wait=200)

    calls = [float(root.ts) for root in brisk.roots() if "<!subteam" in root.text]
    assert len(calls) == 3
    assert all(later - before >= 60 for before, later in pairwise(calls)), calls


async def test_a_call_whose_failures_are_over_by_then_is_not_made(brisk: Flow) -> None:
    await brisk.tell(failing(1, priority="Critical"), failing(2, priority="Critical"), wait=5)
    again = {"operationId": "op-2", "retryNumber": 1}
    await brisk.tell(event_of("operation.started", **again), outcome_of("Completed", **again), wait=60)

    assert [mark for _, arguments in brisk.calls(POST) for mark in mentions_in(arguments)] == ["<!subteam^S0DATATEAM>"]


async def test_failures_of_other_projects_and_words_that_say_nothing_have_no_cause_in_common(brisk: Flow) -> None:
    places = ({"projectId": "web"}, {"projectId": "api"}, {"tenantId": "other"})
    await brisk.tell(*(failing(number) | place for number, place in enumerate(places)), wait=5)
    await brisk.tell(*(failing(number, {"message": "build failed"}) for number in (7, 8)), wait=5)

    assert len(brisk.roots()) == 5
    assert brisk.replies() == []


async def test_a_run_that_fails_again_is_no_row_of_its_own_failure(brisk: Flow) -> None:
    await run_and_fail(brisk, 1)
    await brisk.tell(
        event_of("operation.started", operationId="op-0", retryNumber=1), failing(0, retryNumber=1), wait=5
    )

    assert [reply.broadcast for reply in brisk.replies()] == [True, True]


async def test_members_of_a_batch_call_people_once_for_one_cause(brisk: Flow) -> None:
    await brisk.tell(batch_event("batch.started"), wait=3)
    for number in range(3):
        await brisk.tell(member_event("Failed", number, priority="High", createdBy=OWNER) | SHOP, wait=3)

    (root,) = brisk.roots()
    assert {reply.thread_ts for reply in brisk.replies()} == {root.ts}
    assert [reply.broadcast for reply in brisk.replies()] == [True, False, False]
    assert [mark for _, arguments in brisk.calls(POST) for mark in mentions_in(arguments)] == [f"<@{OWNER_ID}>"]


async def test_the_failures_of_a_batch_are_in_its_thread_whichever_run_had_the_cause_before(brisk: Flow) -> None:
    await run_and_fail(brisk, 1, priority="High", createdBy=OWNER)
    await brisk.tell(batch_event("batch.started"), wait=3)
    for number in range(7, 10):
        await brisk.tell(member_event("Failed", number, priority="High", createdBy=OWNER) | SHOP, wait=3)

    run, batch = brisk.roots()
    assert [reply.thread_ts for reply in brisk.replies()] == [run.ts, batch.ts, batch.ts, batch.ts]
    assert ["Also: " in str(reply.blocks) for reply in brisk.replies()] == [False, False, True, True]
    assert all("did not answer" in str(reply.blocks) for reply in brisk.replies()[1:])  # the thread may have others
    assert [reply.broadcast for reply in brisk.replies()] == [True, False, False, False]
    assert [mark for _, arguments in brisk.calls(POST) for mark in mentions_in(arguments)] == [f"<@{OWNER_ID}>"]


async def test_messages_of_runs_with_a_branch_name_the_repository(brisk: Flow) -> None:
    await brisk.tell(*(failing(n, labels={"branch": "main"}) | {"projectId": f"acme/{n}"} for n in (1, 2)), wait=5)

    assert [f"acme/{n} · main" in str(root.blocks) for n, root in enumerate(brisk.roots(), 1)] == [True, True]


@pytest.mark.parametrize("more", ["escalate: [{after: 15m, to: team}]"])
async def test_escalations_of_several_failures_mention_people_once_a_minute(brisk: Flow) -> None:
    await brisk.tell(*(failing(number, priority="Critical") for number in range(3)), wait=5)
    await brisk.wait(1000, step=5)

    calls = [at for at, arguments in brisk.calls(POST) if mentions_in(arguments)]
    assert [round(later - before) for before, later in pairwise(calls)] == [60, 840, 60]
    lists = [message.text for message in brisk.roots() if "more failed" in message.text]
    assert [text.partition(" <")[0] for text in lists] == ["CRITICAL: 2 more failed: Load 2 and Load 1"] * 2
