"""What every kind of error means for its delivery: when it is tried again, what waits with it, when it is given up."""

from dataclasses import replace
from datetime import timedelta

import pytest

from relay.delivering.outcome import LIMIT_PAUSE, LONGEST_WAIT, MAX_PAUSED, PROBE_PAUSE, Failure, failure_of
from relay.domain.deliveries import Delivery, Limit
from relay.errors import DeliveryError
from relay.policy.retry import JITTER, RetryPolicy
from relay.reasons import Dead
from relay.store.settling import Pause
from tests.support import events

EVENT = events.completed()
FIRST = Delivery(
    id="d",
    lease="l",
    destination="team",
    channel="slack",
    address="#team",
    kind="live",
    event=EVENT,
    history=(EVENT,),
    thread={},
    attempt=1,
    created_at=EVENT.received_at,
)
EDIT = replace(FIRST, thread={"ts": "1.1"})
DOUBTFUL = replace(FIRST, unknown=True)
POLICY = RetryPolicy(max_retries=2, retry_delay=60, backoff_multiplier=2, max_delay=3600)
NOW = EVENT.received_at.timestamp() + 1
DAY = 86_400.0


def limits(address: str) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
    return (Limit(f"post:{address}", 1.0), Limit("posts", 1.0)), (Limit("edit", 1.5, 10),)


def failure(
    error: DeliveryError, delivery: Delivery = FIRST, now: float = NOW, jitter: float = 0.0
) -> tuple[Failure, bool]:
    outcome = failure_of(error, delivery, policy=POLICY, limits=limits, now=now, jitter=lambda: jitter)
    return outcome, outcome.given_up


def paused(scope: str, seconds: float, *, probe: bool = False) -> Pause:
    return Pause(scope, seconds, "why", probe=probe)


LIMITED = (paused("limit:post:#team", 9), paused("limit:posts", 9))
AT_ADDRESS, IN_CHANNEL = "destination:team/#team", "channel:slack"
TABLE = {
    "temporary": (DeliveryError("why"), FIRST, Failure("failed", retry_in=60)),
    "temporary, the second time": (DeliveryError("why"), replace(FIRST, attempt=2), Failure("failed", retry_in=120)),
    "retries exhausted": (DeliveryError("why"), replace(FIRST, attempt=3), Failure("dead", Dead.RETRIES_EXHAUSTED)),
    "permanent": (DeliveryError("why", permanent=True), FIRST, Failure("dead", Dead.REJECTED)),
    "permanent, though it also names a time": (
        DeliveryError("why", permanent=True, retry_after=5, pause="channel", outcome_unknown=True),
        DOUBTFUL,
        Failure("dead", Dead.REJECTED),
    ),
    "a time later than the policy's": (
        DeliveryError("why", retry_after=90),
        FIRST,
        Failure("failed", retry_in=90, pauses=(paused("lane", 90),)),
    ),
    "a time earlier than the policy's": (
        DeliveryError("why", retry_after=9),
        FIRST,
        Failure("failed", retry_in=60, pauses=(paused("lane", 60),)),
    ),
    "a time beyond all patience": (
        DeliveryError("why", retry_after=30 * DAY),
        FIRST,
        Failure("failed", retry_in=LONGEST_WAIT, pauses=(paused("lane", LONGEST_WAIT),)),
    ),
    "limit of a new message": (
        DeliveryError("why", pause="limit", retry_after=9),
        FIRST,
        Failure("failed", retry_in=9, refund_attempt=True, pauses=LIMITED),
    ),
    "limit of an edit": (
        DeliveryError("why", pause="limit", retry_after=9),
        EDIT,
        Failure("failed", retry_in=9, refund_attempt=True, pauses=(paused("limit:edit", 9),)),
    ),
    "limit without a time": (
        DeliveryError("why", pause="limit"),
        EDIT,
        Failure("failed", retry_in=LIMIT_PAUSE, refund_attempt=True, pauses=(paused("limit:edit", LIMIT_PAUSE),)),
    ),
    "destination": (
        DeliveryError("why", pause="destination"),
        FIRST,
        Failure(
            "failed", retry_in=PROBE_PAUSE, refund_attempt=True, pauses=(paused(AT_ADDRESS, PROBE_PAUSE, probe=True),)
        ),
    ),
    "channel": (
        DeliveryError("why", pause="channel", retry_after=300),
        FIRST,
        Failure("failed", retry_in=300, refund_attempt=True, pauses=(paused(IN_CHANNEL, 300, probe=True),)),
    ),
    "channel for longer than all patience": (
        DeliveryError("why", pause="channel", retry_after=30 * DAY),
        FIRST,
        Failure(
            "failed", retry_in=LONGEST_WAIT, refund_attempt=True, pauses=(paused(IN_CHANNEL, LONGEST_WAIT, probe=True),)
        ),
    ),
    "pause with the policy used up": (
        DeliveryError("why", pause="channel", retry_after=9),
        replace(FIRST, attempt=99),
        Failure("failed", retry_in=9, refund_attempt=True, pauses=(paused(IN_CHANNEL, 9, probe=True),)),
    ),
    "unknown outcome": (
        DeliveryError("why", outcome_unknown=True),
        FIRST,
        Failure("unknown", retry_in=60, unknown=True),
    ),
    "unknown outcome, the second time": (
        DeliveryError("why", outcome_unknown=True),
        DOUBTFUL,
        Failure("dead", Dead.OUTCOME_UNKNOWN, retry_in=60, unknown=True),
    ),
    "unknown outcome with the policy used up": (
        DeliveryError("why", outcome_unknown=True),
        replace(FIRST, attempt=3),
        Failure("dead", Dead.RETRIES_EXHAUSTED),
    ),
    "a known failure after an unknown outcome": (DeliveryError("why"), DOUBTFUL, Failure("failed", retry_in=60)),
}


@pytest.mark.parametrize(("error", "delivery", "expected"), TABLE.values(), ids=TABLE.keys())
def test_every_kind_of_error_has_one_consequence(error: DeliveryError, delivery: Delivery, expected: Failure) -> None:
    outcome, given_up = failure(error, delivery)

    assert outcome == expected
    # Two unknown outcomes go to the store as a second try: it alone knows for certain that there was a first.
    assert given_up == (expected.reason not in (None, Dead.OUTCOME_UNKNOWN))


@pytest.mark.parametrize("pause", ["limit", "destination", "channel"])
def test_what_waits_for_something_broken_is_given_up_after_three_days(pause: str) -> None:
    error = DeliveryError("why", pause=pause)  # type: ignore[arg-type]
    created = FIRST.created_at.timestamp()

    in_time, _ = failure(error, now=created + MAX_PAUSED)
    late, given_up = failure(error, now=created + MAX_PAUSED + 1)

    assert (in_time.status, in_time.reason) == ("failed", None)
    assert (late, given_up) == (Failure("dead", Dead.PAUSED_TOO_LONG), True)


def test_a_delivery_without_a_pause_has_the_policy_however_old_it_is() -> None:
    old = replace(FIRST, created_at=FIRST.created_at - timedelta(days=30))

    assert failure(DeliveryError("why"), old)[0] == Failure("failed", retry_in=60)


def test_jitter_only_adds() -> None:
    assert failure(DeliveryError("why"), jitter=1.0)[0].retry_in == pytest.approx(60 * (1 + JITTER))
