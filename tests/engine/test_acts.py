"""Pauses, what waits for them, and acts of people and of housekeeping."""

from dataclasses import replace

import pytest

from relay.domain.deliveries import Delivery
from relay.engine.bundles import REFRESHED
from relay.engine.dead_letters import DropDead, ReplayDead
from relay.engine.housekeeping import GatherParked, GiveUpChannel, GiveUpParked
from relay.engine.lists import Pointer
from relay.engine.names import of_address
from relay.engine.parking import Announce
from relay.engine.pauses import LiftPauses, PauseDestination, ResumeDestination
from relay.engine.receipts import GiveUp, Withhold
from relay.engine.records import BROKEN, CHANNELS, DEAD, PARKING
from relay.engine.withholding import AddSilence, EndSilence
from tests.engine.sending import Sending, rows, subjects
from tests.support import events
from tests.support.silences import silence
from tests.support.targets import mail, room

DAY = 86_400_000


class TestAPause:
    def test_ends_with_what_arrives(self, partition: Sending) -> None:
        partition.broken(5)
        partition.now += 61_000
        partition.arrive(partition.take_one())

        assert len(partition.take()) == 4
        assert partition.d.size(PARKING) == partition.d.size(BROKEN) == 0

    def test_is_probed_by_one_delivery_at_a_time(self, partition: Sending) -> None:
        partition.broken(5)
        for _ in range(4):
            partition.now += 61_000
            partition.fail(partition.take_one(), "channel:slack")

    def test_ends_in_steps_and_for_all_that_wait(self, partition: Sending) -> None:
        partition.broken(250)
        partition.send_all()
        partition.now += 61_000

        assert len(partition.send_all()) == 250

    def test_of_credentials_is_none_of_a_host_that_needs_none(self, partition: Sending) -> None:
        """An incoming webhook needs no token."""
        partition.broken(1)
        hook = room(destination="hook", address="#hook")
        limits = replace(hook.limits, own_host="hooks.slack.com")
        partition.queue(events.completed(), to=replace(hook, limits=limits))

        assert partition.take_one().destination == "hook"

    def test_is_lifted_without_naming_it(self, partition: Sending) -> None:
        partition.broken(5)

        assert partition.do(LiftPauses()) == 1
        assert len(partition.take()) == 5


class TestWhatWaitsTooLong:
    def test_is_a_dead_letter(self, partition: Sending) -> None:
        partition.broken(3)
        partition.now += 3 * DAY + 1

        assert partition.do(GiveUpParked(3 * DAY, 2)) == 2
        assert partition.do(GiveUpParked(3 * DAY, 2)) == 1
        assert partition.counts["buried:paused_too_long"] == 3

    def test_is_given_up_by_how_long_it_has_failed_and_not_by_its_age(self, partition: Sending) -> None:
        partition.fill(0, 2)
        partition.now += 4 * DAY
        first, second = partition.take()
        for taken in (first, second):
            partition.fail(taken, "channel:slack")
        assert partition.take() == []
        partition.now += 3 * DAY
        assert partition.do(GiveUpParked(3 * DAY, 100)) == 0

        partition.now += 1
        assert partition.do(GiveUpParked(3 * DAY, 100)) == 2

    def test_keeps_a_channel_that_is_configured_no_more_while_it_is_parked(self, partition: Sending) -> None:
        partition.report(events.completed(), [mail()])
        partition.fail(partition.take_one("email"), "channel:email")
        assert partition.take("email") == []

        assert partition.do(GiveUpChannel("email", 3 * DAY, 100)) == 0
        assert [name for _, name in partition.d.ascending(CHANNELS)] == ["email"]

    def test_of_a_channel_that_is_configured_no_more_is_a_dead_letter(self, partition: Sending) -> None:
        partition.report(events.completed(), [mail()])
        assert partition.do(GiveUpChannel("email", 3 * DAY, 100)) == 0
        partition.now += 3 * DAY

        assert partition.do(GiveUpChannel("email", 3 * DAY, 100)) == 1
        assert partition.d.size(CHANNELS) == 0
        assert partition.counts["buried:channel_removed"] == 1


