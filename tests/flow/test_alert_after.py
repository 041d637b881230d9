"""`alert_after: 2`: the first failure of a job is told quietly, the second calls people, and then it works again."""

from collections.abc import AsyncIterator, Callable

import pytest

from relay.store import Store
from tests.support.clock import Clock
from tests.support.flow import POST, Flow, flowing
from tests.support.flow_events import AT_ONCE, GROUP, OWNER, event_of, mentions_in, outcome_of


@pytest.fixture
async def grouping(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Flow]:
    async with flowing(open_store, clock, live=AT_ONCE, mention=GROUP, more="alert_after: 2") as flow:
        yield flow


@pytest.fixture
async def flow(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Flow]:
    async with flowing(
        open_store, clock, live=AT_ONCE, mention=GROUP, more="alert_after: 2, group_errors: off"
    ) as flow:
        yield flow


async def run(flow: Flow, number: int, status: str) -> tuple[bool, int]:
    """One run of the job: whether the conversation saw the reply about its end, and how many that called."""
    stated = {"operationId": f"op-{number}", "operationName": f"Order-to-Cash {number}", "createdBy": OWNER}
    stated |= {"operationType": "ProcessMiningAnalysis", "priority": "High"}
    await flow.send(event_of("operation.started", **stated))
    await flow.wait(5)
    before = len(flow.calls(POST))
    error = {"error": {"message": "no answer"}} if status == "Failed" else {}
    await flow.send(outcome_of(status, **stated) | error)
    await flow.wait(10)
    ((_, post),) = flow.calls(POST)[before:]
    return bool(post["reply_broadcast"]), len(mentions_in(post))


async def test_the_second_failure_in_a_row_calls_and_the_success_after_it_is_told(flow: Flow) -> None:
    statuses = ["Completed", "Failed", "Completed", "Failed", "Failed", "Failed", "Completed", "Completed"]

    told = [await run(flow, number, status) for number, status in enumerate(statuses)]

    assert told == [
        (False, 0),
        (False, 0),  # the first in a row
        (False, 0),  # nobody was called, so nothing is over
        (False, 0),
        (True, 1),
        (True, 1),
        (True, 0),  # works again
        (False, 0),
    ]


async def test_one_that_calls_is_seen_although_it_is_a_row_below_one_that_did_not(grouping: Flow) -> None:
    told = [await run(grouping, number, "Failed") for number in range(3)]

    assert told == [(False, 0), (True, 1), (False, 0)]
    assert len({reply.thread_ts for reply in grouping.replies()}) == 1
