"""Pauses, what waits for them, and acts of people and of housekeeping."""

import pytest

from relay.engine import pauses
from relay.engine.clock import ClockSetBack
from relay.engine.dead_letters import DropDead, ReplayDead
from relay.engine.housekeeping import GatherParked, GiveUpChannel, GiveUpParked
from relay.engine.parking import Announce
from relay.engine.pauses import LiftPauses, PauseDestination, ResumeDestination
from relay.engine.receipts import GiveUp, Withhold
from relay.engine.records import BROKEN, CHANNELS, DEAD, PARKING
from relay.engine.withholding import AddSilence, EndSilence
from tests.engine.sending import Sending
from tests.support import events
from tests.support.silences import silence
from tests.support.targets import mail

DAY = 86_400_000


@pytest.fixture
def partition() -> Sending:
    return Sending()


def broken(partition: Sending, waiting: int) -> None:
    """The channel is paused, and so many deliveries wait for it."""
    partition.fill(0, 1)
    partition.fail(partition.take_one(), "channel:slack")
    partition.fill(1, waiting)
    assert partition.take() == []


class TestAPause:
    def test_ends_with_what_arrives(self, partition: Sending) -> None:
        broken(partition, 5)
        partition.now += 61_000
        partition.arrive(partition.take_one())

        assert len(partition.take()) == 4
        assert partition.d.size(PARKING) == partition.d.size(BROKEN) == 0

    def test_is_lifted_without_naming_it(self, partition: Sending) -> None:
        broken(partition, 5)

        assert partition.do(LiftPauses()) == 1
        assert len(partition.take()) == 5

    def test_lasts_as_long_as_it_had_to_after_the_clock_was_set_back(self, partition: Sending) -> None:
        broken(partition, 1)
        partition.now -= 3_600_000
        partition.do(ClockSetBack(3_600_000))

        assert partition.take() == []
        partition.now += 61_000
        assert len(partition.take()) == 1


def test_a_wait_lasts_as_long_as_it_had_to_after_the_clock_was_set_back(partition: Sending) -> None:
    partition.fill(0, 1)
    partition.fail(partition.take_one(), "destination:other/#other")
    partition.now -= 3_600_000
    partition.do(ClockSetBack(3_600_000))

    assert partition.take() == []
    partition.now += 60_000
    assert len(partition.take()) == 1


def test_what_waits_for_an_address_that_was_removed_is_looked_at_in_time_after_the_clock_was_set_back(
    partition: Sending,
) -> None:
    partition.do(Announce({"other": {"slack": ("#other",)}}))
    partition.fill(0, 1)
    assert partition.take() == []
    partition.now -= 3_600_000
    partition.do(ClockSetBack(3_600_000))

    partition.now += 59_000
    assert pauses.paused_until(partition.d, "removed:room/#room") == partition.now


class TestWhatWaitsTooLong:
    def test_is_a_dead_letter(self, partition: Sending) -> None:
        broken(partition, 3)
        partition.now += 3 * DAY + 1

        assert partition.do(GiveUpParked(3 * DAY, 2)) == 2
        assert partition.do(GiveUpParked(3 * DAY, 2)) == 1
        assert partition.counts["buried:paused_too_long"] == 3

    def test_comes_back_where_a_person_paused_it(self, partition: Sending) -> None:
        partition.do(PauseDestination("room", None, "it is renamed", "ana"))
        partition.fill(0, 3)
        assert partition.take() == []
        partition.now += 10 * DAY
        partition.do(LiftPauses())
        partition.take()

        assert partition.do(GiveUpParked(3 * DAY, 100)) == 0
        assert partition.do(ResumeDestination("room"))
        assert len(partition.take()) == 3

    def test_is_listed_where_it_is_too_much(self, partition: Sending) -> None:
        broken(partition, 10)

        assert partition.do(GatherParked(4, 100)) == 6
        assert partition.counts["held:backlog"] == 6
        partition.do(LiftPauses())
        assert sorted(taken.kind for taken in partition.take()) == ["each"] * 4 + ["roundup"]

    def test_of_a_channel_that_is_configured_no_more_is_a_dead_letter(self, partition: Sending) -> None:
        partition.report(events.completed(), [mail()])
        assert partition.do(GiveUpChannel("email", 3 * DAY, 100)) == 0
        partition.now += 3 * DAY

        assert partition.do(GiveUpChannel("email", 3 * DAY, 100)) == 1
        assert partition.d.size(CHANNELS) == 0
        assert partition.counts["buried:channel_removed"] == 1


class TestAnnouncedAddresses:
    def test_hold_back_what_is_for_others_until_they_are_there(self, partition: Sending) -> None:
        partition.do(Announce({"team": {"slack": ["#team"]}}))
        partition.fill(0, 2)
        assert partition.take() == []

        partition.do(Announce({"room": {"slack": ["#room"]}}))

        assert len(partition.take()) == 2

    def test_take_over_what_is_for_a_former_one(self, partition: Sending) -> None:
        partition.fill(0, 1)
        partition.do(Announce({"room": {"slack": ["#new"]}}))
        partition.take()

        assert partition.take_one().address == "#new"


def test_of_a_dead_letter_nothing_is_left_when_it_is_dropped(partition: Sending) -> None:
    partition.report(events.completed(), [mail()])
    partition.tell(GiveUp, taken := partition.take_one("email"), reason="rejected", error="no")
    assert partition.do(ReplayDead([taken.id, taken.id, "0" * 32])) == 1
    partition.tell(GiveUp, taken := partition.take_one("email"), reason="rejected", error="no")

    assert partition.do(DropDead([taken.id])) == 1
    assert partition.counts == {"accepted": 1, "dropped": 1, "buried:rejected": 2}
    assert partition.d.size(DEAD) == 0
    assert not [key for key in partition.memory.records if key.startswith(("d:", "body:"))]


class TestSilences:
    def add(self, partition: Sending, name: str, ms: int, most: int = 2) -> bool:
        return bool(partition.do(AddSilence(name, "{}", partition.now + ms, most)))

    def test_are_no_more_than_so_many_at_once(self, partition: Sending) -> None:
        assert [self.add(partition, name, 60_000) for name in ("1", "2", "3", "2")] == [True, True, False, True]
        partition.now += 60_000
        assert self.add(partition, "3", 60_000)

    def test_that_end_early_release_what_they_held(self, partition: Sending) -> None:
        held = silence(partition.now / 1000).hold
        assert self.add(partition, held.id, round(held.end * 1000) - partition.now)
        partition.fill(0, 1)
        partition.tell(Withhold, partition.take_one(), silence=held, how="bundled")

        assert partition.do(EndSilence(held.id)) == ["slack"]
        assert partition.do(EndSilence(held.id)) is None
        assert partition.take_one().kind == "roundup"
