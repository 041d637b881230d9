"""Hand-outs: their order, what leaves the heap instead, and faults that concern one delivery alone."""

from typing import Any

import pytest

from relay.domain.deliveries import Limit, Limits, Window
from relay.domain.events import Event
from relay.engine.parking import CHUNK, Configured
from relay.engine.pauses import Pause, PauseScope
from relay.engine.receipts import Failed, Mark
from relay.engine.records import DEAD, FLYING, Body, Delivery, due, parked
from relay.engine.state import NotLoaded
from relay.engine.step import step
from relay.engine.take import MANY, OLDEST, STARVED, Take
from relay.errors import Unreadable
from tests.engine.life.reading import Loading
from tests.engine.partition import DAY, MINUTE, SECOND
from tests.engine.sending import Sending, subjects
from tests.support import events
from tests.support.targets import mail, room, team

ROOM = room(limits=Limits())
BROKEN = f"destination:{ROOM.destination}/{ROOM.address}"


def many(first: int, last: int) -> list[Event]:
    return [events.completed(operationId=f"op-{number}") for number in range(first, last)]


def handing_out(*queued: Event) -> Sending:
    partition = Sending()
    partition.queue(*queued, to=ROOM)
    return partition


def test_outcomes_leave_before_the_rest_and_each_stays_with_its_sender_until_it_lapses() -> None:
    partition = handing_out(events.progress(10, operationId="a"), events.completed(operationId="b"))

    first, second = partition.take()

    assert subjects([first, second]) == ["b", "a"]
    partition.now += DAY
    assert (partition.take(), partition.waits, partition.d.size(FLYING)) == ([], None, 2)
    partition.lapse()
    assert subjects(partition.take()) == ["b", "a"]


def test_each_shows_its_own_event_whatever_took_its_place_meanwhile() -> None:
    """A document is kept once, and given to those that need it by what replaces it: a newer one, or another run."""
    partition = Sending()
    again = events.failed(retryNumber=1)
    partition.queue(events.progress(10), events.progress(20), events.failed(), to=ROOM)
    kept = [body.text for body in partition.memory.records.values() if isinstance(body, Body)]
    assert [bool(text) for text in kept] == [True, False, False]
    partition.queue(again, to=ROOM)

    shown = [(delivery.event.name, delivery.event.retry) for delivery in partition.send_all(seconds=10)]
    assert shown == [("operation.failed", 0), ("operation.failed", 1)]
    assert partition.memory.counts["superseded"] == 2  # progress of a run that is over


def test_what_outlives_its_operation_shows_nothing_of_another_one_with_its_id() -> None:
    partition = handing_out(events.progress(10))
    partition.tell(Failed, partition.begin(), delay=31 * DAY, refund_attempt=True)
    partition.now += 32 * DAY
    partition.queue(events.progress(20), to=ROOM)

    assert [delivery.event.percentage for delivery in partition.take()] == [20]
    assert partition.counts["buried:expired"] == 1


def test_outcomes_leave_before_stalled_runs_these_before_failed_phases_and_progress_last() -> None:
    phase = events.body("operation.phase.completed", 30, operationId="c")
    partition = handing_out(
        events.progress(10, operationId="d"),
        events.event_of(phase | {"phase": {"phaseName": "Load", "status": "Failed"}}),
        events.event_of(events.body("operation.stalled", 10, operationId="b", status="Stalled")),
        events.completed(operationId="a"),
    )

    assert [subjects(partition.take(most=1)) for _ in range(4)] == [["a"], ["b"], ["c"], ["d"]]


def test_an_outcome_does_not_wait_for_the_back_off_of_progress_and_what_costs_nothing_counts_as_no_attempt() -> None:
    partition = handing_out(events.progress(10))
    partition.fail(partition.take_one(), ms=3600 * SECOND)
    partition.queue(events.completed(), to=ROOM)

    outcome = next(delivery for _ in range(2) for delivery in partition.take())
    assert (outcome.event.name, partition.counts["superseded"]) == ("operation.completed", 1)
    partition.fail(outcome, ms=0)
    assert partition.take_one().attempt == 1


def test_one_place_in_eight_is_for_the_oldest_once_that_has_waited_for_long() -> None:
    partition = handing_out(events.progress(10, operationId="old"))
    partition.now += STARVED - SECOND
    partition.queue(*many(0, 40), to=ROOM)
    assert "old" not in subjects(partition.take(most=OLDEST))

    partition.now += SECOND

    assert subjects(partition.take(most=OLDEST))[0] == "old"


def test_where_places_become_free_one_by_one_one_of_about_eight_is_for_the_oldest() -> None:
    partition = handing_out(*(events.progress(10, operationId=f"old-{number}") for number in range(40)))
    partition.now += STARVED
    partition.queue(*many(0, 160), to=ROOM)

    taken = [name for _ in range(160) for name in subjects(partition.take(most=1))]

    assert 10 < sum(name.startswith("old") for name in taken) < 40


