"""Failures that are held: sent after the hold, or not at all where the run is begun again in time."""

from dataclasses import replace
from typing import Any

import pytest

from relay.domain.deliveries import Delivery
from relay.engine.receipts import Failed
from tests.engine.partition import SECOND
from tests.engine.sending import Sending
from tests.support import events
from tests.support.targets import mail, team

HOLD = 300
TEAM, MAIL = team(hold=float(HOLD)), mail(hold=float(HOLD))


def names(deliveries: list[Delivery]) -> list[tuple[str, str]]:
    return [(one.kind, one.event.name) for one in deliveries]


@pytest.mark.parametrize("again", [{"retryNumber": 1}, {"operationId": "op-2", "originalOperationId": "op-1"}])
def test_one_that_heals_is_not_mailed_but_with_the_end(partition: Sending, again: dict[str, Any]) -> None:
    partition.hear(events.failed(operationId="op-1"), to=MAIL)
    partition.now += (HOLD - 1) * SECOND
    end = events.completed(**{"operationId": "op-1"} | again)
    if end.original and end.operation:  # as intake numbers it
        end = replace(end, operation=replace(end.operation, retry=1))
    partition.hear(end, to=MAIL)

    (sent,) = partition.send_all("email", seconds=8)

    assert (sent.event.name, sent.wording) == ("operation.completed", "healed")
    assert sent.mishap == "The extractor did not answer for 300 s."
    assert partition.counts["held:healed"] == 1


def test_a_try_that_comes_too_late_heals_nothing(partition: Sending) -> None:
    partition.hear(events.failed(), to=MAIL)
    partition.now += (HOLD + 1) * SECOND
    partition.hear(events.completed(retryNumber=1), to=MAIL)

    sent = partition.send_all("email", seconds=8)

    assert names(sent) == [("each", "operation.failed"), ("each", "operation.completed")]
    assert [one.wording for one in sent] == ["", ""]


def test_a_run_that_fails_again_and_again_is_notified_all_the_same(partition: Sending) -> None:
    partition.hear(events.progress(40), to=TEAM)
    partition.send_all(seconds=8)
    failures = []
    for run in range(6):
        partition.hear(events.progress(5, retryNumber=run), events.failed(retryNumber=run), to=TEAM)
        partition.now += HOLD // 2 * SECOND
        failures += [one.event.retry for one in partition.send_all(seconds=8) if one.kind == "reply"]

    assert failures == [2, 5]


@pytest.mark.parametrize(("after", "told"), [(HOLD + 1, [("reply", "operation.failed")]), (HOLD - 1, [])])
def test_one_whose_message_is_still_on_its_way_is_sent_once_or_healed(
    partition: Sending, after: int, told: list[tuple[str, str]]
) -> None:
    """Its reply waits for the hold, and the edit for the message: the next run may begin before either has left."""
    partition.hear(events.progress(40), to=TEAM)
    first = partition.begin()
    partition.hear(events.failed(), to=TEAM)
    partition.now += after * SECOND
    partition.hear(events.progress(5, retryNumber=1), to=TEAM)
    partition.tell(Failed, first, error="503")

    assert names(partition.send_all(seconds=HOLD + 8)) == [("live", "operation.progress"), *told]
