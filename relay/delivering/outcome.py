"""Consequence of a failed attempt: another attempt, and when, or a dead letter. Pure.

A `DeliveryError` holds the whole decision; here it is read, in the order in which its fields count.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from relay.domain.deliveries import Delivery, Limit
from relay.errors import DeliveryError
from relay.policy.retry import GIVE_UP_AFTER, Pause, RetryPolicy, delay, retry_in
from relay.reasons import Dead

Limits = tuple[Sequence[Limit], Sequence[Limit]]

LIMIT_PAUSE = 30.0  # seconds of a throttle that names no time
PROBE_PAUSE = 60.0  # seconds between two tries of a broken destination
LONG_THROTTLE = 300.0  # seconds from which on a throttle is shown, and one delivery alone asks whether it is over
LONGEST_WAIT = 86_400.0  # seconds, whatever the other side asks for


@dataclass(frozen=True, slots=True)
class Failure:
    """Consequence for the delivery."""

    status: Literal["failed", "unknown", "dead"]  # of the attempt, for metrics and the log
    reason: Dead | None = None  # why it becomes a dead letter; None: it is tried again
    retry_in: float = 0.0  # seconds until the next attempt
    refund_attempt: bool = False  # something else is broken, so it costs none of the attempts that the policy allows
    of_channel: bool = False  # and that is its channel, or the host that it is sent to
    unknown: bool = False  # it may have arrived
    pauses: tuple[Pause, ...] = ()  # of what must wait along with it


def failure_of(
    error: DeliveryError,
    delivery: Delivery,
    *,
    policy: RetryPolicy,
    limits: Callable[[str], Limits],
    now: float,
    jitter: Callable[[], float],
) -> Failure:
    """Return what this error leads to. `limits` are those of a new message and of an edit; times are seconds."""
    trial = delivery.trial
    if error.permanent:
        return Failure("dead", Dead.REJECTED)
    # Others got through, so it is the message that makes the channel fail.
    pause = "" if error.pause == "channel" and trial.suspect else error.pause
    if pause and trial.failing and now - trial.failing > GIVE_UP_AFTER:
        return Failure("dead", Dead.PAUSED_TOO_LONG)
    retry_after = min(error.retry_after, LONGEST_WAIT) if error.retry_after else None
    seconds = _paused_for(error, delivery) if pause else delay(delivery.attempt, policy, jitter, retry_after)
    if seconds is None:
        return Failure("dead", Dead.RETRIES_EXHAUSTED)
    return Failure(
        "unknown" if error.outcome_unknown else "failed",
        retry_in=seconds,
        refund_attempt=bool(pause),
        of_channel=error.pause == "channel",
        unknown=error.outcome_unknown,
        pauses=_pauses(error, pause, delivery, limits, seconds),
    )


def _paused_for(error: DeliveryError, delivery: Delivery) -> float:
    if error.pause == "channel":
        return min(retry_in(delivery.trial, error.retry_after), LONGEST_WAIT)
    return min(error.retry_after or (LIMIT_PAUSE if error.pause == "limit" else PROBE_PAUSE), LONGEST_WAIT)


def _pauses(
    error: DeliveryError, pause: str, delivery: Delivery, limits: Callable[[str], Limits], seconds: float
) -> tuple[Pause, ...]:
    text = str(error)
    match pause:
        case "limit":
            of_new, of_edit = limits(delivery.address)
            used = of_edit if delivery.edits else of_new
            long = seconds > LONG_THROTTLE
            return tuple(Pause(f"limit:{limit.name}", seconds, text, probe=long) for limit in used)
        case "destination":
            return (Pause(f"destination:{delivery.destination}/{delivery.address}", seconds, text, probe=True),)
        case "channel":
            # The next probe is soon, however long this delivery has failed before its channel was paused.
            soon = retry_in(replace(delivery.trial, faults=0), error.retry_after)
            channel = Pause(delivery.scope, min(soon, LONGEST_WAIT), text, probe=True, witnessed=not error.unsent)
            # Until a second message fails as well, the channel is not paused, but the time that it named holds here.
            return (channel, Pause("lane", seconds, text)) if error.retry_after and channel.witnessed else (channel,)
    # Newer news of this operation must not reach the other side before that time either.
    return (Pause("lane", seconds, text),) if error.retry_after else ()