def test_a_crowd_that_waits_for_a_broken_conversation_leaves_the_heap_and_delays_no_other() -> None:
    partition = handing_out(*many(0, 1))
    partition.fail(partition.take()[0], BROKEN)
    partition.queue(*many(1, 3 * MANY), to=ROOM)
    partition.now += 1
    partition.queue(events.completed(operationId="other"), to=team(limits=Limits()))

    assert subjects(partition.take()) == ["other"]

    for _ in range(3):
        assert partition.take() == []
    assert partition.waits == pytest.approx(60, abs=0.1)
    assert partition.d.size(parked(f"slack {BROKEN}")) == 3 * MANY - 1


def test_one_goes_ahead_as_a_probe_when_the_pause_is_over_and_the_rest_follows_its_success() -> None:
    partition = handing_out(*many(0, 5))
    partition.fail(partition.take(most=1)[0], BROKEN)
    assert partition.take() == []

    partition.now += 62 * SECOND
    (probe,) = partition.take()

    assert (probe.trial.probe, partition.take()) == (None, [])  # no probe of its channel
    partition.send(probe)
    assert len(partition.take()) == 4


@pytest.mark.parametrize("first_unknown", [False, True])
def test_a_channel_is_probed_with_what_failed_longest_ago_unless_that_may_have_arrived(*, first_unknown: bool) -> None:
    partition = handing_out(*many(0, 3))
    taken = partition.take()
    for number, one in enumerate(taken):
        partition.now += SECOND
        partition.tell(Mark, one)
        pauses = (PauseScope("channel:slack", MINUTE, "no_answer", probe=True),)
        partition.tell(Failed, one, of_channel=True, unknown=first_unknown and number == 0, pauses=pauses)
    assert partition.take() == []
    partition.now += 62 * SECOND

    assert subjects(partition.take()) == subjects(taken)[first_unknown:][:1]


def test_of_what_waited_for_a_destination_outcomes_leave_first() -> None:
    waiting = [events.progress(40, operationId=f"run-{number}") for number in range(CHUNK + 1)]
    partition = handing_out(events.completed(operationId="first"))
    partition.fail(partition.take_one(), BROKEN)
    partition.queue(*waiting, to=ROOM)
    partition.now += SECOND
    partition.queue(events.completed(operationId="last"), to=ROOM)
    partition.take()
    partition.now += 62 * SECOND
    partition.send(partition.take_one())

    assert subjects(partition.take(most=1)) == ["last"]


def test_what_waits_for_a_limit_lines_up_and_the_reserve_of_a_burst_is_for_outcomes() -> None:
    limited = room(limits=Limits((Limit("room", 10.0, burst=3, reserve=1),)))
    partition = Sending()
    partition.queue(*(events.progress(10, operationId=f"op-{number}") for number in range(5)), to=limited)
    assert len(partition.take()) == 2
    partition.queue(events.completed(operationId="end"), to=limited)

    assert subjects(partition.take()) == ["end"]

    assert sorted(x.due - partition.now for x in partition.waiting() if not x.ticket) == [10_000, 20_000, 30_000]


def test_in_quiet_hours_a_new_message_becomes_a_row_of_what_is_sent_in_the_morning() -> None:
    partition = handing_out(events.completed(operationId="a"), events.failed(operationId="b"))
    night = Window(partition.now / 1000 - 60, partition.now / 1000 + 3600)
    assert partition.take(quiet={"*": night}) == []

    partition.now += 3600 * SECOND
    (morning,) = partition.take()

    rows = morning.event.document["entries"]
    assert (morning.kind, sorted(row["id"] for row in rows)) == ("roundup", ["a", "b"])


def test_above_the_cap_runs_are_in_one_list_until_they_have_a_message() -> None:
    capped = team(limits=Limits(new_message_cap=(1, 60.0)))
    partition = Sending()
    partition.queue(*(events.started(operationId=name) for name in "abc"), to=capped)

    first, rolling = partition.send_all()

    assert (first.kind, first.event.subject) == ("live", "a")
    assert (rolling.kind, [row["id"] for row in rolling.event.document["entries"]]) == ("roundup", ["b", "c"])
    partition.now += MINUTE
    partition.queue(events.progress(40, operationId="b"), to=capped)
    sent = partition.send_all()
    assert [one.kind for one in sent] == ["live", "roundup"]
    assert [row["id"] for row in sent[1].event.document["entries"]] == ["c"]


