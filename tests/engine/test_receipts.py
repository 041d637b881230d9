"""What became of a hand-out: it counts once, and only while the hand-out goes on."""

import pytest

from relay.domain.deliveries import Presentation, Silenced
from relay.engine.pauses import LiftPauses, Pause, PauseScope
from relay.engine.receipts import BEGINS, Failed, Lapse, Mark, Release, Withhold
from relay.engine.records import FLYING
from relay.policy.retry import GIVE_UP_AFTER
from tests.engine.partition import DAY, MINUTE, SECOND
from tests.engine.sending import Sending
from tests.support import events
from tests.support.targets import room, team


def test_a_receipt_counts_once(partition: Sending) -> None:
    partition.report(events.completed(), [room()])
    taken = partition.take_one()

    assert partition.arrive(taken)
    assert not partition.arrive(taken)

    assert partition.counts == {"accepted": 1, "delivered": 1}
    assert partition.d.size(FLYING) == 0


def test_a_mark_that_is_made_again_costs_no_other_attempt(partition: Sending) -> None:
    partition.report(events.completed(), [room()])
    taken = partition.begin()
    assert partition.tell(Mark, taken)

    assert [x.attempts for x in partition.waiting()] == [1]
    partition.settle(taken)


def test_what_was_not_sent_after_all_costs_no_attempt(partition: Sending) -> None:
    partition.fill(0, 1)
    partition.tell(Release, partition.begin())
    taken = partition.take_one()
    assert taken.attempt == 1

    partition.tell(Failed, taken, refund_attempt=True)  # it failed before its first byte

    assert partition.take_one().attempt == 1


@pytest.mark.parametrize(
    ("lanes", "after", "pauses"),
    [("ab", 0, True), ("aa", 0, False), ("ab", 2 * MINUTE, False)],
    ids=["two messages", "one, twice", "two, long apart"],
)
def test_what_may_be_the_message_s_own_fault_pauses_its_channel_once_another_one_fails_too(
    partition: Sending, lanes: str, after: int, *, pauses: bool
) -> None:
    witnessed = (PauseScope("channel:slack", MINUTE, "no_answer", probe=True, witnessed=True),)
    for number, name in enumerate(lanes):
        partition.now += after * number
        if name not in lanes[:number]:
            partition.queue(events.completed(operationId=name), to=room())
        delivery = partition.begin()
        assert delivery.event.subject == name
        partition.tell(Failed, delivery, delay=0 if lanes == "aa" else 3600 * SECOND, error="?", pauses=witnessed)
    partition.queue(events.completed(operationId="c"), to=room())

    assert (partition.take() == []) is pauses


def test_nothing_is_broken_where_something_got_through_between_two_failures(partition: Sending) -> None:
    witnessed = (PauseScope("channel:slack", MINUTE, "no_answer", probe=True, witnessed=True),)
    for number in range(3):
        partition.fill(number, number + 1)
        delivery = partition.begin()
        if number == 1:
            partition.settle(delivery)
        else:
            partition.tell(Failed, delivery, delay=3600 * SECOND, error="?", pauses=witnessed)
        partition.now += SECOND

    partition.fill(3, 4)
    assert len(partition.take()) == 1


def test_a_shorter_pause_does_not_cut_a_longer_one(partition: Sending) -> None:
    partition.fill(0, 2)
    for taken, ms in zip(partition.take(), (400_000, 20_000), strict=True):
        pause = PauseScope("limit:post:#room", ms, "429")
        partition.tell(Failed, taken, delay=ms, error="429", pauses=(pause,))

    kept = partition.d.get(Pause, "limit:post:#room")
    assert kept
    assert kept.until == partition.now + 400_000


