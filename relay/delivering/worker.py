"""claim → render → send → settle. One loop per channel, so a dead Slack never delays a mail.

A delivery is sent between its begin-marker and its settling. A crash before the marker sends nothing; one after
it leaves the outcome unknown, and the store repeats such a message once at most.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from relay import metrics
from relay.config import Config
from relay.domain.deliveries import Delivery, Limit, Notification, Receipt, Window
from relay.errors import DeliveryError, StoreUnavailable
from relay.outage import Outage
from relay.policy.destinations import quiet_now
from relay.policy.presentation import mentions_for, presentation_for
from relay.policy.recipients import mentions
from relay.policy.retry import RetryPolicy, delay
from relay.reasons import Dead
from relay.receiving.problems import RateLimitedLog
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.queue import Pause

log = structlog.get_logger(__name__)

IDLE = 1.0  # seconds between two looks at an empty queue; events accepted here wake the loop at once
REDIS_PAUSE = 0.25  # seconds between two tries while Redis is away
BROKEN_PERIOD = 60.0  # seconds between two lines about a claim that fails again and again
LIMIT_PAUSE = 30.0  # a throttle that names no time
PROBE_PAUSE = 60.0  # how often a broken destination is tried
MAX_PAUSED_DAYS = 3
LONGEST_WAIT = 86_400.0  # whatever the other side asks for
LEVELS = {"delivered": logging.INFO, "dead": logging.ERROR}  # any other outcome of an attempt is a warning


class Channel(Protocol):
    """The part of a channel that the worker uses."""

    @property
    def max_concurrency(self) -> int: ...
    @property
    def timeout(self) -> float: ...
    def limits(self, address: str) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]: ...
    async def send(self, notification: Notification) -> Receipt: ...


class Worker:
    """Delivers what is due. `config` and `renderer` are asked anew each time, so a reload needs no restart."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        *,
        config: Callable[[], Config],
        renderer: Callable[[], IsolatedRenderer],
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        unsubscribe: Callable[[Delivery, str], Awaitable[str]] | None = None,
        enrich: Callable[[Delivery], Awaitable[Delivery]] | None = None,
        buttons: Callable[[Delivery], Awaitable[Sequence[Mapping[str, str]]]] | None = None,
        outage: Outage | None = None,
    ) -> None:
        """`unsubscribe` makes the address where the reader of a delivery, in this language, ends it; '' for none.

        `enrich` adds to a delivery what its event left out; it is quick, and never raises. `buttons` are those under
        its message, as templates get them.
        """
        self._store = store
        self._channels = channels
        self._config = config
        self._renderer = renderer
        self._clock = clock
        self._jitter = jitter
        self._unsubscribe = unsubscribe
        self._enrich = enrich
        self._buttons = buttons
        self._outage = outage or Outage(clock)
        self._lines = RateLimitedLog(clock, BROKEN_PERIOD)
        self._wakes = {name: asyncio.Event() for name in channels}
        self._sending: dict[str, dict[asyncio.Task[None], Delivery]] = {name: {} for name in channels}
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = False

    def wake(self) -> None:
        """Something new may be due."""
        for event in self._wakes.values():
            event.set()

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
            pause = IDLE
            free = self._channels[channel].max_concurrency - len(sending)
            if free > 0:
                try:
                    claimed = await self._store.claim(channel, free, self._quiet())
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
            for sending in self._sending.values():
                for task, delivery in list(sending.items()):
                    try:
                        if not await self._store.extend(delivery) and not task.done():
                            task.cancel()  # somebody else holds it now
                    except StoreUnavailable:
                        break

    async def deliver(self, delivery: Delivery) -> None:
        """One attempt, from rendering to settling."""
        channel = self._channels[delivery.channel]
        try:
            notification = await self._notification(delivery)
        except StoreUnavailable:  # nothing has left: its lease lapses, and it is claimed again
            return
        except Exception as error:  # noqa: BLE001 - as below; else it would be claimed for ever, and nobody would know
            log.error("delivery.crashed", delivery=delivery.id, channel=delivery.channel, error=type(error).__name__)
            if await self._until_stored(lambda: self._store.mark_sending(delivery)):
                fault = DeliveryError(f"unexpected {type(error).__name__} before it was sent")
                await self._failed(delivery, channel, fault, time.monotonic())
            return
        if self._stopping:  # nothing has left yet: another process may have it at once
            await self._store.release(delivery)
            return
        if not await self._until_stored(lambda: self._store.mark_sending(delivery)):
            return
        started = time.monotonic()
        try:
            async with asyncio.timeout(channel.timeout):
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
            # The proof is kept trying: losing it here would repeat a message that arrived.
            await self._until_stored(lambda: self._store.complete(delivery, receipt))
            self._report(delivery, "delivered", started, receipt.detail)

    async def _notification(self, delivery: Delivery) -> Notification:
        if self._enrich:
            delivery = await self._enrich(delivery)
        config = self._config()
        destination = config.destinations.get(delivery.destination)
        language = (destination and destination.language) or config.language
        timezone = (destination and destination.timezone) or config.timezone
        link = await self._unsubscribe(delivery, language) if self._unsubscribe else ""
        mention = destination.mention if destination else {}
        return Notification(
            delivery=delivery.id,
            destination=delivery.destination,
            address=delivery.address,
            kind=delivery.kind,
            content=await self._content(delivery, language, timezone, link),
            subject=delivery.event.subject,
            event=delivery.event.name,
            created_at=delivery.created_at,
            language=language,
            thread=delivery.thread,
            mentions=mentions_for(
                delivery.event, delivery.history, mention, asked=mentions(delivery.event, config.dynamic_destinations)
            ),
            broadcast=delivery.kind == "reply" and presentation_for(delivery.event).broadcast,
            unsubscribe=link,
            unknown=delivery.unknown,
        )

    async def _content(self, delivery: Delivery, language: str, timezone: str, unsubscribe: str) -> dict[str, Any]:
        """As the templates say; if one fails, in relay's own wording: a template's fault never costs a message."""
        if not getattr(self._channels[delivery.channel], "renders", True):
            return dict(delivery.event.document)
        rendered = await self._renderer().message(
            delivery.channel,
            delivery.kind,
            delivery.event,
            delivery.history,
            language=language,
            timezone=timezone,
            now=datetime.fromtimestamp(self._clock(), UTC),
            destination=delivery.destination,
            unsubscribe=unsubscribe,
            buttons=await self._buttons(delivery) if self._buttons else (),
        )
        if rendered.fault:
            log.error("template.failed", channel=delivery.channel, name=delivery.event.name, error=rendered.fault)
            metrics.template_failures.labels(delivery.channel).inc()
        return rendered.content

    async def _failed(self, delivery: Delivery, channel: Channel, error: DeliveryError, started: float) -> None:
        reason, seconds = self._verdict(delivery, error)
        if reason:
            # First, for it may be told twice: whoever waits for an answer must not wait for ever.
            await self._give_up(delivery, channel, error)
            await self._until_stored(lambda: self._store.dead_letter(delivery, reason, str(error), bounce=error.bounce))
            self._report(delivery, "dead", started, str(error), reason=reason)
            return
        await self._until_stored(
            lambda: self._store.reschedule(
                delivery,
                seconds,
                str(error),
                refund_attempt=bool(error.pause),
                unknown=error.outcome_unknown,
                holds=_holds(delivery, channel, error, seconds),
            )
        )
        if error.outcome_unknown and delivery.unknown:  # the second time: the store has buried it
            self._report(delivery, "dead", started, str(error), reason=Dead.OUTCOME_UNKNOWN.value)
            return
        self._report(delivery, "unknown" if error.outcome_unknown else "failed", started, str(error), retry_in=seconds)

    async def _give_up(self, delivery: Delivery, channel: Channel, error: DeliveryError) -> None:
        gave_up = getattr(channel, "gave_up", None)
        if gave_up is not None:
            with contextlib.suppress(DeliveryError):  # Redis is away: it is found dead, with its reason
                await gave_up(delivery.event.document, str(error))

    def _verdict(self, delivery: Delivery, error: DeliveryError) -> tuple[str, float]:
        """The reason to give up, or '' and the seconds until the next attempt."""
        if error.permanent:
            return Dead.REJECTED, 0.0
        if error.pause:
            if self._clock() - delivery.created_at.timestamp() > MAX_PAUSED_DAYS * 86_400:
                return Dead.PAUSED_TOO_LONG, 0.0
            fallback = LIMIT_PAUSE if error.pause == "limit" else PROBE_PAUSE
            return "", min(error.retry_after or fallback, LONGEST_WAIT)
        destination = self._config().destinations.get(delivery.destination)
        policy: RetryPolicy = (destination and destination.retry) or self._config().retry
        retry_after = min(error.retry_after, LONGEST_WAIT) if error.retry_after else None
        wait = delay(delivery.attempt, policy, self._jitter, retry_after)
        return ("", wait) if wait is not None else (Dead.RETRIES_EXHAUSTED, 0.0)

    async def _until_stored(self, step: Callable[[], Awaitable[bool]]) -> bool:
        """Repeat a step while Redis is away. Past the lease another worker may own it: then it is theirs."""
        deadline = time.monotonic() + self._store.lease * 4
        while True:
            try:
                return await step()
            except StoreUnavailable:
                if time.monotonic() > deadline:
                    return False
                await asyncio.sleep(REDIS_PAUSE)

    def _report(self, delivery: Delivery, outcome: str, started: float, detail: str, **more: Any) -> None:
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
            seconds=round(time.monotonic() - started, 3),
            detail=detail,
            **more,
        )


def _holds(delivery: Delivery, channel: Channel, error: DeliveryError, seconds: float) -> list[Pause]:
    """What must wait along with this delivery."""
    if error.pause == "limit":
        new, edit = channel.limits(delivery.address)
        limits = edit if delivery.edits else new
        return [Pause(f"limit:{limit.name}", seconds, str(error)) for limit in limits]
    if not error.pause and error.retry_after:  # newer news of this operation must not come earlier either
        return [Pause("lane", seconds, str(error))]
    names = {"destination": f"{delivery.destination}/{delivery.address}", "channel": delivery.channel}
    if error.pause in names:
        return [Pause(f"{error.pause}:{names[error.pause]}", seconds, str(error), probe=True)]
    return []
