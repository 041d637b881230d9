"""Around an attempt: pauses of this process, questions before repeating, storing of its outcome, and its report."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakValueDictionary

import structlog

from relay import metrics
from relay.delivering.outcome import Failure
from relay.domain.deliveries import Delivery, Notification, Receipt, Trial
from relay.errors import CannotFind, DeliveryError, StoreUnavailable
from relay.log_lines import RateLimitedLog
from relay.outage import Outage
from relay.policy.retry import Pause
from relay.tracing import Spans

log = structlog.get_logger(__name__)

PATIENCE = 1.0  # seconds that a delivery waits for its turn: what waits longer takes the place of others
WITNESS = 60.0  # seconds within which another message has to fail as well, before a channel counts as broken
LOOKED_FOR = 120.0  # seconds that look-ups may fail in a channel that answers probes, until a message is sent again
LEVELS = {"delivered": logging.INFO, "dead": logging.ERROR}  # any other outcome of an attempt is a warning
REDIS_PAUSE = 0.25  # seconds between two tries while Redis is away


class Brakes:
    """Local pauses by scope. `clock` is in seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[str, tuple[float, float]] = {}  # by scope, until when, and for what was claimed by when
        self._failed: dict[str, tuple[float, str]] = {}  # by scope, the last failure since something got through
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def turn(self, limits: Iterable[str]) -> AsyncIterator[bool]:
        """Wait until nothing else is under way under these limits; False where that takes too long."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(PATIENCE):
                    for name in sorted(limits):  # in one order, so that no two wait for each other
                        await stack.enter_async_context(self._turns.setdefault(name, asyncio.Lock()))
            except TimeoutError:
                yield False
                return
            yield True

    def failed(self, scope: str, lane: str) -> bool:
        """Take note of a failure, and return whether another message failed there too, with no success in between."""
        now, (at, by) = self._clock(), self._failed.get(scope, (0.0, lane))
        self._failed[scope] = now, lane
        return by != lane and now - at <= WITNESS

    def apply(self, pauses: Iterable[Pause], *, witnessed: bool) -> None:
        """Hold back claimed deliveries from scopes that are paused."""
        for pause in pauses:
            if witnessed or not pause.witnessed:
                self.hold(pause.scope, pause.seconds)

    def hold(self, scope: str, seconds: float) -> None:
        """Hold back for so long what is claimed by now; the store holds back the rest."""
        now = self._clock()
        self._held = {held: (until, by) for held, (until, by) in self._held.items() if until > now}
        self._held[scope] = max(self._held.get(scope, (0.0, 0.0))[0], now + seconds), now

    def works(self, scope: str) -> None:
        self._held.pop(scope, None)
        self._failed.pop(scope, None)

    def wait(self, scopes: Iterable[str], claimed: float) -> float:
        """Return the seconds until all of these may be called again by what was claimed then; 0 where they may."""
        held = (self._held[scope] for scope in scopes if scope in self._held)
        return max(0.0, max((until for until, by in held if claimed <= by), default=0.0) - self._clock())


async def probe(channel: Any, address: str, trial: Trial) -> None:
    """Ask a channel that failed whether it works, where it can say so without a message. Raises DeliveryError."""
    ask = getattr(channel, "probe", None)
    if ask is None or not (trial.faults or trial.probe is not None):
        return
    try:
        async with asyncio.timeout(channel.timeout):
            await ask(address)
    except TimeoutError:
        raise no_answer(channel) from None


async def find(channel: Any, notification: Notification, trial: Trial, now: float) -> Receipt | None:
    """Return the receipt of what an attempt without an answer left, or None. Raises CannotFind and DeliveryError."""
    finds = getattr(channel, "finds", None)
    if not (finds and trial.doubted and finds(notification.address)):
        raise CannotFind("the channel cannot look it up")
    try:
        async with asyncio.timeout(channel.timeout):
            receipt: Receipt | None = await channel.find(notification, datetime.fromtimestamp(trial.doubted, UTC))
    except (DeliveryError, TimeoutError) as error:
        fault = error if isinstance(error, DeliveryError) else no_answer(channel)
        # It has just answered a probe: what refuses nothing but the look-up may do so for ever.
        if fault.pause != "limit" and now - max(trial.deaf, trial.doubted) > LOOKED_FOR:
            raise CannotFind(str(fault)) from None
        raise fault from None
    if receipt is not None:
        log.info("delivery.found", delivery=notification.delivery, detail=receipt.detail)
    return receipt


def no_answer(channel: Any, *, outcome_unknown: bool = False) -> DeliveryError:
    """Return the error of a call that took longer than the channel's `timeout`."""
    return DeliveryError(f"no answer within {channel.timeout:g} s", outcome_unknown=outcome_unknown, pause="channel")


class Settlement:
    """Stores outcomes. What is known to have arrived must be stored, however long Redis is away."""

    def __init__(self, outage: Outage) -> None:
        self._outage = outage

    async def until_stored(self, step: Callable[[], Awaitable[bool]]) -> bool:
        """Repeat a step until Redis has answered it."""
        while True:
            try:
                return await step()
            except StoreUnavailable as error:
                self._outage.failed(str(error))
                await asyncio.sleep(REDIS_PAUSE)


@dataclass(eq=False)
class Reporting:
    """Reports of attempts; `started` is a time of `time.monotonic`."""

    clock: Callable[[], float]
    lines: RateLimitedLog
    tracing: Spans | None

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
