"""`hold_failure`: a failure whose run is begun again in time is told with its end, and otherwise a little later."""

from collections.abc import AsyncIterator, Callable

import pytest

from relay.store import Store
from relay_sandbox.standins.slack import Message
from tests.support.clock import Clock
from tests.support.flow import POST, UPDATE, Flow, flowing
from tests.support.flow_events import AT_ONCE, GROUP, OWNER, event_of, mentions_in, outcome_of

ERROR = {"error": {"code": "E17", "message": "the source did not answer"}}


@pytest.fixture
async def patient(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Flow]:
    async with flowing(open_store, clock, live=AT_ONCE, mention=GROUP, more="hold_failure: 5m") as flow:
        yield flow


async def fail(flow: Flow, **stated: object) -> None:
    await flow.send(outcome_of("Failed", priority="High", createdBy=OWNER, **stated) | ERROR)
    await flow.wait(10)


async def begin_again(flow: Flow, **stated: object) -> None:
    await flow.send(event_of("operation.started", priority="High", **stated))
    await flow.wait(10)


def outcomes(flow: Flow) -> list[str]:
    return [status_of(reply) for reply in flow.replies()]


def status_of(message: Message) -> str:
    return message.text.partition(":")[0].split()[-1]


def calls(flow: Flow) -> int:
    return sum(len(mentions_in(arguments)) for _, arguments in flow.calls(POST))


async def test_without_another_try_it_is_told_after_the_hold_and_shown_at_once(patient: Flow) -> None:
    await begin_again(patient)
    await fail(patient)

    assert "Failed" in patient.calls(UPDATE)[-1][1]["text"]
    assert patient.replies() == []

    await patient.wait(300)

    (reply,) = patient.replies()
    assert (reply.broadcast, calls(patient), outcomes(patient)) == (True, 1, ["Failed"])


@pytest.mark.parametrize("again", [{"retryNumber": 1}, {"operationId": "op-2", "originalOperationId": "op-1"}])
async def test_a_failure_that_heals_is_told_with_the_end_and_calls_nobody(
    patient: Flow, again: dict[str, object]
) -> None:
    await begin_again(patient)
    await fail(patient)
    await begin_again(patient, **again)
    await patient.wait(600, step=10)

    assert patient.replies() == []

    await patient.send(outcome_of("Completed", priority="High", createdBy=OWNER, **again))
    await patient.wait(30)

    (reply,) = patient.replies()
    text = str(patient.calls(POST)[-1][1]["blocks"])
    assert "failed and recovered" in text
    assert "the source did not answer" in text
    assert (reply.broadcast, calls(patient), len(patient.roots())) == (False, 0, 1)
    assert await patient.held() == {"healed": 1}
    assert (await patient.ledger()).imbalance == 0


async def test_if_the_next_try_fails_too_that_is_told_after_a_hold_of_its_own(patient: Flow) -> None:
    await begin_again(patient)
    await fail(patient)
    await begin_again(patient, retryNumber=1)
    await fail(patient, retryNumber=1)
    await patient.wait(280, step=10)

    assert patient.replies() == []

    await patient.wait(30)

    assert (outcomes(patient), calls(patient)) == (["Failed"], 1)


async def test_where_no_message_stands_it_is_the_message_that_waits(patient: Flow) -> None:
    await fail(patient)
    await patient.wait(280, step=10)

    assert patient.messages() == []

    await patient.wait(30)

    (root,) = patient.roots()
    assert (status_of(root), calls(patient), patient.replies()) == ("Failed", 1, [])


async def test_failures_that_are_held_are_rows_of_the_first_that_is_told(patient: Flow) -> None:
    for number in range(3):
        await begin_again(patient, operationId=f"op-{number}")
    for number in range(3):
        await fail(patient, operationId=f"op-{number}")
    await begin_again(patient, operationId="op-0", retryNumber=1)  # so the second is the first to be told
    await patient.wait(400, step=10)

    assert [reply.broadcast for reply in patient.replies()] == [True, False]
    assert calls(patient) == 1
    assert len({reply.thread_ts for reply in patient.replies()}) == 1
