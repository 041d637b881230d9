"""Live messages: one delivery shows the present state of a run, and of each outcome people hear once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from relay.domain.deliveries import Delivery, Window
from relay.domain.facts import complete_outcome
from relay.engine.dead_letters import ReplayDead
from relay.engine.pauses import PauseScope
from relay.engine.receipts import Failed, GiveUp
from relay.engine.records import Body, Thread, story
from tests.engine.partition import SECOND
from tests.engine.sending import POSTED, Sending
from tests.support import events
from tests.support.targets import team

AGAIN = events.progress(10, retryNumber=1)  # the run has begun anew


def everything(partition: Sending) -> list[Delivery]:
    """Return what is sent until nothing waits."""
    sent = []
    for _ in range(10):
        for delivery in partition.take():
            assert partition.arrive(delivery)
            sent.append(delivery)
        partition.now += 20 * SECOND
    assert partition.memory.counts["pending"] == 0
    assert not [record for record in partition.memory.records.values() if isinstance(record, Body)]
    return sent


def outcomes(sent: list[Delivery]) -> list[str]:
    """Return the messages, be they new or replies, that say that the run failed."""
    return [delivery.kind for delivery in sent if delivery.event.status == "Failed" and not delivery.edits]


class TestStates:
    def test_a_message_shows_as_much_as_came_until_it_left(self, partition: Sending) -> None:
        partition.report(events.progress(10), [team()])
        partition.report(events.progress(20), [])
        flying = partition.take_one()
        partition.arrive(flying)

        thread = partition.d.get(Thread, flying.lane)
        assert thread
        assert thread.posted_seq == partition.operation().seq == 2

    def test_an_outcome_says_all_in_the_message_where_nothing_was_posted_before_it(self, partition: Sending) -> None:
        partition.hear(events.failed(), to=team())
        (whole,) = partition.take()
        partition.arrive(whole)
        partition.hear(events.progress(10, operationId="op-2"), to=team())
        partition.send_all(seconds=5)
        partition.now += 60 * SECOND
        later = datetime.fromtimestamp(partition.now / 1000, UTC)
        partition.hear(replace(events.failed(operationId="op-2"), received_at=later), to=team())
        (edit,) = (one for one in partition.take() if one.kind == "live")

        assert (whole.kind, whole.alone, edit.kind, edit.alone) == ("live", True, "live", False)

    def test_a_lapsed_edit_is_repeated_freely(self, partition: Sending) -> None:
        partition.hear(events.progress(10), to=team())
        partition.send_all()
        partition.hear(events.progress(20), to=team())
        for _ in range(3):
            partition.begin()
            partition.lapse()

        assert not partition.take_one().unknown

    def test_an_edit_of_an_older_state_that_was_made_late_is_repaired(self, partition: Sending) -> None:
        partition.hear(events.progress(10), to=team())
        partition.send_all()
        partition.hear(events.progress(20), to=team())
        old = partition.begin()
        partition.lapse()
        partition.hear(events.completed(), to=team())
        assert partition.arrive(partition.take_one())
        partition.settle(old)
        partition.now += 2 * SECOND

        assert {delivery.event.name for delivery in partition.take()} == {"operation.completed"}
        assert any(b"repair" in line for line in partition.d.log(story(partition.operation().name)))

    def test_what_may_have_arrived_is_known_however_many_newer_states_come(self, partition: Sending) -> None:
        begun, trials = partition.now / 1000 + 5, []
        for percentage in range(10, 50, 10):
            partition.hear(events.progress(percentage), to=team())
            partition.now += 5 * SECOND
            flying = partition.begin()
            trials.append(flying.trial)
            partition.hear(events.progress(percentage + 5), to=team())  # during the attempt
            partition.tell(Failed, flying, error="reset", unknown=True, refund_attempt=True, of_channel=True)

        assert [trial.faults for trial in trials] == [0, 1, 2, 3]
        assert {trial.doubted for trial in trials[1:]} == {begun}
        assert [trial.repeated for trial in trials[1:]] == [begun, begun + 5, begun + 10]
        assert "dead" not in partition.counts

    def test_what_may_have_arrived_is_known_when_it_is_given_up(self, partition: Sending) -> None:
        partition.hear(events.progress(10), to=team())
        partition.tell(Failed, partition.begin(), error="reset", unknown=True)
        partition.now += 2 * SECOND
        partition.tell(GiveUp, partition.begin(), reason="rejected", error="is_archived")
        partition.hear(events.progress(20), to=team())
        partition.now += 2 * SECOND

        assert partition.take_one().unknown

    def test_what_was_set_aside_in_quiet_hours_and_may_have_arrived_begins_anew_with_the_mark(
        self, partition: Sending
    ) -> None:
        partition.hear(events.progress(10), to=team())
        partition.tell(Failed, partition.begin(), error="reset", unknown=True)
        partition.now += 2 * SECOND
        now = partition.now / 1000
        assert partition.take(quiet={"*": Window(now, now + 8 * 3600)}) == []
        partition.now += 9 * 3600 * SECOND
        partition.settle(partition.take_one(), {})

        partition.hear(events.progress(20), to=team())
        partition.now += 20 * SECOND
        anew = partition.take_one()
        partition.arrive(anew)
        partition.hear(events.progress(30), to=team())
        partition.now += 20 * SECOND

        edit = partition.take_one()
        assert (anew.unknown, anew.thread, edit.unknown, edit.thread) == (True, {}, False, POSTED)

    def test_not_even_an_outcome_comes_before_a_retry_after(self, partition: Sending) -> None:
        partition.hear(events.progress(10), to=team())
        flying = partition.begin()
        pause = PauseScope(f"lane:{flying.lane}", 300 * SECOND, "503")
        partition.tell(Failed, flying, delay=300 * SECOND, error="503", pauses=(pause,))
        partition.hear(events.completed(), to=team())

        for wait in (0, 299):
            partition.now += wait * SECOND
            assert partition.take() == []
        partition.now += SECOND
        assert partition.take_one().event.name == "operation.completed"

    def test_what_is_due_is_not_put_off_by_what_comes_behind_it(self, partition: Sending) -> None:
        partition.hear(events.progress(10), to=team())
        partition.send_all()
        partition.hear(events.progress(30), to=team(min_interval=5.0))
        partition.hear(events.progress(50), to=team(min_interval=60.0))
        partition.now += 6 * SECOND

        assert partition.take_one().event.percentage == 50

    def test_an_event_during_an_edit_keeps_its_distance_from_it(self, partition: Sending) -> None:
        partition.hear(events.progress(10), to=team(min_interval=15))
        flying = partition.begin()
        partition.hear(events.progress(20), to=team(min_interval=15))
        partition.now += 2 * SECOND
        partition.settle(flying)

        partition.now += 14 * SECOND
        assert partition.take() == []
        partition.now += SECOND
        assert partition.take_one().event.percentage == 20


class TestOutcomesThatMeetANewRun:
    @pytest.mark.parametrize("arrives", [True, False])
    def test_one_that_was_the_first_post_is_notified_once(self, partition: Sending, *, arrives: bool) -> None:
        partition.hear(events.failed(), to=team())
        flying = partition.begin()
        partition.hear(AGAIN, to=team())
        if arrives:
            partition.settle(flying)
        else:
            partition.tell(Failed, flying, error="503")
        partition.now += 2 * SECOND

        sent = [(one.kind, one.event.status) for one in everything(partition)]

        assert sent == ([] if arrives else [("reply", "Failed")]) + [("live", "Running")]

    @pytest.mark.parametrize("arrives", [True, False])
    def test_one_that_came_during_the_first_post_has_its_reply(self, partition: Sending, *, arrives: bool) -> None:
        partition.hear(events.progress(10), to=team())
        flying = partition.begin()
        partition.hear(events.failed(), AGAIN, to=team())
        if arrives:
            partition.settle(flying)
        else:
            partition.tell(Failed, flying, error="503")

        assert outcomes(everything(partition)) == ["reply"]

    def test_so_has_one_that_a_late_receipt_has_repaired(self, partition: Sending) -> None:
        partition.hear(events.failed(), to=team())
        first = partition.begin()
        partition.lapse()
        partition.now += SECOND
        second = partition.begin(process="b")
        partition.settle(first)  # another one has it by now, so the message is to be repaired
        partition.hear(AGAIN, to=team())
        partition.tell(Failed, second, error="503")

        assert outcomes(everything(partition)) == ["reply"]

    def test_one_that_the_message_has_shown_has_none(self, partition: Sending) -> None:
        partition.hear(events.progress(10), to=team())
        flying = partition.begin()
        partition.hear(events.failed(), to=team())
        partition.tell(Failed, flying, error="503")
        partition.now += 2 * SECOND
        first = partition.begin()
        partition.hear(AGAIN, to=team())
        partition.settle(first)

        assert outcomes([first, *everything(partition)]) == ["live"]

    def test_one_whose_conversation_hears_nothing_of_the_new_run_is_sent(self, partition: Sending) -> None:
        partition.hear(events.failed(), to=team())
        partition.report(events.started(retryNumber=1), [])

        assert outcomes(everything(partition)) == ["reply"]

    def test_a_dead_letter_says_the_outcome_that_it_was_of(self, partition: Sending) -> None:
        partition.hear(events.failed(), to=team())
        first = partition.begin()
        partition.tell(GiveUp, first, reason="not_in_channel", error="not_in_channel")
        partition.hear(AGAIN, to=team())
        partition.send_all()

        partition.do(ReplayDead([first.id]))

        assert outcomes(everything(partition)) == ["reply"]

    def test_whom_a_message_would_have_called_people_to_ends_with_its_run_in_a_batch_too(
        self, partition: Sending
    ) -> None:
        """The first post has the outcome of the run before and arrives late; the batch reports that of the next one."""
        partition.hear(events.failed(batchId="b-1"), to=team())
        late = partition.begin()
        batch = {"event": "batch.started", "batch": {"batchId": "b-1", "status": "Initiated"}}
        partition.hear(events.event_of(batch), to=team())
        partition.lapse()
        partition.hear(events.failed(retryNumber=1, batchId="b-1"), to=team())
        sent = everything(partition)
        partition.settle(late)

        assert sorted((one.event.name, one.event.retry, one.kind) for one in sent) == [
            ("batch.started", 0, "live"), ("operation.failed", 0, "reply"), ("operation.failed", 1, "reply")
        ]  # fmt: skip
        assert outcomes(everything(partition)) == []


class TestReports:
    def test_two_that_add_to_an_outcome_are_both_kept(self, partition: Sending) -> None:
        thin = events.body("operation.failed", status="Failed")
        for part in ({}, {"error": {"said": 1}}, {"results": {"said": 1}}):
            partition.report(events.event_of(thin | part), [team()])

        shown = partition.take_one().event
        assert (shown.error, shown.results) == ({"said": 1}, {"said": 1})

    def test_one_of_the_run_before_says_nothing_of_this_one(self, partition: Sending) -> None:
        for run in range(2):
            partition.hear(events.completed(retryNumber=run), to=team())
            partition.send_all(seconds=20)
        document = events.body("operation.completed", 100, status="Completed")
        late = events.event_of(document | {"results": {"summary": {"recordsProcessed": 5}}})

        assert partition.report(late, [team()]).status == "duplicate"
        assert everything(partition) == []

    def test_what_is_recorded_stands_where_it_says_something(self) -> None:
        recorded, report = (
            events.event_of(events.body("operation.failed", status="Failed") | {"error": error})
            for error in ({"code": "E1", "message": ""}, {"code": "E2", "message": "lint failed"})
        )

        assert complete_outcome(recorded, report).error == {"code": "E1", "message": "lint failed"}
