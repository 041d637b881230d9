"""Pauses that this process has just met: two messages prove that a channel fails, and a success ends that."""

from relay.delivering.safeguards import WITNESS, Brakes
from tests.support.clock import Clock

SLACK = "channel:slack"


def test_a_channel_is_broken_once_another_message_fails_with_no_success_in_between(clock: Clock) -> None:
    brakes = Brakes(clock)

    assert [brakes.failed(SLACK, lane) for lane in ("a", "a", "b", "b", "a")] == [False, False, True, False, True]
    brakes.works(SLACK)
    assert not brakes.failed(SLACK, "b")
    clock.advance(WITNESS + 1)
    assert not brakes.failed(SLACK, "a")


def test_what_was_claimed_before_a_pause_waits_and_a_success_ends_it(clock: Clock) -> None:
    brakes, claimed = Brakes(clock), clock()
    brakes.hold(SLACK, 30)
    brakes.hold(SLACK, 10)  # a shorter one does not cut it

    assert brakes.wait([SLACK, "limit:x"], claimed) == 30
    assert brakes.wait([SLACK], claimed + 1) == 0  # the store knew of it by then
    brakes.works(SLACK)
    assert brakes.wait([SLACK], claimed) == 0
