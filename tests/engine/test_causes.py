"""Failures of one cause that are sent below the first: each is reported, and once."""

from typing import Any

import pytest

from relay.domain.deliveries import Presentation, Target
from relay.domain.links import Person
from relay.interactivity.buttons import Button, action_requested
from tests.engine.hand_out import HandingOut, subjects
from tests.engine.partition import SECOND
from tests.support import events
from tests.support.targets import team

GROUPED = team(group=600.0, presentation=Presentation(thread_reply=True), new_limits=())
GRAVE = {"priority": "Critical"}


@pytest.fixture
def partition() -> HandingOut:
    return HandingOut()


def fail(partition: HandingOut, *operations: str, **more: Any) -> None:
    partition.queue(*(events.failed(operationId=name, **more) for name in operations), to=GROUPED)
    partition.now += SECOND


def begin_again(partition: HandingOut, operation: str, target: Target = GROUPED) -> None:
    partition.queue(events.started(operationId=operation, retryNumber=1), to=target)


def test_a_failure_is_reported_though_another_one_waits_below_it_when_its_run_begins_again(
    partition: HandingOut,
) -> None:
    fail(partition, "first")
    (first,) = partition.take()
    fail(partition, "other")
    assert partition.take() == []

    begin_again(partition, "first")
    partition.fail(first)
    partition.now += 60 * SECOND

    assert sorted(one.event.subject for one in partition.send_all() if one.event.terminal) == ["first", "other"]


def test_what_waits_below_a_failure_that_moves_below_a_graver_one_is_sent(partition: HandingOut) -> None:
    fail(partition, "first")
    partition.take()
    fail(partition, "other")
    assert partition.take() == []

    fail(partition, "grave", **GRAVE)
    partition.lapse()
    begin_again(partition, "first", team(presentation=Presentation(new_message=False)))

    assert sorted(subjects(partition.send_all())) == ["first", "grave", "other"]


def test_a_failure_that_was_handed_out_before_moves_below_a_graver_one_once(partition: HandingOut) -> None:
    partition.queue(events.progress(10, operationId="first"), to=GROUPED)
    partition.take()
    fail(partition, "first")
    partition.lapse()
    partition.now += SECOND
    retry = Button("retry", "first", "first", 0, "team", "#other", 0.0)
    partition.report(action_requested(retry, "ana", Person("U1", "Ana"), events.RECEIVED, "1"), [])
    (first,) = partition.take()
    assert first.event.terminal

    fail(partition, "grave", **GRAVE)
    partition.lapse()
    sent = partition.send_all()
    partition.now += 60 * SECOND

    assert sorted(subjects(sent + partition.send_all())) == ["first", "grave"]