class TestAPauseByAPerson:
    def pause(self, partition: Sending, ms: int | None = None) -> None:
        partition.do(PauseDestination("room", ms, "it is renamed", "ana"))

    def test_holds_up_its_destination_alone_until_it_is_resumed(self, partition: Sending) -> None:
        self.pause(partition)
        partition.fill(0, 3)
        partition.report(events.completed(), [mail()])
        assert partition.take() == []
        assert len(partition.take("email")) == 1

        partition.now += 20 * DAY
        assert partition.do(GiveUpParked(3 * DAY, 100)) == 0
        assert partition.do(ResumeDestination("room"))
        assert partition.do(GiveUpParked(3 * DAY, 100)) == 0
        assert len(partition.take()) == 3
        assert not partition.do(ResumeDestination("room"))

    def test_with_an_end_ends_by_itself(self, partition: Sending) -> None:
        self.pause(partition, 60_000)
        partition.fill(0, 1)
        assert partition.take() == []

        partition.now += 62_000
        assert len(partition.take()) == 1

    @pytest.mark.parametrize("scopes", [("channel:slack", "destination:room/#room"), ()])
    def test_is_lifted_neither_by_a_success_nor_with_all_others(
        self, partition: Sending, scopes: tuple[str, ...]
    ) -> None:
        partition.fill(0, 1)
        flying = partition.take_one()
        self.pause(partition)
        partition.fill(1, 2)
        assert partition.take() == []

        partition.arrive(flying)
        partition.do(LiftPauses(scopes))

        assert partition.take() == []


class TestABacklog:
    """More waits for the room than anybody reads message by message."""

    ROOM = "destination:room/#room"

    def gathered(self, partition: Sending, waiting: int, kept: int) -> int:
        partition.broken(2, self.ROOM)
        for number in range(2, waiting + 1):
            partition.now += 10
            partition.fill(number, number + 1)
        assert partition.take() == []
        return int(partition.do(GatherParked(kept, 100)))

    def recovered(self, partition: Sending) -> list[Delivery]:
        partition.now += 61_000
        partition.send(probe := partition.take_one())
        return [probe, *partition.send_all()]

    def test_the_oldest_are_in_one_round_up_when_the_room_works_again(self, partition: Sending) -> None:
        assert self.gathered(partition, 10, 4) == 6

        found = self.recovered(partition)

        (roundup,) = [delivery for delivery in found if delivery.kind == "roundup"]
        assert roundup.event.document["kind"] == "backlog"
        assert rows(roundup).keys() == {f"op-{number}" for number in range(1, 7)}
        assert {*subjects(found)} >= {"op-0", *(f"op-{number}" for number in range(7, 11))}
        assert partition.counts["held:backlog"] == 6

    @pytest.mark.parametrize("dropped", [True, False])
    def test_what_comes_after_one_was_given_up_is_in_another(self, partition: Sending, dropped: bool) -> None:
        self.gathered(partition, 5, 0)
        assert partition.take() == []  # it waits as well
        partition.now += 3 * DAY + 60_000
        assert partition.do(GiveUpParked(3 * DAY, 100)) == 1
        if dropped:
            dead = [name for _, name in partition.d.ascending(DEAD)]
            assert partition.do(DropDead(dead)) == 1
        partition.fill(20, 21)
        partition.fail(partition.take_one(), self.ROOM)
        partition.fill(21, 23)
        assert partition.take() == []
        assert partition.do(GatherParked(0, 100)) == 3

        (roundup,) = [one for one in self.recovered(partition) if one.kind == "roundup"]

        assert len(rows(roundup)) == 3

    def test_a_full_one_is_followed_by_another(self, partition: Sending) -> None:
        """All rows of one are in memory at once when it is sent."""
        assert self.gathered(partition, 5, 2) == 3
        pointer = partition.memory.record(Pointer, f"backlog {of_address('room', '#room')}")
        assert pointer
        assert pointer.rows == 3
        pointer.rows = REFRESHED
        assert partition.do(GatherParked(0, 100)) == 2

        found = [rows(one).keys() for one in self.recovered(partition) if one.kind == "roundup"]

        assert sorted(map(sorted, found)) == [["op-1", "op-2", "op-3"], ["op-4", "op-5"]]

    def test_what_comes_within_the_ms_in_which_one_left_is_not_lost(self, partition: Sending) -> None:
        sent = list[Delivery]()
        for first in (0, 10):
            partition.fill(first, first + 1)
            partition.fail(partition.take_one(), self.ROOM)
            partition.fill(first + 1, first + 3)
            assert partition.take() == []
            partition.do(GatherParked(0, 100))
            partition.do(LiftPauses((self.ROOM,)))
            sent += partition.send_all()

        partition.now += 61_000
        sent += partition.send_all()
        listed = {name for one in sent if one.kind == "roundup" for name in rows(one)}
        assert listed | {*subjects(sent)} >= {f"op-{first + more}" for first in (0, 10) for more in range(3)}


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

    def test_send_there_at_once_what_waits_for_one_that_is_gone(self, partition: Sending) -> None:
        partition.do(Announce({"other": {"slack": ["#other"]}}))
        partition.fill(0, 1)
        assert partition.take() == []

        partition.do(Announce({"room": {"slack": ["#new"]}}))

        assert [one.address for _ in range(2) for one in partition.take()] == ["#new"]


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
        summary = partition.take_one()
        assert (summary.kind, summary.event.occurred_at.timestamp()) == ("roundup", partition.now / 1000)
