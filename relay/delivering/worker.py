"""Loops that deliver what is due: one per channel, so a dead Slack never delays a mail."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from relay import metrics
from relay.config import Config
from relay.delivering.attempts import Attempts, DeliveryChannel
from relay.delivering.composer import Composer
from relay.delivering.safeguards import REDIS_PAUSE, Reporting, Settlement
from relay.domain.deliveries import Delivery, Window
from relay.errors import StoreUnavailable
from relay.log_lines import RateLimitedLog
from relay.outage import Outage
from relay.policy.destinations import quiet_now
from relay.policy.silences import Silences
from relay.store.queue import Queue
from relay.tracing import Spans

log = structlog.get_logger(__name__)

IDLE = 1.0  # seconds between two looks at an empty queue; events accepted here wake the loop at once
BROKEN_PERIOD = 60.0  # seconds between two lines about a claim that fails again and again


@dataclass(eq=False)
class Worker:
    """Worker that delivers what is due. `config` is asked anew each time, so a reload needs no restart."""

    store: Queue
    channels: Mapping[str, DeliveryChannel]
    composer: Composer
    config: Callable[[], Config]
    clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    outage: Outage = field(default_factory=Outage)
    silences: Silences = field(default_factory=Silences)
    tracing: Spans | None = None

    def __post_init__(self) -> None:
        self._lines = RateLimitedLog(self.clock, BROKEN_PERIOD)
        settlement = Settlement(self.outage)
        reporting = Reporting(self.clock, self._lines, self.tracing)
        self._attempts = Attempts(
            self.store, self.channels, self.composer, settlement, reporting, config=self.config, clock=self.clock,
            jitter=self.jitter, silences=self.silences,
        )  # fmt: skip
        self.deliver = self._attempts.deliver
        self._wakes = {name: asyncio.Event() for name in self.channels}
        self._sending: dict[str, dict[asyncio.Task[None], Delivery]] = {name: {} for name in self.channels}
        self._loops: list[asyncio.Task[None]] = []
        metrics.begin_at_nought(metrics.template_failures, [(name,) for name in self.channels])

    def wake(self, channels: Iterable[str] | None = None) -> None:
        """Look for due deliveries in these channels, or in all."""
        for channel in self._wakes if channels is None else channels:
            if wakes := self._wakes.get(channel):
                wakes.set()

    async def run(self) -> None:
        """Deliver until `stop`. Never raises for a delivery's sake, nor while Redis is away."""
        async with asyncio.TaskGroup() as group:
            self._loops = [group.create_task(self._serve(channel)) for channel in self.channels]

    async def stop(self, grace: float) -> None:
        """Claim no more, let what is being sent finish within `grace` seconds, then let go of the rest."""
        loop = asyncio.get_running_loop()
        until = loop.time() + grace
        self._attempts.stopping = True
        self.wake()
        if self._loops:  # first, so that a claim on its way is seen through or given back
            await asyncio.wait(self._loops, timeout=grace)
        tasks = [task for sending in self._sending.values() for task in sending]
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=max(0.0, until - loop.time()))
            for task in unfinished:  # its outcome is unknown: the next owner finds it marked and without a receipt
                task.cancel()
            if unfinished:
                await asyncio.wait(unfinished, timeout=1.0)

    async def run_once(self, channel: str) -> int:
        """Claim what is due now on one channel and deliver it; return how many deliveries that were (tests)."""
        claimed = await self.store.claim(channel, self.channels[channel].max_concurrency, self._quiet())
        await asyncio.gather(*(self.deliver(delivery) for delivery in claimed.deliveries))
        return len(claimed.deliveries)

    async def _serve(self, channel: str) -> None:
        wake, sending = self._wakes[channel], self._sending[channel]
        while not self._attempts.stopping:
            wake.clear()
            pause = IDLE
            free = self.channels[channel].max_concurrency - len(sending)
            if free > 0:
                try:
                    claimed = await self.store.claim(channel, free, self._quiet())
                except StoreUnavailable as error:
                    self.outage.failed(str(error))
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
        config = self.config()
        return quiet_now(config.destinations, config.destination_defaults, self.clock())

    def _start(self, channel: str, delivery: Delivery) -> None:
        task = asyncio.create_task(self.deliver(delivery))
        self._sending[channel][task] = delivery

        def finished(done: asyncio.Task[None]) -> None:
            del self._sending[channel][done]
            self._wakes[channel].set()  # a slot is free, and the lane's next delivery may be due

        task.add_done_callback(finished)
