"""Runs that a person looks at: who that is in their messages, and what is not sent meanwhile."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from relay.domain.deliveries import Accepted
from relay.domain.links import Person
from relay.engine.receipts import Failed
from relay.engine.records import Body
from relay.interactivity.buttons import TAKE, Button, action_requested
from relay.policy.presentation import presentation_for
from tests.engine.partition import SECOND
from tests.engine.sending import Sending
from tests.support import events
from tests.support.targets import mail, team

TEAM, OTHERS, MAIL = team(), team(destination="others", address="#others"), mail()
failed, progress, completed = (
    partial(make, operationId="op-1") for make in (events.failed, events.progress, events.completed)
)
ANNA, BEA = Person("U0ANNA", "Anna"), Person("U0BEA", "Bea")


def press(partition: Sending, who: Person, *, run: int = 0, once: str = "1") -> Accepted:
    button = Button(TAKE, "op-1", "op-1", run, "team", "#team", 0.0)
    event = action_requested(button, who.name.lower(), who, events.RECEIVED, f"{who.id} {once}")
    return partition.report(event, [TEAM])


def alarm(partition: Sending, name: str = "operation.stalled", reminder: int = 0) -> None:
    is_open = name == "operation.stalled"
    watch = {"was": partition.operation().alarms, "becomes": f"alarm {reminder}" if is_open else "", "open": is_open}
    body = events.body(name, operationId="op-1") | {"stalled": {"rule": "silent", "reminder": reminder}}
    event = replace(events.event_of(body), watch=watch)
    targets = [replace(target, presentation=presentation_for(event)) for target in (TEAM, MAIL)]
    partition.report(event, targets)


def shown(partition: Sending) -> list[tuple[str, str, str]]:
    sent = partition.send_all(seconds=8)
    return sorted((one.destination, one.kind, one.taken.get("userName", "")) for one in sent)


def test_the_messages_of_a_failed_run_say_who_looks_at_it(partition: Sending) -> None:
    partition.report(failed(), [TEAM, OTHERS])
    partition.send_all(seconds=8)

    assert press(partition, ANNA).status == "accepted"
    assert shown(partition) == [("others", "live", "anna"), ("team", "live", "anna"), ("team", "reply", "")]


def test_the_last_press_holds_and_each_counts_once(partition: Sending) -> None:
    partition.hear(failed(), to=TEAM)
    statuses = [press(partition, who, once=once).status for who, once in ((ANNA, "1"), (ANNA, "2"), (BEA, "1"))]

    assert statuses == ["accepted", "duplicate", "accepted"]
    assert press(partition, ANNA, once="1").status == "duplicate"  # appended twice
    assert partition.operation().taken["userName"] == "bea"


def test_a_run_that_completes_or_begins_anew_is_taken_by_nobody(partition: Sending) -> None:
    partition.hear(failed(), to=TEAM)
    press(partition, ANNA)
    partition.hear(progress(5, retryNumber=1), to=TEAM)
    assert not partition.operation().taken
    assert press(partition, ANNA, run=1).status == "late"  # nothing is wrong with it

    partition.hear(failed(retryNumber=1), to=TEAM)
    assert press(partition, ANNA, once="2").status == "late"  # the button of the run before
    assert press(partition, ANNA, run=1).status == "accepted"
    partition.hear(completed(retryNumber=1), to=TEAM)
    assert not partition.operation().taken


def test_nobody_is_reminded_of_a_stalled_run_that_is_taken_until_it_stalls_again(partition: Sending) -> None:
    partition.report(progress(40), [TEAM, MAIL])
    alarm(partition)
    assert press(partition, ANNA).status == "accepted"
    partition.send_all(seconds=8)
    partition.send_all("email", seconds=8)
    alarm(partition, reminder=1)

    assert partition.counts["held:taken"] == 2
    assert shown(partition) == [("team", "live", "anna")]
    assert partition.take("email") == []

    alarm(partition, "operation.recovered")
    alarm(partition)
    alarm(partition, reminder=1)
    assert partition.counts["held:taken"] == 2


MINUTES = 60 * SECOND
ESCALATING = team(escalate=((900.0, "lead"), (1800.0, "team")))


def told(partition: Sending) -> list[tuple[str, str, float]]:
    sent = [*partition.send_all(seconds=8), *partition.send_all("email", seconds=8)]
    return sorted((one.destination, one.kind, one.waited) for one in sent)


def test_a_failure_that_nobody_takes_is_escalated_step_by_step(partition: Sending) -> None:
    partition.report(failed(), [ESCALATING])
    assert told(partition) == [("team", "live", 0.0)]
    partition.now += 14 * MINUTES
    assert told(partition) == []
    partition.now += 1 * MINUTES
    assert told(partition) == [("analysts", "each", 900.0), ("lead", "reply", 900.0)]
    partition.now += 15 * MINUTES
    assert told(partition) == [("team", "reply", 1800.0)]
    partition.now += 60 * MINUTES
    assert told(partition) == []
    assert partition.counts == {"accepted": 4, "delivered": 4}


@pytest.mark.parametrize(
    "answer",
    [
        lambda it: press(it, ANNA),
        lambda it: it.report(progress(5, retryNumber=1), [TEAM]),
        lambda it: it.report(completed(), [TEAM]),
    ],
    ids=["taken", "a new run", "a correction"],
)
def test_whatever_answers_a_failure_ends_its_escalation(
    partition: Sending, answer: Callable[[Sending], object]
) -> None:
    partition.report(failed(), [ESCALATING])
    told(partition)
    partition.now += 16 * MINUTES
    assert len(told(partition)) == 2
    answer(partition)
    partition.now += 60 * MINUTES

    assert [row for row in told(partition) if row[2]] == []
    assert not partition.operation("op-1").escalations
    assert partition.counts["superseded"] >= 1


def test_a_step_under_way_that_does_not_arrive_is_not_tried_again_once_the_run_is_taken(partition: Sending) -> None:
    partition.report(failed(), [ESCALATING])
    told(partition)
    partition.now += 15 * MINUTES
    step = partition.begin()
    press(partition, ANNA)
    partition.tell(Failed, step, error="503")
    partition.now += 60 * MINUTES

    assert [row for row in told(partition) if row[0] == "lead"] == []


def test_a_failure_below_another_one_of_its_cause_is_told_long_before_it_is_escalated(partition: Sending) -> None:
    grouped = team(escalate=((1800.0, "team"),), group=600.0, new_limits=())
    partition.report(failed(), [grouped])
    partition.report(events.failed(operationId="op-2"), [grouped])

    sent = partition.send_all(seconds=8)
    assert sorted(one.event.subject for one in sent if not one.edits) == ["op-1", "op-2"]


def test_a_second_failure_of_the_run_brings_no_second_step(partition: Sending) -> None:
    partition.report(failed(), [ESCALATING])
    partition.now += MINUTES
    partition.report(failed(status="Timeout"), [ESCALATING])
    partition.now += 60 * MINUTES

    assert [row[2] for row in told(partition) if row[2]] == [900.0, 900.0, 1800.0]


def test_it_counts_for_each_address_that_got_the_failure(partition: Sending) -> None:
    held = replace(ESCALATING, address="#muted", hold_reason="suppressed")
    partition.report(failed(), [ESCALATING, held])
    partition.now += 60 * MINUTES

    assert len([row for row in told(partition) if row[2]]) == 3


def test_of_a_failure_that_is_held_it_counts_from_the_end_of_that(partition: Sending) -> None:
    partition.report(failed(), [mail(hold=1800.0, escalate=((300.0, "team"),))])
    partition.now += 31 * MINUTES
    assert told(partition) == [("analysts", "each", 0.0)]
    partition.now += 5 * MINUTES
    assert told(partition) == [("team", "reply", 300.0)]


def test_a_report_that_makes_a_known_failure_critical_begins_it(partition: Sending) -> None:
    document = events.body("operation.failed", operationId="op-1", status="Failed")
    partition.report(events.event_of(document), [TEAM])
    partition.report(events.event_of(document | {"error": {"message": "no room"}}), [ESCALATING])
    partition.now += 60 * MINUTES

    assert [row[2] for row in told(partition) if row[2]] == [900.0, 900.0, 1800.0]


@pytest.mark.parametrize("between", [[], ["Timeout"]], ids=["of the newest outcome", "of the one before"])
def test_a_report_that_escalates_leaves_its_document_to_all_that_wait(
    partition: Sending, between: Sequence[str]
) -> None:
    document = events.body("operation.failed", operationId="op-1", status="Failed")
    partition.report(events.event_of(document), [MAIL])
    for status in between:
        partition.report(events.event_of(document | {"status": status}), [])
    partition.report(events.event_of(document | {"error": {"message": "no room"}}), [ESCALATING])
    sent = partition.send_all("email")
    for _ in ESCALATING.escalate:
        partition.now += 16 * MINUTES
        sent += [*partition.send_all(), *partition.send_all("email")]

    assert [one.event.document["error"]["message"] for one in sent if one.kind != "live"] == ["no room"] * 4
    assert not any(name.startswith(Body.PREFIX) for name in partition.memory.records)


def test_what_the_destination_did_not_get_is_not_escalated(partition: Sending) -> None:
    partition.report(failed(), [replace(ESCALATING, hold_reason="not_allowed")])
    partition.now += 60 * MINUTES

    assert told(partition) == []


def test_a_failure_of_a_run_that_is_taken_already_is_not_escalated(partition: Sending) -> None:
    partition.report(progress(40), [TEAM, MAIL])
    alarm(partition)
    press(partition, ANNA)
    partition.report(failed(), [ESCALATING])

    assert not partition.operation().escalations
