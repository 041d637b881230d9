"""What each kind of error means for its delivery and for what waits with it: when it is tried again, and given up."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from relay.delivering.attempts import _scopes_of
from relay.delivering.outcome import LIMIT_PAUSE, LONGEST_WAIT, PROBE_PAUSE, Failure, failure_of
from relay.delivering.safeguards import WITNESS, Brakes
from relay.domain.deliveries import Delivery, Limit, Trial
from relay.errors import DeliveryError
from relay.policy.retry import JITTER, Pause, RetryPolicy
from relay.reasons import Dead
from tests.support import events
from tests.support.clock import Clock

EVENT = events.completed()
FIRST = Delivery(id="d", ticket="t", destination="team", channel="slack", address="#team", kind="live", event=EVENT,
                 history=(EVENT,), thread={}, attempt=1, created_at=EVENT.received_at)  # fmt: skip
EDIT = replace(FIRST, thread={"ts": "1.1"})
DOUBTFUL = replace(FIRST, unknown=True)
GIVE_UP = 3 * 86_400.0


def after(delivery: Delivery = FIRST, **trial: float | bool | None) -> Delivery:
    return replace(delivery, trial=Trial(**trial))  # type: ignore[arg-type]


POLICY = RetryPolicy(max_retries=2, retry_delay=60, backoff_multiplier=2, max_delay=3600)
NOW = EVENT.received_at.timestamp() + 1
DAY = 86_400.0


def limits(address: str) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
    return (Limit(f"post:{address}", 1.0), Limit("posts", 1.0)), (Limit("edit", 1.5, 10),)


def failure(error: DeliveryError, delivery: Delivery = FIRST, now: float = NOW, jitter: float = 0.0) -> Failure:
    return failure_of(error, delivery, policy=POLICY, limits=limits, now=now, jitter=lambda: jitter)


def paused(scope: str, seconds: float, *, probe: bool = False, witnessed: bool = False) -> Pause:
    return Pause(scope, seconds, "why", probe=probe, witnessed=witnessed)


def of_channel(retry_in: float, pause: float, scope: str = "channel:slack", **more: bool) -> Failure:
    """It costs nothing, and its channel is paused: at once, or once another message has failed too."""
    unknown, witnessed = more.get("unknown", False), more.get("witnessed", False)
    held = paused(scope, pause, probe=True, witnessed=witnessed)
    return Failure("unknown" if unknown else "failed", retry_in=retry_in, refund_attempt=True, of_channel=True,
                   unknown=unknown, pauses=(held,))  # fmt: skip


def error(**how: object) -> DeliveryError:
    return DeliveryError("why", **how)  # type: ignore[arg-type]


UNREACHABLE, BROKEN = error(pause="channel", unsent=True), error(pause="channel", outcome_unknown=True)
LIMITED = (paused("limit:post:#team", 9), paused("limit:posts", 9))
AT_ADDRESS, IN_CHANNEL = "destination:team/#team", "channel:slack"
TABLE = {
    "temporary": (error(), FIRST, Failure("failed", retry_in=60)),
    "temporary, the second time": (error(), replace(FIRST, attempt=2), Failure("failed", retry_in=120)),
    "retries exhausted": (error(), replace(FIRST, attempt=3), Failure("dead", Dead.RETRIES_EXHAUSTED)),
    "permanent": (error(permanent=True), FIRST, Failure("dead", Dead.REJECTED)),
    "permanent, though it also names a time": (
        error(permanent=True, retry_after=5, pause="channel", outcome_unknown=True), DOUBTFUL,
        Failure("dead", Dead.REJECTED)),
    "a time later than the policy's": (
        error(retry_after=90), FIRST, Failure("failed", retry_in=90, pauses=(paused("lane", 90),))),
    "a time beyond all patience": (
        error(retry_after=30 * DAY), FIRST,
        Failure("failed", retry_in=LONGEST_WAIT, pauses=(paused("lane", LONGEST_WAIT),))),
    "limit of a new message": (
        error(pause="limit", retry_after=9), FIRST,
        Failure("failed", retry_in=9, refund_attempt=True, pauses=LIMITED)),
    "limit of an edit": (
        error(pause="limit", retry_after=9), EDIT,
        Failure("failed", retry_in=9, refund_attempt=True, pauses=(paused("limit:edit", 9),))),
    "limit without a time": (
        error(pause="limit"), EDIT,
        Failure("failed", retry_in=LIMIT_PAUSE, refund_attempt=True, pauses=(paused("limit:edit", LIMIT_PAUSE),))),
    "destination": (
        error(pause="destination"), FIRST,
        Failure("failed", retry_in=PROBE_PAUSE, refund_attempt=True,
                pauses=(paused(AT_ADDRESS, PROBE_PAUSE, probe=True),))),
    "a channel that cannot be reached": (UNREACHABLE, FIRST, of_channel(2, 2)),
    "the third time in a row": (UNREACHABLE, after(faults=2), of_channel(8, 2)),
    "its first probe": (UNREACHABLE, after(faults=9, probe=0), of_channel(2, 2)),
    "its fourth probe": (UNREACHABLE, after(faults=9, probe=3), of_channel(16, 16)),
    "its hundredth probe": (UNREACHABLE, after(faults=9, probe=99), of_channel(60, 60)),
    "the host of an address": (UNREACHABLE, replace(FIRST, host="hooks"), of_channel(2, 2, "channel:slack@hooks")),
    "a channel that names a time": (
        error(pause="channel", unsent=True, retry_after=300), FIRST, of_channel(300, 300)),
    "and one beyond all patience": (
        error(pause="channel", unsent=True, retry_after=30 * DAY), FIRST, of_channel(LONGEST_WAIT, LONGEST_WAIT)),
    "a channel that breaks off": (BROKEN, FIRST, of_channel(2, 2, unknown=True, witnessed=True)),
    "and names a time": (
        error(pause="channel", outcome_unknown=True, retry_after=90), FIRST,
        replace(of_channel(90, 90, unknown=True),
                pauses=(paused(IN_CHANNEL, 90, probe=True, witnessed=True), paused("lane", 90)))),
    "though it may have arrived already": (BROKEN, DOUBTFUL, of_channel(2, 2, unknown=True, witnessed=True)),
    "a channel with the policy used up": (UNREACHABLE, replace(FIRST, attempt=99), of_channel(2, 2)),
    "a channel that breaks off for this message alone": (
        BROKEN, after(failed=1, works=2, faults=1), Failure("unknown", retry_in=60, of_channel=True, unknown=True)),
    "for this message alone, the policy used up": (
        BROKEN, after(replace(FIRST, attempt=3), failed=1, works=2), Failure("dead", Dead.RETRIES_EXHAUSTED)),
    "unknown for another reason": (
        error(outcome_unknown=True), DOUBTFUL, Failure("unknown", retry_in=60, unknown=True)),
    "a known failure after an unknown outcome": (error(), DOUBTFUL, Failure("failed", retry_in=60)),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "delivery", "expected"), TABLE.values(), ids=TABLE.keys())
def test_every_kind_of_error_has_one_consequence(fault: DeliveryError, delivery: Delivery, expected: Failure) -> None:
    assert failure(fault, delivery) == expected


@pytest.mark.parametrize("pause", ["limit", "destination", "channel"])
def test_what_waits_for_something_broken_is_given_up_in_the_end(pause: str) -> None:
    fault, delivery = error(pause=pause), after(failing=NOW)

    assert failure(fault, delivery, now=NOW + GIVE_UP).reason is None
    assert failure(fault, delivery, now=NOW + GIVE_UP + 1) == Failure("dead", Dead.PAUSED_TOO_LONG)
    assert failure(error(), delivery, now=NOW + GIVE_UP + 1) == Failure("failed", retry_in=60)


def test_what_a_person_held_back_for_longer_has_all_of_that_time() -> None:
    assert failure(UNREACHABLE, FIRST, now=NOW + 2 * GIVE_UP).reason is None


def test_jitter_only_adds() -> None:
    assert failure(error(), jitter=1.0).retry_in == pytest.approx(60 * (1 + JITTER))


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


def test_a_pause_for_two_messages_holds_nothing_back_for_one(clock: Clock) -> None:
    brakes, pauses = Brakes(clock), (paused(SLACK, 30, witnessed=True), paused("lane", 10))

    for witnessed, waits in ((False, [0, 10]), (True, [30, 10])):
        brakes.apply(pauses, witnessed=witnessed)
        assert [brakes.wait([scope], clock()) for scope in (SLACK, "lane")] == waits


@pytest.mark.parametrize(("probe", "held_by"), [(None, ["channel:slack"]), (0, []), (3, [])])
def test_a_probe_goes_ahead_of_its_channels_pause_and_waits_for_limits_alone(
    probe: int | None, held_by: list[str]
) -> None:
    channel: Any = SimpleNamespace(limits=limits)

    assert _scopes_of(after(probe=probe), channel) == ["limit:post:#team", "limit:posts", *held_by]
    assert _scopes_of(after(EDIT, probe=probe), channel) == ["limit:edit", *held_by]
