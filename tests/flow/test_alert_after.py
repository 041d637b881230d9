"""`alert_after: 2`: the first failure of a job is told quietly, the second calls people, and then it works again."""

import pytest

from tests.support.flow import POST, Flow
from tests.support.flow_events import OWNER, event_of, mentions_in, outcome_of


async def run(flow: Flow, number: int, status: str) -> tuple[bool, int]:
    """One run of the job: whether the conversation saw the reply about its end, and how many that called."""
    stated = {"operationId": f"op-{number}", "operationName": f"Order-to-Cash {number}", "createdBy": OWNER}
    stated |= {"operationType": "ProcessMiningAnalysis", "priority": "High"}
    await flow.tell(event_of("operation.started", **stated), wait=5)
    before = len(flow.calls(POST))
    error = {"error": {"message": "no answer"}} if status == "Failed" else {}
    await flow.tell(outcome_of(status, **stated) | error, wait=10)
    ((_, post),) = flow.calls(POST)[before:]
    return bool(post["reply_broadcast"]), len(mentions_in(post))


@pytest.mark.parametrize("more", ["alert_after: 2, group_errors: off"])
async def test_the_second_failure_in_a_row_calls_and_the_success_after_it_is_told(brisk: Flow) -> None:
    statuses = ["Completed", "Failed", "Completed", "Failed", "Failed", "Failed", "Completed", "Completed"]

    told = [await run(brisk, number, status) for number, status in enumerate(statuses)]

    quiet, seen, called = (False, 0), (True, 0), (True, 1)
    assert told[:4] == [quiet] * 4  # the first in a row calls nobody, so its success is nothing that is over
    assert told[4:] == [called, called, seen, quiet]  # the third of these works again


@pytest.mark.parametrize("more", ["alert_after: 2"])
async def test_one_that_calls_is_seen_although_it_is_a_row_below_one_that_did_not(brisk: Flow) -> None:
    told = [await run(brisk, number, "Failed") for number in range(3)]

    assert told == [(False, 0), (True, 1), (False, 0)]
    assert len({reply.thread_ts for reply in brisk.replies()}) == 1