class TestRemoved:
    def announce(self, partition: Sending, **addresses: list[str]) -> None:
        d = partition.d
        configured = d.edit(Configured, "configured")
        configured.announced, configured.addresses = True, addresses
        partition.memory.apply(d.changes, partition.now)

    def test_what_is_for_a_former_address_is_looked_at_each_minute_and_goes_on_when_that_is_back(self) -> None:
        partition = handing_out(*many(0, 3))
        self.announce(partition, other=["#other"])
        assert partition.take() == []
        configured = partition.d.get(Configured, "configured")
        assert configured and list(configured.lacking) == [f"{ROOM.destination}\0{ROOM.address}"]
        partition.now += MINUTE
        assert partition.take() == []

        self.announce(partition, **{ROOM.destination: [ROOM.address]})
        partition.now += MINUTE

        assert len(partition.take()) + len(partition.take()) == 3

    def test_it_goes_to_the_one_address_that_its_destination_has_now(self) -> None:
        partition = handing_out(*many(0, 1))
        d = partition.d
        configured = d.edit(Configured, "configured")
        configured.announced, configured.addresses = True, {ROOM.destination: ["#new"]}
        configured.heirs = {f"{ROOM.destination}\0slack": "#new"}
        partition.memory.apply(d.changes, partition.now)

        assert partition.take() == []
        assert [one.address for one in partition.take()] == ["#new"]

    def test_three_days_after_the_first_it_is_a_dead_letter(self) -> None:
        partition = handing_out(*many(0, 1))
        self.announce(partition, other=["#other"])
        partition.take()
        partition.now += 3 * DAY + MINUTE

        partition.take()

        assert (partition.d.size(DEAD), partition.memory.counts["buried:destination_removed"]) == (1, 1)


class TestFaults:
    def test_what_cannot_be_read_is_given_up_at_the_eighth_time_and_delays_nobody(self) -> None:
        partition = handing_out(*many(0, 3))
        damaged = next(record for record in partition.memory.records.values() if isinstance(record, Body))
        damaged.text = b"{}"

        assert len(partition.take()) == 2

        for _ in range(8):
            assert partition.d.size(DEAD) == 0
            partition.now += 30 * SECOND
            assert partition.take() == []
        (letter,) = [x for x in partition.memory.records.values() if isinstance(x, Delivery) and x.died]
        assert (letter.reason, letter.error[:8]) == ("unreadable", "KeyError")

    def test_crashes_of_its_senders_and_the_times_that_it_could_not_be_read_are_counted_apart(self) -> None:
        partition = handing_out(*many(0, 1))
        for _ in range(3):
            partition.take_one()
            partition.lapse()
        body = next(record for record in partition.memory.records.values() if isinstance(record, Body))
        good, body.text = body.text, b"{}"
        for _ in range(7):
            assert partition.take() == []
            partition.now += 30 * SECOND
        assert partition.d.size(DEAD) == 0

        body.text = good
        partition.take_one()
        since = partition.now
        partition.lapse()
        assert partition.now - since == SECOND

    def test_a_damaged_one_waits_costs_no_attempt_and_delays_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        partition = handing_out(*many(0, 3))
        damaged, memory = next(x.name for x in partition.waiting() if x.queue), partition.memory

        def record(kind: Any, name: str) -> Any:
            if kind is Delivery and name == damaged:
                raise Unreadable(name, "it is damaged")
            return memory.records.get(kind.PREFIX + name)

        monkeypatch.setattr(memory, "record", record)
        changes, taken = step(memory, Take("slack", 5, "t:1"), partition.now, partition)

        assert len(taken.deliveries) == 2
        assert damaged not in [*changes.records]
        assert changes.indexes[due("slack", "1")][damaged] == partition.now + 30 * SECOND


@pytest.mark.parametrize("broken", [False, True])
def test_a_state_that_is_read_piece_by_piece_is_asked_for_many_deliveries_at_once(broken: bool) -> None:
    partition = handing_out(*many(0, 150))
    if broken:
        d = partition.d
        pause = d.edit(Pause, BROKEN)
        pause.until = pause.expires = partition.now + MINUTE
        partition.memory.apply(d.changes, partition.now)
    cold, rounds = Loading(partition.memory), 0
    while True:
        try:
            _, taken = step(cold, Take("slack", 100, "t:1"), partition.now, partition)
            break
        except NotLoaded as missing:
            cold.load(missing)
            rounds += 1

    assert len(taken.deliveries) == (0 if broken else 100)
    assert rounds < 40


def test_mail_takes_nothing_from_slack() -> None:
    partition = handing_out(*many(0, 1))
    partition.queue(events.completed(operationId="m"), to=mail(limits=Limits()))

    assert subjects(partition.take(channel="email")) == ["m"]


def test_what_may_pass_goes_out_in_quiet_hours() -> None:
    partition = Sending()
    partition.queue(events.failed(operationId="op-1"), to=room(bypass_quiet_hours=True))
    partition.queue(events.failed(operationId="op-2"), to=room())
    hours = Window(partition.now / 1000 - 60, partition.now / 1000 + 3600)

    assert subjects(partition.take(quiet={"room": hours})) == ["op-1"]


def test_what_is_under_way_or_dead_leaves_a_queue_that_still_has_it() -> None:
    partition = handing_out(*many(0, 2))
    under_way, dead = [*partition.waiting()]
    draft = partition.d
    draft.edit(Delivery, under_way.name).ticket = "another"
    draft.edit(Delivery, dead.name).died = partition.now
    partition.memory.apply(draft.changes, partition.now)

    assert partition.take() == []
    assert partition.d.size(due("slack", "1")) == 0
