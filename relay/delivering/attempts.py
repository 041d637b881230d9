"""Attempts of deliveries: compose → ask → mark → send → settle.

A crash before the mark has sent nothing; one after it leaves the outcome unknown: before the message is repeated, its
channel is asked for it, where that can tell.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import structlog

from relay import metrics
from relay.config import Config
from relay.delivering.composer import Composer
from relay.delivering.outcome import LONGEST_WAIT, failure_of
from relay.delivering.safeguards import REDIS_PAUSE, Brakes, Reporting, Settlement, find, no_answer, probe
from relay.domain.deliveries import Delivery, Hold, Limit, Notification, Receipt
from relay.errors import CannotFind, DeliveryError, StoreUnavailable
from relay.policy.retry import LAST_PROBE, RetryPolicy, repeats_in, retry_in
from relay.policy.silences import Silences
from relay.store.queue import Queue

log = structlog.get_logger(__name__)

UNLIMITED = 0.01  # seconds between two calls below which a limit says that there is none


class DeliveryChannel(Protocol):
    """The part of a channel that an attempt uses."""

    @property
    def max_concurrency(self) -> int: ...
    @property
    def timeout(self) -> float: ...
    def limits(self, address: str, settings: Any = None) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]: ...
    async def send(self, notification: Notification) -> Receipt: ...


@dataclass(eq=False)
class Attempts:
    """Attempts with one process's channels. `config` is asked anew each time, so a reload needs no restart."""

    store: Queue
    channels: Mapping[str, DeliveryChannel]
    composer: Composer
    settlement: Settlement
    reporting: Reporting
    config: Callable[[], Config]
    clock: Callable[[], float]
    jitter: Callable[[], float]
    silences: Silences
    stopping: bool = False

    def __post_init__(self) -> None:
        self._stored = self.settlement.until_stored
        self._brakes = Brakes(self.clock)

    async def deliver(self, delivery: Delivery) -> None:
        """Make one attempt, from rendering to settling."""
        try:
            await self._attempt(delivery)
        finally:
            self.store.let_go(delivery)

    async def _attempt(self, delivery: Delivery) -> None:
        claimed = self.clock()
        hold = self._hold(delivery) if self.silences.current else None
        if hold and await self._stored(lambda: self.store.silence(delivery, hold)):
            return
        channel, began = self.channels[delivery.channel], time.monotonic()
        try:
            notification = await self.composer.compose(delivery, channel)
        except StoreUnavailable:  # nothing has left: it is claimed again once Redis is back
            await self._stored(lambda: self.store.release(delivery, REDIS_PAUSE))
            return
        except Exception as error:  # noqa: BLE001 - as below; else it would be claimed for ever, and nobody would know
            log.error("delivery.crashed", delivery=delivery.id, channel=delivery.channel, error=type(error).__name__)
            if await self._stored(lambda: self.store.mark_sending(delivery, channel.timeout)):
                fault = DeliveryError(f"unexpected {type(error).__name__} before it was sent")
                await self._failed(delivery, channel, fault, time.monotonic())
            return
        metrics.compose_seconds.labels(delivery.channel).observe(time.monotonic() - began)
        async with self._brakes.turn(self._throttled_limits(delivery, channel)) as is_mine:
            wait = self._brakes.wait(_scopes_of(delivery, channel), claimed)  # since it was claimed
            if self.stopping or wait or not is_mine:  # nothing has left yet: another process may have it at once
                await self._stored(lambda: self.store.release(delivery, wait))
            elif await self._is_clear(delivery, channel, notification):
                await self._send(delivery, channel, notification)

    def _hold(self, delivery: Delivery) -> Hold | None:
        """Return the hold by a silence that began after the delivery was queued, or that holds a round-up."""
        try:
            return self.silences.hold(delivery, self.clock(), self.config().job)
        except Exception as error:  # noqa: BLE001 - whatever its event holds, it is sent rather than lost
            log.error("silence.failed", delivery=delivery.id, error=type(error).__name__)
            return None

    async def _is_clear(self, delivery: Delivery, channel: DeliveryChannel, notification: Notification) -> bool:
        """Return whether it may be sent: its channel answers again, and no earlier attempt is known to have arrived."""
        trial, started = delivery.trial, time.monotonic()
        if not (trial.faults or trial.doubted or trial.probe is not None):
            return True
        if wait := self._brakes.wait([f"asking:{delivery.scope}"], 0.0):
            await self._wait(delivery, wait)
            return False
        probed = False
        try:
            await probe(channel, delivery.address, trial)
            probed = True
            receipt = await find(channel, notification, trial, self.clock())
        except CannotFind:
            wait = 0.0 if delivery.edits else repeats_in(trial, self.clock())
            if wait:
                await self._wait(delivery, min(wait, LAST_PROBE))
            return not wait
        except DeliveryError as error:
            await self._unclear(delivery, channel, error, started, deaf=not probed)
            return False
        except Exception as error:  # noqa: BLE001 - what cannot be asked is rather sent twice than never
            log.error("delivery.crashed", delivery=delivery.id, channel=delivery.channel, error=type(error).__name__)
            return True
        if receipt:
            await self._completed(delivery, receipt, started)
        return not receipt

    async def _unclear(
        self, delivery: Delivery, channel: DeliveryChannel, error: DeliveryError, started: float, *, deaf: bool
    ) -> None:
        """The channel does not answer, or wants to be asked later. Nothing was sent."""
        if error.pause == "limit":
            wait = min(error.retry_after or LAST_PROBE, LONGEST_WAIT)
            self._brakes.hold(f"asking:{delivery.scope}", wait)
            await self._wait(delivery, wait)
            return
        pause = error.pause or "channel"
        fault = DeliveryError(
            str(error), pause=pause, unsent=True, refused=error.refused, retry_after=error.retry_after
        )
        # So it is the channel that failed, whoever got through since.
        blameless = replace(delivery, trial=replace(delivery.trial, works=0.0))
        await self._failed(blameless, channel, fault, started, unsent=True, deaf=deaf)

    async def _wait(self, delivery: Delivery, seconds: float) -> None:
        """Release it for so long. If it was to probe its channel, another one does."""
        probes_in = None if delivery.trial.probe is None else retry_in(delivery.trial)
        await self._stored(lambda: self.store.release(delivery, seconds, probes_in))

    async def _send(self, delivery: Delivery, channel: DeliveryChannel, notification: Notification) -> None:
        if not await self._stored(lambda: self.store.mark_sending(delivery, channel.timeout)):
            return
        started = time.monotonic()
        try:
            async with asyncio.timeout(channel.timeout):
                with metrics.send_seconds.labels(delivery.channel).time():
                    receipt = await channel.send(notification)
        except DeliveryError as error:
            await self._failed(delivery, channel, error, started)
        except TimeoutError:
            late = no_answer(channel, outcome_unknown=not delivery.edits)
            await self._failed(delivery, channel, late, started)
        except Exception as error:  # noqa: BLE001 - one broken delivery must not stop the others
            log.error("delivery.crashed", delivery=delivery.id, channel=delivery.channel, error=type(error).__name__)
            fault = DeliveryError(f"unexpected {type(error).__name__}", outcome_unknown=True)
            await self._failed(delivery, channel, fault, started)
        else:
            # The proof is kept trying: losing it here would repeat a message that arrived.
            await self._completed(delivery, receipt, started)

    async def _completed(self, delivery: Delivery, receipt: Receipt, started: float) -> None:
        self._brakes.works(delivery.scope)
        await self._stored(lambda: self.store.complete(delivery, receipt))
        self.reporting.delivered(delivery, started, receipt)

    async def _failed(
        self,
        delivery: Delivery,
        channel: DeliveryChannel,
        error: DeliveryError,
        started: float,
        *,
        unsent: bool = False,
        deaf: bool = False,
    ) -> None:
        others = error.pause == "channel" and self._brakes.failed(delivery.scope, delivery.lane)
        if others:  # so it is the channel's failure, whatever got through before
            delivery = replace(delivery, trial=replace(delivery.trial, works=0.0))
        failure = failure_of(
            error, delivery, policy=self._policy(delivery),
            limits=channel.limits, now=self.clock(), jitter=self.jitter,
        )  # fmt: skip
        self._brakes.apply(failure.pauses, witnessed=others)
        if failure.reason:
            # First, for it may be reported twice: a person who waits for an answer must not wait for ever.
            await self._give_up(delivery, channel, error)
            dead = partial(self.store.dead_letter, delivery, failure.reason, str(error), bounce=error.bounce)
            await self._stored(dead)
        else:
            again = partial(
                self.store.reschedule, delivery, failure.retry_in, str(error), refund_attempt=failure.refund_attempt,
                unknown=failure.unknown, of_channel=failure.of_channel, refused=error.refused, unsent=unsent,
                unresponsive=deaf, holds=failure.pauses,
            )  # fmt: skip
            await self._stored(again)
        self._brakes.apply(failure.pauses, witnessed=others)  # again, for what was claimed before the store knew
        self.reporting.failed(delivery, started, failure, error, unsent=unsent)

    def _throttled_limits(self, delivery: Delivery, channel: DeliveryChannel) -> list[str]:
        """List the limits of a new message that are low enough for the other side to throttle."""
        if delivery.edits:
            return []
        of_new, _ = channel.limits(delivery.address, self.config().channels.get(delivery.channel))
        return [limit.name for limit in of_new if limit.period >= UNLIMITED]

    def _policy(self, delivery: Delivery) -> RetryPolicy:
        if delivery.options and delivery.options.retry:
            return RetryPolicy.model_validate(delivery.options.retry)
        config = self.config()
        destination = config.destinations.get(delivery.destination)
        return (destination and destination.retry) or config.retry

    @staticmethod
    async def _give_up(delivery: Delivery, channel: DeliveryChannel, error: DeliveryError) -> None:
        gave_up = getattr(channel, "gave_up", None)
        if gave_up is not None:
            with contextlib.suppress(DeliveryError):  # Redis is away: it is found dead, with its reason
                await gave_up(delivery.event.document, str(error))


def _scopes_of(delivery: Delivery, channel: DeliveryChannel) -> list[str]:
    """List the scopes whose pauses hold it back."""
    of_new, of_edit = channel.limits(delivery.address)
    limits = [f"limit:{limit.name}" for limit in (of_edit if delivery.edits else of_new)]
    ahead = delivery.trial.probe is not None  # of what waits for the end of that pause
    return limits if ahead else [*limits, delivery.scope]
