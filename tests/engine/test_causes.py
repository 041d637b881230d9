"""Failures of one cause at one address: one is a message, the others stand below it or come together, each once."""

from typing import Any

import pytest

from relay.domain.deliveries import Delivery, Presentation, Target, Window
from relay.domain.links import Person
from relay.engine.causes import ClaimMentions
from relay.engine.escalations import Calls
from relay.engine.receipts import Failed, GiveUp
from relay.interactivity.buttons import Button, action_requested
from tests.engine.partition import SECOND
from tests.engine.sending import Sending, rows, subjects
from tests.support import events
from tests.support.targets import mail, team

GROUPED = team(group=600.0, presentation=Presentation(thread_reply=True), new_limits=())
GRAVE = {"priority": "Critical"}


def fail(partition: Sending, *operations: str, **more: Any) -> None:
    partition.queue(*(events.failed(operationId=name, **more) for name in operations), to=GROUPED)
    partition.now += SECOND


def begin_again(partition: Sending, operation: str, target: Target = GROUPED) -> None:
    partition.queue(events.started(operationId=operation, retryNumber=1), to=target)


def test_a_failure_is_reported_though_another_one_waits_below_it_when_its_run_begins_again(
    partition: Sending,
) -> None:
    fail(partition, "first")
    (first,) = partition.take()
    fail(partition, "other")
    assert partition.take() == []

    begin_again(partition, "first")
    partition.fail(first)
    partition.now += 60 * SECOND

    assert sorted(one.event.subject for one in partition.send_all() if one.event.terminal) == ["first", "other"]


def test_what_waits_below_a_failure_that_moves_below_a_graver_one_is_sent(partition: Sending) -> None:
    fail(partition, "first")
    partition.take()
    fail(partition, "other")
    assert partition.take() == []

    fail(partition, "grave", **GRAVE)
    partition.lapse()
    begin_again(partition, "first", team(presentation=Presentation(new_message=False)))

    assert sorted(subjects(partition.send_all(seconds=2))) == ["first", "grave", "other"]


def test_a_failure_that_was_handed_out_before_moves_below_a_graver_one_once(partition: Sending) -> None:
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

    sent += partition.send_all()
    assert sorted(one.event.subject for one in sent if not one.edits) == ["first", "grave"]


WINDOW = 600.0
TEAM, MAIL = team(group=WINDOW), mail(group=WINDOW)
EVERYBODY = "@channel"


def fail_in_turn(partition: Sending, *names: str, to: Target = TEAM, **more: Any) -> None:
    for name in names:
        partition.hear(events.failed(operationId=name, **more), to=to)
        partition.now += 10


def run(partition: Sending, *names: str) -> None:
    """Let the messages of these runs stand."""
    partition.hear(*(events.progress(40, operationId=name) for name in names), to=TEAM)
    partition.send_all(seconds=8)


class TestRows:
    def test_the_first_is_a_message_and_the_others_are_rows_in_its_thread(self, partition: Sending) -> None:
        fail_in_turn(partition, *"abc")

        first, edit, *below = partition.send_all(seconds=8)

        assert (first.kind, first.wording, first.edits) == ("live", "", False)
        assert (edit.kind, edit.event.subject, edit.edits, edit.alike) == ("live", "a", True, 2)
        assert [(row.kind, row.wording, row.event.subject, row.thread) for row in below] == [
            ("reply", "also", name, {"channel": "C1", "ts": "a"}) for name in "bc"
        ]

    def test_a_first_one_that_is_dead_hides_no_other(self, partition: Sending) -> None:
        fail_in_turn(partition, *"ab")
        (delivery,) = partition.take(most=1)
        partition.tell(GiveUp, delivery, reason="rejected", error="is_archived")

        (second,) = partition.send_all(seconds=8)

        assert (second.event.subject, second.kind, second.wording) == ("b", "live", "")

    @pytest.mark.parametrize("unknown", [True, False])
    def test_what_was_tried_stays_what_it_was(self, partition: Sending, *, unknown: bool) -> None:
        fail_in_turn(partition, "a")
        partition.tell(Failed, partition.begin(), delay=30 * SECOND, error="no answer", unknown=unknown)
        fail_in_turn(partition, "b", **GRAVE)
        (graver,) = partition.send_all(seconds=8)
        partition.now += 60 * SECOND

        (again,) = partition.send_all(seconds=8)

        assert (graver.event.subject, graver.wording) == ("b", "")
        assert (again.event.subject, again.kind, again.wording, again.unknown) == ("a", "live", "", unknown)

    def test_come_one_after_the_other(self, partition: Sending) -> None:
        run(partition, *"abc")
        fail_in_turn(partition, "a")
        partition.send_all(seconds=8)
        fail_in_turn(partition, *"bc")

        taken = []
        for _ in range(8):
            taken += partition.take()
            partition.now += SECOND

        assert [(row.event.subject, row.wording) for row in taken if row.kind == "reply"] == [("b", "also")]


