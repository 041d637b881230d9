"""`hold_failure`: a failure whose run is begun again in time is told with its end, and otherwise a little later."""

import pytest

from relay_sandbox.standins.slack import Message
from tests.support.flow import POST, UPDATE, Flow
from tests.support.flow_events import OWNER, event_of, mentions_in, outcome_of

pytestmark = pytest.mark.parametrize("more", ["hold_failure: 5m"])
ERROR = {"error": {"code": "E17", "message": "the source did not answer"}}


async def fail(flow: Flow, **stated: object) -> None:
    await flow.tell(outcome_of("Failed", priority="High", createdBy=OWNER, **stated) | ERROR, wait=10)


async def begin_again(flow: Flow, **stated: object) -> None:
    await flow.tell(event_of("operation.started", priority="High", **stated), wait=10)


def outcomes(flow: Flow) -> list[str]:
    return [status_of(reply) for reply in flow.replies()]


def status_of(message: Message) -> str:
    return message.text.partition(":")[0].split()[-1]


def calls(flow: Flow) -> int:
    return sum(len(mentions_in(arguments)) for _, arguments in flow.calls(POST))


async def test_without_another_try_it_is_told_after_the_hold_and_shown_at_once(brisk: Flow) -> None:
    await begin_again(brisk)
    await fail(brisk)

    assert "Failed" in brisk.calls(UPDATE)[-1][1]["text"]
    assert brisk.replies() == []

    await brisk.wait(300)

    (reply,) = brisk.replies()
    assert (reply.broadcast, calls(brisk), outcomes(brisk)) == (True, 1, ["Failed"])


@pytest.mark.parametrize("again", [{"retryNumber": 1}, {"operationId": "op-2", "originalOperationId": "op-1"}])
async def test_a_failure_that_heals_is_told_with_the_end_and_calls_nobody(
    brisk: Flow, again: dict[str, object]
) -> None:
    await begin_again(brisk)
    await fail(brisk)
    await begin_again(brisk, **again)
    await brisk.wait(600, step=10)

    assert brisk.replies() == []

    await brisk.tell(outcome_of("Completed", priority="High", createdBy=OWNER, **again), wait=30)

    (reply,) = brisk.replies()
    text = str(brisk.calls(POST)[-1][1]["blocks"])
    assert "failed and recovered" in text
    assert "the source did not answer" in text
    assert (reply.broadcast, calls(brisk), len(brisk.roots())) == (False, 0, 1)
    assert await brisk.held() == {"healed": 1}
    assert (await brisk.ledger()).imbalance == 0


async def test_if_the_next_try_fails_too_that_is_told_after_a_hold_of_its_own(brisk: Flow) -> None:
    await begin_again(brisk)
    await fail(brisk)
    await begin_again(brisk, retryNumber=1)
    await fail(brisk, retryNumber=1)
    await brisk.wait(280, step=10)

    assert brisk.replies() == []

    await brisk.wait(30)

    assert (outcomes(brisk), calls(brisk)) == (["Failed"], 1)


async def test_where_no_message_stands_it_is_the_message_that_waits(brisk: Flow) -> None:
    await fail(brisk)
    await brisk.wait(280, step=10)

    assert brisk.messages() == []

    await brisk.wait(30)

    (root,) = brisk.roots()
    assert (status_of(root), calls(brisk), brisk.replies()) == ("Failed", 1, [])


async def test_failures_that_are_held_are_rows_of_the_first_that_is_told(brisk: Flow) -> None:
    for number in range(3):
        await begin_again(brisk, operationId=f"op-{number}")
    for number in range(3):
        await fail(brisk, operationId=f"op-{number}")
    await begin_again(brisk, operationId="op-0", retryNumber=1)  # so the second is the first to be told
    await brisk.wait(400, step=10)

    assert [reply.broadcast for reply in brisk.replies()] == [True, False]
    assert calls(brisk) == 1
    assert len({reply.thread_ts for reply in brisk.replies()}) == 1
