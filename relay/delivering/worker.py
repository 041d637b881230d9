"""claim → compose → send → settle. One loop per channel, so a dead Slack never delays a mail.

A delivery is marked as being sent, sent and settled. A crash before the mark has sent nothing; one after it leaves the
outcome unknown, and the store repeats such a message once at most.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

import structlog

from relay import metrics
from relay.config import Config
from relay.delivering.composer import Composer
from relay.delivering.outcome import failure_of
from relay.domain.deliveries import Delivery, Limit, Notification, Receipt, Window
from relay.domain.silences import Hold
from relay.errors import DeliveryError, StoreUnavailable
from relay.outage import Outage
from relay.policy.destinations import quiet_now
from relay.policy.noise import Noise
from relay.policy.retry import RetryPolicy
from relay.policy.silences import Silences
from relay.receiving.problems import RateLimitedLog
from relay.store import Store
from relay.tracing import Tracing

log = structlog.get_logger(__name__)

IDLE = 1.0  # seconds between two looks at an empty queue; events accepted here wake the loop at once
REDIS_PAUSE = 0.25  # seconds between two tries while Redis is away
BROKEN_PERIOD = 60.0  # seconds between two lines about a claim that fails again and again
LEVELS = {"delivered": logging.INFO, "dead": logging.ERROR}  # any other outcome of an attempt is a warning


class DeliveryChannel(Protocol):
    """The part of a channel that the worker uses."""

    @property
    def max_concurrency(self) -> int: ...
    @property
    def timeout(self) -> float: ...
    def limits(self, address: str) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]: ...
    async def send(self, notification: Notification) -> Receipt: ...


class Worker:
    """Delivers what is due. `config` is asked anew each time, so a reload needs no restart."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, DeliveryChannel],
        composer: Composer,
        *,
        config: Callable[[], Config],
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        outage: Outage | None = None,
        noise: Noise | None = None,
        silences: Silences | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """`noise` counts what arrives."""
        self._noise = noise or Noise()
        self._store = store
        self._channels = channels
        self._config = config
        self._composer = composer
        self._clock = clock
        self._jitter = jitter
        self._tracing = tracing
        self._outage = outage or Outage(clock)
        self._silences = silences or Silences()
        self._lines = RateLimitedLog(clock, BROKEN_PERIOD)
        self._wakes = {name: asyncio.Event() for name in channels}
        self._sending: dict[str, dict[asyncio.Task[None], Delivery]] = {name: {} for name in channels}
        self._loops: list[asyncio.Task[None]] = []
        self._settling: set[asyncio.Task[Any] | None] = set()  # those that tell Redis what became of their delivery
        metrics.begin_at_nought(metrics.template_failures, [(name,) for name in channels])
        self._unsettled = Counter[int]()  # how many of them have met a Redis that is away, by partition
        self._stopping = False

    def wake(self, channels: Iterable[str] | None = None) -> None:
        """Something new may be due in these, or in all."""
        for channel in self._wakes if channels is None else channels:
            if wakes := self._wakes.get(channel):
                wakes.set()

    async def run(self) -> None:
        """Deliver until `stop`. Never raises for a delivery's sake, nor while Redis is away."""
        async with asyncio.TaskGroup() as group:
            self._loops = [group.create_task(self._serve(channel)) for channel in self._channels]
            group.create_task(self._keep_leases())

    async def stop(self, grace: float) -> None:
        """Claim no more, let what is being sent finish within `grace` seconds, then let go of the rest."""
        loop = asyncio.get_running_loop()
        until = loop.time() + grace
        self._stopping = True
        self.wake()
        if self._loops:  # first, so that a claim on its way is seen through or given back
            await asyncio.wait(self._loops, timeout=grace)
        tasks = [task for sending in self._sending.values() for task in sending]
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=max(0.0, until - loop.time()))
            for task in unfinished:  # its lease lapses, and its outcome is unknown: that is what has happened
                task.cancel()
            if unfinished:
                await asyncio.wait(unfinished, timeout=1.0)

    async def run_once(self, channel: str) -> int:
        """Claim what is due now on one channel and see it through; how many deliveries that were (tests)."""
        claimed = await self._store.claim(channel, self._channels[channel].max_concurrency, self._quiet())
        await asyncio.gather(*(self.deliver(delivery) for delivery in claimed.deliveries))
        return len(claimed.deliveries)

    async def _serve(self, channel: str) -> None:
        wake, sending = self._wakes[channel], self._sending[channel]
        while not self._stopping:
            wake.clear()
            # There a claim might take over what is known to have arrived.
            unsettled = [partition for partition, count in self._unsettled.items() if count]
            if len(unsettled) == len(self._store.partitions):
                await asyncio.sleep(REDIS_PAUSE)
                continue
            pause = IDLE
            free = self._channels[channel].max_concurrency - len(sending)
            if free > 0:
                try:
                    claimed = await self._store.claim(channel, free, self._quiet(), idle=IDLE, without=unsettled)
                except StoreUnavailable as error:
                    self._outage.failed(str(error))
                    await asyncio.sleep(REDIS_PAUSE)
                    continue
                except Exception as error:  # noqa: BLE001 - this loop is what delivers: it outlives everything
                    fault = f"{type(error).__name__}: {error}"
                    self._lines.warning(log, "claim.failed", channel, channel=channel, error=fault)
                    await asyncio.sleep(REDIS_PAUSE)
                    continue
                for delivery in claimed.deliveries:
                    self._start(channel, delivery)
                pause = min(IDLE, IDLE if claimed.next_due is None else claimed.next_due)
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), pause)

    def _quiet(self) -> dict[str, Window]:
        config = self._config()
        return quiet_now(config.destinations, config.destination_defaults, self._clock())

    def _start(self, channel: str, delivery: Delivery) -> None:
        task = asyncio.create_task(self.deliver(delivery))
        self._sending[channel][task] = delivery

        def finished(done: asyncio.Task[None]) -> None:
            del self._sending[channel][done]
            self._wakes[channel].set()  # a slot is free, and the lane's next delivery may be due

        task.add_done_callback(finished)

    async def _keep_leases(self) -> None:
        """Renew the leases of what is being sent: a mail server may take minutes to answer."""
        while True:  # during a stop as well, until it is cancelled
            await asyncio.sleep(self._store.lease / 3)
            await self.keep_leases()

    async def keep_leases(self) -> None:
        """Renew all of them, in one step. Of what has its answer, Redis is being told anyway."""
        under_way = [pair for sending in self._sending.values() for pair in sending.items()]
        await asyncio.gather(*(self._keep_lease(*pair) for pair in under_way if pair[0] not in self._settling))

    async def _keep_lease(self, task: asyncio.Task[None], delivery: Delivery) -> None:
        with contextlib.suppress(StoreUnavailable):
            if not await self._store.extend(delivery) and task not in self._settling:
                task.cancel()  # somebody else holds it now

    async def deliver(self, delivery: Delivery) -> None:
        """One attempt, from rendering to settling."""
        hold = self._hold(delivery) if self._silences.current else None
        if hold and await self._until_stored(delivery, lambda: self._store.silence(delivery, hold)):
            return
        channel, began = self._channels[delivery.channel], time.monotonic()
        try:
            notification = await self._composer.compose(delivery, renders=getattr(channel, "renders", True))
        except StoreUnavailable:  # nothing has left: it is claimed again once Redis is back
            await self._until_stored(delivery, lambda: self._store.release(delivery, REDIS_PAUSE))
            return
        except Exception as error:  # noqa: BLE001 - as below; else it would be claimed for ever, and nobody would know
            log.error("delivery.crashed", delivery=delivery.id, channel=delivery.channel, error=type(error).__name__)
            if await self._until_stored(delivery, lambda: self._store.mark_sending(delivery)):
                fault = DeliveryError(f"unexpected {type(error).__name__} before it was sent")
                await self._failed(delivery, channel, fault, time.monotonic())
            return
        metrics.compose_seconds.labels(delivery.channel).observe(time.monotonic() - began)
        if self._stopping:  # nothing has left yet: another process may have it at once
            await self._until_stored(delivery, lambda: self._store.release(delivery))
            return
        if not await self._until_stored(delivery, lambda: self._store.mark_sending(delivery)):
            return
        started = time.monotonic()
        try:
            async with asyncio.timeout(channel.timeout):
                with metrics.send_seconds.labels(delivery.channel).time():
                    receipt = await channel.send(notification)
        except DeliveryError as error:
            await self._failed(delivery, channel, error, started)
        except TimeoutError:
            late = DeliveryError(f"no answer within {channel.timeout:g} s", outcome_unknown=not delivery.edits)
            await self._failed(delivery, channel, late, started)
        except Exception as error:  # noqa: BLE001 - one broken delivery must not stop the others
            log.error("delivery.crashed", delivery=delivery.id, channel=delivery.channel, error=type(error).__name__)
            fault = DeliveryError(f"unexpected {type(error).__name__}", outcome_unknown=True)
            await self._failed(delivery, channel, fault, started)
        else:
            self._noise.sent(delivery.destination, edit=delivery.edits)
            # The proof is kept trying: losing it here would repeat a message that arrived.
            await self._until_stored(delivery, lambda: self._store.complete(delivery, receipt, notification))
            self._report(delivery, "delivered", started, receipt.detail)

    def _hold(self, delivery: Delivery) -> Hold | None:
        """What a silence makes of what was queued before it began, or is told of many."""
        try:
            return self._silences.hold(delivery, self._clock(), self._config().job)
        except Exception as error:  # noqa: BLE001 - whatever its event says, it is told rather than lost
            log.error("silence.failed", delivery=delivery.id, error=type(error).__name__)
            return None

    async def _failed(self, delivery: Delivery, channel: DeliveryChannel, error: DeliveryError, started: float) -> None:
        failure = failure_of(
            error,
            delivery,
            policy=self._policy(delivery),
            limits=channel.limits,
            now=self._clock(),
            jitter=self._jitter,
        )
        if failure.reason:
            metrics.given_up.labels(delivery.channel, failure.reason.value).inc()
        else:
            why = error.pause or ("unknown" if failure.unknown else "error")
            metrics.retries.labels(delivery.channel, why).inc()
        if failure.reason and failure.given_up:
            reason = failure.reason
            # First, for it may be told twice: whoever waits for an answer must not wait for ever.
            await self._give_up(delivery, channel, error)
            await self._until_stored(
                delivery, lambda: self._store.dead_letter(delivery, reason, str(error), bounce=error.bounce)
            )
        else:
            await self._until_stored(
                delivery,
                lambda: self._store.reschedule(
                    delivery,
                    failure.retry_in,
                    str(error),
                    refund_attempt=failure.refund_attempt,
                    unknown=failure.unknown,
                    holds=failure.pauses,
                ),
            )
        consequence = {"reason": failure.reason.value} if failure.reason else {"retry_in": failure.retry_in}
        self._report(delivery, failure.status, started, str(error), fault=type(error).__name__, **consequence)

    def _policy(self, delivery: Delivery) -> RetryPolicy:
        if delivery.options and delivery.options.retry:
            return RetryPolicy.model_validate(delivery.options.retry)
        config = self._config()
        destination = config.destinations.get(delivery.destination)
        return (destination and destination.retry) or config.retry

    async def _give_up(self, delivery: Delivery, channel: DeliveryChannel, error: DeliveryError) -> None:
        gave_up = getattr(channel, "gave_up", None)
        if gave_up is not None:
            with contextlib.suppress(DeliveryError):  # Redis is away: it is found dead, with its reason
                await gave_up(delivery.event.document, str(error))

    async def _until_stored(self, delivery: Delivery, step: Callable[[], Awaitable[bool]]) -> bool:
        """Repeat a step for as long as Redis is away: what is known in here, nobody else could find out."""
        task, waits = asyncio.current_task(), False
        partition = self._store.partitions.of(delivery.id).number
        self._settling.add(task)
        try:
            while True:
                try:
                    return await step()
                except StoreUnavailable as error:
                    self._outage.failed(str(error))
                    self._unsettled[partition] += not waits
                    waits = True
                    await asyncio.sleep(REDIS_PAUSE)
        finally:
            self._settling.discard(task)
            self._unsettled[partition] -= waits

    def _report(
        self, delivery: Delivery, outcome: str, started: float, detail: str, *, fault: str = "", **more: Any
    ) -> None:
        seconds, trace = time.monotonic() - started, delivery.event.trace
        if self._tracing is not None:
            self._tracing.attempted(
                trace, seconds, channel=delivery.channel, destination=delivery.destination, attempt=delivery.attempt,
                outcome=outcome, error=fault,
            )  # fmt: skip
            more |= {"trace_id": trace[3:35]} if trace else {}
        metrics.attempts.labels(delivery.channel, delivery.destination, outcome).inc()
        if outcome == "delivered":
            metrics.latency.labels(delivery.channel).observe(
                max(0.0, self._clock() - delivery.event.received_at.timestamp())
            )
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