class TestCalls:
    def called(self, partition: Sending, by: Delivery, *people: str) -> tuple[str, ...]:
        return tuple(partition.do(ClaimMentions(by.group, people, by.id, int(by.window * 1000))))

    def reply(self, partition: Sending) -> Delivery:
        """Return the next reply; edits before it are sent."""
        for _ in range(20):
            for delivery in partition.take():
                if delivery.kind == "reply":
                    return delivery
                partition.send(delivery)
            partition.now += SECOND
        raise AssertionError("no reply")

    def test_each_is_called_by_one_delivery_however_often_it_asks(self, partition: Sending) -> None:
        fail_in_turn(partition, *"ab")
        first = partition.take_one()
        assert self.called(partition, first, "@lead", EVERYBODY) == ("@lead", EVERYBODY)
        partition.send(first)
        partition.now += SECOND
        row = self.reply(partition)

        for _ in range(2):
            assert self.called(partition, row, "@Lead", "@analyst", EVERYBODY) == ("@analyst",)
        assert self.called(partition, first, "@lead", EVERYBODY) == ("@lead", EVERYBODY)

    def test_who_was_called_by_a_critical_failure_is_forgotten_after_a_minute(self, partition: Sending) -> None:
        for number in range(3):
            fail(partition, f"{number}", **GRAVE)
            delivery = partition.take_one()
            assert self.called(partition, delivery, f"@person-{number}") == (f"@person-{number}",)
            partition.send(delivery)
            partition.now += 60 * SECOND

        [calls] = [record for record in partition.memory.records.values() if isinstance(record, Calls)]
        assert [*calls.made] == ["@person-2"]

    def test_those_who_are_called_by_later_ones_make_the_window_no_longer(self, partition: Sending) -> None:
        run(partition, *"abc")
        fail_in_turn(partition, "a")
        partition.send_all(seconds=8)
        partition.now += 400 * SECOND
        fail_in_turn(partition, "b")
        row = self.reply(partition)
        self.called(partition, row, "@lead")
        partition.send(row)
        partition.now += 400 * SECOND
        fail_in_turn(partition, "c")

        assert (row.wording, self.reply(partition).wording) == ("also", "")

    def test_whom_a_dead_one_was_to_call_the_next_one_calls(self, partition: Sending) -> None:
        run(partition, *"ab")
        fail_in_turn(partition, *"ab")
        first = self.reply(partition)
        assert self.called(partition, first, "@lead", EVERYBODY) == ("@lead", EVERYBODY)
        partition.tell(GiveUp, first, reason="rejected", error="msg_too_long")

        row = self.reply(partition)

        assert (first.event.subject, row.event.subject, row.wording) == ("a", "b", "also")
        for _ in range(2):
            assert self.called(partition, row, "@lead", EVERYBODY) == ("@lead", EVERYBODY)


class TestMails:
    def test_the_first_is_mailed_at_once_and_the_rest_after_a_minute_and_at_the_end_of_the_window(
        self, partition: Sending
    ) -> None:
        fail_in_turn(partition, "a", to=MAIL)
        (first,) = partition.send_all("email")
        partition.now += 30 * SECOND
        fail_in_turn(partition, *"bc", to=MAIL)
        assert partition.send_all("email", seconds=58) == []
        partition.now += 5 * SECOND
        (soon,) = partition.send_all("email")
        for name in "de":
            fail_in_turn(partition, name, to=MAIL)
            assert partition.send_all("email", seconds=60) == []
        partition.now += 600 * SECOND
        (rest,) = partition.send_all("email")

        assert (first.event.subject, soon.kind, soon.event.document["kind"]) == ("a", "roundup", "cause")
        assert [rows(one) for one in (soon, rest)] == [dict.fromkeys("bc", "Failed"), dict.fromkeys("de", "Failed")]
        assert partition.counts["held:same_cause"] == 4

    def test_a_critical_failure_is_mailed_at_once_whatever_was_before(self, partition: Sending) -> None:
        fail_in_turn(partition, "a", to=MAIL)
        fail_in_turn(partition, *"bc", to=MAIL, **GRAVE)

        assert [one.event.subject for one in partition.send_all("email")] == [*"abc"]

    def test_a_summary_names_what_has_no_row(self, partition: Sending) -> None:
        fail_in_turn(partition, "a", *(f"run-{number}" for number in range(40)), to=MAIL)
        partition.send_all("email")
        partition.now += 60 * SECOND

        (summary,) = partition.send_all("email")

        document = summary.event.document
        assert len(document["entries"]) + len(document["others"]) == document["totals"]["total"] == 40

    def test_the_same_run_that_fails_again_is_mailed_at_once(self, partition: Sending) -> None:
        for retry in range(2):
            fail_in_turn(partition, "a", to=MAIL, retryNumber=retry)
            assert [one.event.retry for one in partition.send_all("email")] == [retry]

    def test_it_waits_for_the_end_of_quiet_hours_that_began_meanwhile(self, partition: Sending) -> None:
        fail_in_turn(partition, *"ab", to=MAIL)
        partition.send_all("email")
        partition.now += 600 * SECOND
        now = partition.now / 1000

        assert partition.take("email", quiet={"*": Window(now - 60, now + 3600)}) == []

        partition.now += 3600 * SECOND
        (rest,) = partition.send_all("email")
        assert rows(rest) == {"b": "Failed"}