class TestALapse:
    def test_after_the_mark_leaves_an_unknown_outcome(self, partition: Sending) -> None:
        partition.report(events.completed(), [room()])
        partition.tell(Mark, partition.take_one())
        partition.lapse()

        assert partition.take_one().unknown
        assert partition.counts["unknown_outcomes"] == 1

    def test_is_of_the_process_that_is_gone_alone(self, partition: Sending) -> None:
        partition.report(events.completed(operationId="1"), [room()])
        partition.take_one(process="a")
        partition.report(events.completed(operationId="2"), [room()])
        partition.take_one(process="b")

        partition.lapse("b:")

        assert [taken.event.subject for taken in partition.take()] == ["2"]

    def test_waits_for_a_call_that_may_go_on_in_a_process_that_is_not_heard_of(self, partition: Sending) -> None:
        for subject in ("1", "2"):
            partition.report(events.completed(operationId=subject), [room()])
        _, called = partition.take(process="a")
        partition.tell(Mark, called)
        silent = Lapse(living=("b",), ended=("b:",))

        partition.lapse(entry=silent)
        unsent = [taken.event.subject for taken in partition.take(process="b")]
        partition.lapse(entry=silent)
        partition.now += 58_000
        partition.lapse(entry=silent)
        during = partition.take(process="b")
        partition.now += SECOND
        partition.lapse(entry=silent)

        assert (unsent, during) == ([({"1", "2"} - {called.event.subject}).pop()], [])
        assert [(taken.event.subject, taken.unknown) for taken in partition.take()] == [(called.event.subject, True)]

    def test_waits_for_as_long_as_the_call_may_take(self, partition: Sending) -> None:
        partition.report(events.completed(), [room()])
        partition.tell(Mark, partition.take_one(process="a"), lasts=600_000)
        silent = Lapse(living=("b",), ended=("b:",))

        partition.now += 600_000
        partition.lapse(entry=silent)
        during = partition.take(process="b")
        partition.now += BEGINS
        partition.lapse(entry=silent)

        assert during == []
        assert partition.take_one(process="b").unknown

    def test_a_receipt_after_it_ends_what_nobody_has_taken_since(self, partition: Sending) -> None:
        partition.report(events.completed(), [room()])
        taken = partition.take_one()
        partition.tell(Mark, taken)
        partition.lapse()

        assert partition.arrive(taken)
        assert partition.take() == []

    def test_of_an_older_state_says_nothing_of_an_outcome_that_has_a_message_of_its_own(
        self, partition: Sending
    ) -> None:
        """Else its channel is asked, finds the older message, and nobody hears of the outcome."""
        partition.report(events.started(operationId="1"), [team()])
        partition.tell(Mark, partition.take_one())
        partition.lapse()
        partition.report(events.failed(operationId="1"), [team()])
        partition.report(events.started(operationId="1", retryNumber=1), [team()])

        partition.now += SECOND
        outcome = next(taken for taken in partition.take() if taken.event.name == "operation.failed")

        assert (outcome.kind, outcome.unknown) == ("reply", False)

    @pytest.mark.parametrize("marked", [False, True])
    def test_what_lapses_too_often_is_given_up(self, partition: Sending, *, marked: bool) -> None:
        partition.report(events.completed(), [room()])
        unknown, waits, began = [], [], partition.now
        while taken := partition.take():
            if marked:
                partition.tell(Mark, taken[0])
            unknown.append(taken[0].unknown)
            since, last = partition.now, taken[0]
            partition.lapse()
            waits.append((partition.now - since) // SECOND)
            assert partition.now - began < 4 * DAY

        assert waits[:11] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
        assert partition.now - began > GIVE_UP_AFTER * 1000
        assert unknown == [False, *[marked] * (len(unknown) - 1)]
        assert partition.counts["buried:worker_crashed"] == 1
        assert not partition.settle(last)  # too late: it counts as what it is

    def test_is_the_first_of_a_row_again_once_an_attempt_has_failed(self, partition: Sending) -> None:
        """Its process lives, so what it did before may not have been what others died of."""
        partition.report(events.completed(), [room()])
        waits = []
        for failed in (False, False, True, False):
            taken, since = partition.begin(), partition.now
            if failed:
                partition.tell(Failed, taken, error="503")
            else:
                partition.lapse()
                waits.append((partition.now - since) // SECOND)

        assert waits == [1, 2, 1]
        assert partition.take_one().attempt == 5

    def test_leaves_nothing_but_a_receipt_to_whoever_held_it(self, partition: Sending) -> None:
        partition.report(events.completed(), [room()])
        old = partition.take_one()
        partition.lapse()
        assert not partition.tell(Mark, old)
        assert not partition.tell(Release, old)
        new = partition.take_one(process="b")

        assert not partition.tell(Mark, old)
        assert not partition.settle(old)
        assert partition.arrive(new)
        assert partition.counts["delivered"] == 1

    def test_takes_over_all_that_there_is(self, partition: Sending) -> None:
        partition.fill(0, 60)
        for process in "ab":
            for taken in partition.take(process=process, most=30):
                partition.tell(Mark, taken)

        partition.lapse(entry=Lapse(living=()))

        assert len(partition.take(most=60)) == 60


def test_an_outcome_is_not_taken_for_that_of_another_run_that_waits_below_it(partition: Sending) -> None:
    """Both failed for one cause, as the first event of their operations."""
    target = team(group=600.0)
    partition.report(events.failed(operationId="1"), [target])
    partition.tell(Mark, partition.take_one())
    partition.report(events.failed(operationId="2"), [target])
    partition.now += 2 * SECOND
    assert partition.take() == []
    partition.report(events.started(operationId="1", retryNumber=1), [target])
    partition.lapse()
    partition.now += 60 * SECOND

    (outcome,) = partition.take()

    assert (outcome.event.subject, outcome.event.name) == ("1", "operation.failed")


class TestALiveMessage:
    def test_that_a_lapsed_hand_out_posted_takes_the_newer_state(self, partition: Sending) -> None:
        partition.report(events.progress(10), [team()])
        early = partition.take_one(process="a")
        partition.tell(Mark, early)
        partition.lapse()
        partition.now += 2000
        partition.report(events.progress(90), [team()])
        late = partition.take_one(process="b")
        partition.tell(Mark, late)
        assert not partition.arrive(early)

        partition.arrive(late)
        partition.now += 60_000

        (repaired,) = partition.take()
        assert repaired.thread == {"channel": "C1", "ts": "1.1"}
        assert partition.d.size(FLYING) == 1

    def test_that_showed_an_outcome_and_was_found_when_its_run_had_begun_anew_is_not_sent_again(
        self, partition: Sending
    ) -> None:
        partition.report(events.completed(), [team()])
        partition.tell(Mark, partition.take_one())
        partition.lapse()
        partition.now += 2000
        again = partition.take_one()
        partition.report(events.started(retryNumber=1), [team()])

        assert partition.arrive(again, found=True, shown="operation.completed")

        partition.now += 60_000
        assert [taken.event.name for taken in partition.take()] == ["operation.started"]

    def test_of_a_run_before_is_not_that_of_the_next_however_often_its_receipt_comes(self, partition: Sending) -> None:
        partition.report(events.completed(), [team()])
        outcome = partition.take_one()
        partition.tell(Mark, outcome)
        partition.lapse()
        partition.report(events.started(retryNumber=1), [team()])

        assert partition.arrive(outcome)
        assert not partition.arrive(outcome)

        partition.now += 60_000
        assert [taken.thread for taken in partition.take()] == [{}]

    def test_that_was_posted_late_calls_people_to_the_outcome_that_it_does_not_show(self, partition: Sending) -> None:
        target = team(presentation=Presentation(thread_reply=True))
        partition.report(events.progress(10), [team()])
        early = partition.take_one()
        partition.tell(Mark, early)
        partition.lapse()
        partition.report(events.failed(), [target])

        assert not partition.arrive(early)

        partition.now += 60_000
        taken = partition.take()
        assert {(x.kind, x.event.name) for x in taken} == {("live", "operation.failed"), ("reply", "operation.failed")}

    def test_that_is_found_and_shows_the_outcome_calls_nobody_once_more(self, partition: Sending) -> None:
        partition.report(events.failed(), [team(presentation=Presentation(thread_reply=True))])
        partition.begin()
        partition.lapse()
        partition.now += 2 * SECOND

        assert partition.arrive(partition.take_one(), found=True, shown="operation.failed")

        partition.now += 60 * SECOND
        assert [taken.kind for taken in partition.take()] == ["live"]

    def test_that_is_found_after_its_hand_out_had_lapsed_shows_the_present_state(self, partition: Sending) -> None:
        partition.report(events.progress(10), [team()])
        partition.begin()
        partition.lapse()
        partition.now += SECOND
        looked_up = partition.take_one()
        partition.lapse()
        d = partition.d
        pause = d.edit(Pause, "channel:slack")
        pause.until, pause.probe = partition.now + 60_000, True
        partition.memory.apply(d.changes, partition.now)
        assert partition.take() == []  # it waits for its channel by now
        partition.settle(looked_up, found=True, shown="operation.started")
        partition.do(LiftPauses(("channel:slack",)))
        partition.now += 5 * SECOND

        assert partition.take_one().edits

    def test_that_was_found_shows_the_present_state_next(self, partition: Sending) -> None:
        partition.report(events.progress(10), [team()])
        partition.tell(Mark, partition.take_one())
        partition.lapse()
        partition.now += 2000
        again = partition.take_one()
        partition.report(events.completed(), [team()])

        assert partition.arrive(again, found=True, shown="operation.progress")

        edit = partition.take_one()
        assert edit.event.name == "operation.completed"
        assert edit.thread == {"channel": "C1", "ts": "1.1"}
        assert not edit.unknown


class TestASilence:
    def silence(self, partition: Sending) -> Silenced:
        return Silenced("s-1", partition.now / 1000 - 60, partition.now / 1000 + 60)

    @pytest.mark.parametrize(("how", "kind"), [("bundled", "roundup"), ("later", "each"), ("dropped", None)])
    def test_withholds_until_its_end(self, partition: Sending, how: str, kind: str | None) -> None:
        partition.report(events.completed(), [room()])
        silence = self.silence(partition)
        assert partition.tell(Withhold, partition.take_one(), silence=silence, how=how)

        assert partition.take() == []
        partition.now += 60_000
        assert [taken.kind for taken in partition.take()] == ([kind] if kind else [])
