"""A damaged record is a fault of its own alone."""

from typing import Any

import pytest

from relay.engine.dead_letters import ReplayDead
from relay.engine.housekeeping import ForgetDocuments, GatherParked, GiveUpChannel, GiveUpParked
from relay.engine.parking import Announce, Configured
from relay.engine.receipts import GiveUp, Withhold
from relay.engine.records import DEAD, FLYING, OVER, WATCH, Delivery, parked
from relay.engine.state import Changes
from relay.engine.watch import RunsDue, Tick
from relay.engine.withholding import AddSilence, EndSilence
from relay.errors import Unreadable
from tests.engine.partition import DAY, MINUTE, SECOND
from tests.engine.sending import Sending
from tests.support import events
from tests.support.memory import Memory
from tests.support.silences import silence
from tests.support.targets import mail, room

PLACE = "slack channel:slack"


class Damaged(Memory):
    def __init__(self) -> None:
        super().__init__()
        self.unreadable = set[str]()

    def record(self, kind: Any, name: str) -> Any:
        if kind.PREFIX + name in self.unreadable:
            raise Unreadable(name, "it is damaged")
        return super().record(kind, name)

    def apply(self, changes: Changes, now: int) -> None:
        super().apply(changes, now)
        self.unreadable -= changes.records.keys()


class Damageable(Sending):
    memory: Damaged

    def __init__(self) -> None:
        super().__init__()
        self.memory = Damaged()

    def damage(self, kind: str, name: str = "") -> str:
        """Damage the first record whose key begins so; return its key."""
        key = min(key for key in self.memory.records if key.startswith(kind + name))
        self.memory.unreadable.add(key)
        return key

    def parked(self) -> list[str]:
        return [name for _, name in self.d.ascending(parked(PLACE))]


@pytest.fixture
def partition() -> Damageable:
    return Damageable()


class TestWhatIsParked:
    @pytest.mark.parametrize("kind", ["d:", "thread:"])
    def test_comes_back_beside_one_that_cannot_be_read(self, partition: Damageable, kind: str) -> None:
        partition.broken(5)
        name = partition.parked()[0]
        x = partition.d.get(Delivery, name)
        assert x
        key = partition.damage(kind, name if kind == "d:" else x.lane)
        partition.now += MINUTE
        for _ in range(3):  # it may be the probe
            if probes := partition.take():
                break
            partition.now += SECOND
        partition.arrive(probes[0])

        assert len(partition.take()) == 3
        assert partition.parked() == [name]
        partition.memory.unreadable.discard(key)
        partition.now += MINUTE
        assert [taken.id for taken in partition.take()] == [name]

    def test_comes_back_beside_a_place_whose_pause_cannot_be_read(self, partition: Damageable) -> None:
        partition.broken(2)
        partition.damage("pause:")
        partition.report(events.completed(), [mail()])
        partition.now += 2 * MINUTE

        assert len(partition.take("email")) == 1
        assert partition.take("email") == []

    def test_is_given_up_and_listed_without_it(self, partition: Damageable) -> None:
        partition.broken(5)
        partition.damage("d:", partition.parked()[0])
        assert partition.do(GatherParked(2, 100)) == 3
        partition.now += 3 * DAY + 1

        assert partition.do(GiveUpParked(3 * DAY, 100)) > 0
        assert len(partition.parked()) == 1


def test_what_needs_a_damaged_operation_becomes_a_dead_letter(partition: Damageable) -> None:
    partition.fill(0, 2)
    partition.damage("op:")
    assert len(partition.take()) == 1
    for _ in range(8):
        partition.now += MINUTE
        partition.take()

    (letter,) = partition.d.ascending(DEAD)
    assert partition.d.look(Delivery, letter[1]).reason == "unreadable"
    partition.memory.unreadable.clear()
    assert partition.do(ReplayDead([letter[1]])) == 1
    assert partition.take_one().id == letter[1]


def test_hand_outs_lapse_beside_one_that_cannot_be_read(partition: Damageable) -> None:
    partition.fill(0, 3)
    names = sorted(taken.id for taken in partition.take())
    partition.damage("d:", names[0])
    partition.lapse()

    assert [name for _, name in partition.d.ascending(FLYING)] == names[:1]


def test_a_silence_that_cannot_be_read_is_without_effect(partition: Damageable) -> None:
    partition.do(AddSilence("s", "{}", partition.now + MINUTE, 5))
    partition.damage("silence:")
    partition.rules = lambda _: [room()]

    assert partition.report(events.completed(operationId="a")).status == "accepted"
    assert len(partition.take()) == 1


def test_a_silence_ends_for_all_that_can_be_read(partition: Damageable) -> None:
    held = silence(partition.now / 1000, id="s").hold
    partition.do(AddSilence("s", "{}", round(held.end * 1000), 5))
    partition.fill(0, 3)
    for taken in partition.take():
        partition.tell(Withhold, taken, silence=held, how="apart")
    partition.damage("d:")

    assert partition.do(EndSilence("s")) == ["slack"]
    assert len(partition.take()) == 2


def test_a_configuration_is_announced_in_the_place_of_one_that_cannot_be_read(partition: Damageable) -> None:
    partition.do(Announce({"team": {"slack": ["#team"]}}))
    partition.fill(0, 2)
    assert partition.take() == []
    partition.damage(Configured.PREFIX, "configured")
    partition.do(Announce({"room": {"slack": ["#room"]}}))

    assert len(partition.take()) == 2


def test_runs_are_watched_beside_one_that_cannot_be_read(partition: Damageable) -> None:
    for name in ("a", "b"):
        partition.report(events.progress(10, operationId=name))
    partition.damage("op:")
    partition.now += DAY

    assert len(partition.do(RunsDue(10, MINUTE))[1]) == 1
    assert partition.do(RunsDue(10, MINUTE)) == (0, [])
    assert partition.d.size(WATCH) == 2
    partition.now += 40 * DAY
    partition.do(Tick(MINUTE, MINUTE))
    assert partition.d.size(WATCH) == 1


def test_runs_are_forgotten_beside_one_that_cannot_be_read(partition: Damageable) -> None:
    for name in ("a", "b"):
        partition.report(events.completed(operationId=name))
    partition.damage("op:")
    partition.now += 4 * DAY

    assert partition.do(ForgetDocuments(10, 30 * DAY)) == 2
    assert partition.do(ForgetDocuments(10, 30 * DAY)) == 0
    assert partition.d.size(OVER) == 1


def test_a_document_that_was_replaced_while_its_record_could_not_be_read_is_not_taken_for_that(
    partition: Damageable,
) -> None:
    partition.queue(events.progress(10), to=room())
    partition.damage("body:")
    partition.queue(events.progress(20), to=room())
    partition.memory.unreadable.clear()

    assert [delivery.event.percentage for delivery in partition.send_all(seconds=2)] == [20]
    assert partition.counts["buried:expired"] == 1


def test_a_channel_is_given_up_but_for_what_cannot_be_read(partition: Damageable) -> None:
    for name in ("a", "b", "c"):
        partition.report(events.completed(operationId=name), [mail()])
    partition.damage("d:")
    partition.now += 3 * DAY

    assert partition.do(GiveUpChannel("email", 3 * DAY, 100)) == 2


def test_dead_letters_are_delivered_again_but_for_those_that_cannot_be_read(partition: Damageable) -> None:
    partition.fill(0, 2)
    names = sorted(taken.id for taken in partition.take() if partition.tell(GiveUp, taken, reason="", error=""))
    partition.damage("d:", names[0])

    assert partition.do(ReplayDead(names)) == 1
