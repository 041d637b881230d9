"""Consequence of a failed attempt: another attempt, and when, or a dead letter. Pure.

A `DeliveryError` holds the whole decision; here it is read, in the order in which its fields count.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import structlog

from relay import metrics
from relay.domain.deliveries import Delivery, Limit, Receipt
from relay.errors import DeliveryError
from relay.policy.retry import RetryPolicy, delay, retry_in
from relay.reasons import Dead
from relay.receiving.problems import RateLimitedLog
from relay.store.settling import Pause
from relay.tracing import Tracing

log = structlog.get_logger(__name__)

Limits = tuple[Sequence[Limit], Sequence[Limit]]

LIMIT_PAUSE = 30.0  # seconds of a throttle that names no time
PROBE_PAUSE = 60.0  # seconds between two tries of a broken destination
LONG_THROTTLE = 300.0  # seconds from which on a throttle is shown, and one delivery alone asks whether it is over
LONGEST_WAIT = 86_400.0  # seconds, whatever the other side asks for
LEVELS = {"delivered": logging.INFO, "dead": logging.ERROR}  # any other outcome of an attempt is a warning


@dataclass(frozen=True, slots=True)
class Failure:
    """Consequence for the delivery. `status` is what metrics and the log call the attempt.

    reason          why it becomes a dead letter; None: it is tried again
    retry_in        seconds until the next attempt
    refund_attempt  something else is broken, so it costs none of the attempts that the policy allows
    of_channel      and that is its channel, or the host that it is sent to
    unknown         it may have arrived
    pauses          what must wait along with it
    """

    status: Literal["failed", "unknown", "dead"]
    reason: Dead | None = None
    retry_in: float = 0.0
    refund_attempt: bool = False
    of_channel: bool = False
    unknown: bool = False
    pauses: tuple[Pause, ...] = ()


def failure_of(
    error: DeliveryError,
    delivery: Delivery,
    *,
    policy: RetryPolicy,
    give_up_after: float,
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
    if pause and trial.failing and now - trial.failing > give_up_after:
        return Failure("dead", Dead.PAUSED_TOO_LONG)
    seconds = _paused_for(error, delivery) if pause else _policy_delay(error, delivery, policy, jitter)
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


def _policy_delay(
    error: DeliveryError, delivery: Delivery, policy: RetryPolicy, jitter: Callable[[], float]
) -> float | None:
    retry_after = min(error.retry_after, LONGEST_WAIT) if error.retry_after else None
    return delay(delivery.attempt, policy, jitter, retry_after)


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


@dataclass(eq=False)
class Reporting:
    """Reports of attempts; `started` is a time of `time.monotonic`."""

    clock: Callable[[], float]
    lines: RateLimitedLog
    tracing: Tracing | None

    def delivered(self, delivery: Delivery, started: float, receipt: Receipt) -> None:
        metrics.latency.labels(delivery.channel).observe(
            max(0.0, self.clock() - delivery.event.received_at.timestamp())
        )
        self._attempted(delivery, "delivered", started, receipt.detail)

    def failed(
        self, delivery: Delivery, started: float, failure: Failure, error: DeliveryError, *, unsent: bool
    ) -> None:
        if failure.reason:
            metrics.given_up.labels(delivery.channel, failure.reason.value).inc()
        else:
            why = error.pause or ("unknown" if failure.unknown else "error")
            metrics.retries.labels(delivery.channel, why).inc()
        if unsent and not failure.reason:
            fields = {"channel": delivery.channel, "scope": delivery.scope, "error": str(error)}
            self.lines.warning(log, "channel.probe_failed", delivery.scope, **fields)
            return
        consequence = {"reason": failure.reason.value} if failure.reason else {"retry_in": failure.retry_in}
        self._attempted(delivery, failure.status, started, str(error), fault=type(error).__name__, **consequence)

    def _attempted(
        self, delivery: Delivery, outcome: str, started: float, detail: str, *, fault: str = "", **more: Any
    ) -> None:
        seconds, trace = time.monotonic() - started, delivery.event.trace
        if self.tracing is not None:
            self.tracing.attempted(
                trace, seconds, channel=delivery.channel, destination=delivery.destination, attempt=delivery.attempt,
                outcome=outcome, error=fault,
            )  # fmt: skip
            more |= {"trace_id": trace[3:35]} if trace else {}
        metrics.attempts.labels(delivery.channel, delivery.destination, outcome).inc()
        log.log(
            LEVELS.get(outcome, logging.WARNING),
            "delivery.attempted",
            delivery=delivery.id,
            subject=delivery.event.subject,
            name=delivery.event.name,
            destination=delivery.destination,
            channel=delivery.channel,
            kind=delivery.kind,
            attempt=delivery.attempt,
            outcome=outcome,
            seconds=round(seconds, 3),
            detail=detail,
            **more,
        )
