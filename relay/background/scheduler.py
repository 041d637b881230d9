"""What is due by time alone: one loop that ticks, in every process that delivers.

The store decides what is due, atomically, so any number of processes may tick. A tick that fails or is cut off by a
crash is made up for by the next one, of any process: nothing is remembered here.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from relay import metrics
from relay.domain.faults import relay_line
from relay.errors import StoreUnavailable
from relay.outage import Outage

log = structlog.get_logger(__name__)

PERIOD = 30.0  # seconds between two ticks
LONGEST = 120.0  # seconds one tick may take; what it has not done, the next does

Tick = Callable[[float], Awaitable[None]]


class Scheduler:
    """Runs its ticks one after the other, every `period` seconds; they get the time of `clock`."""

    def __init__(
        self,
        ticks: Mapping[str, Tick],
        *,
        clock: Callable[[], float] = time.time,
        period: float = PERIOD,
        outage: Outage | None = None,
        report: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> None:
        """`report` takes what went wrong with a tick, '' if nothing did, for all processes to see."""
        self._ticks = ticks
        self._report = report
        self._outage = outage or Outage(clock)
        self._clock = clock
        self._period = period

    async def run(self) -> None:
        """Tick until cancelled. The first tick comes at once: it says that relay is there again."""
        while True:
            await self.tick()
            await asyncio.sleep(self._period)

    async def tick(self) -> None:
        """Everything once. One that fails or hangs costs the others nothing but time."""
        for name, tick in self._ticks.items():
            outcome, fault = "done", ""
            try:
                async with asyncio.timeout(LONGEST):
                    await tick(self._clock())
            except StoreUnavailable as error:
                outcome, fault = "failed", str(error)
                self._outage.failed(fault)
            except Exception as error:  # noqa: BLE001 - without this loop nothing becomes due: it outlives everything
                outcome, fault = "failed", f"{type(error).__name__} at {relay_line(error)}"
                log.warning("tick.failed", tick=name, error=f"{type(error).__name__}: {error}")
            metrics.ticks.labels(name, outcome).inc()
            if self._report:
                with contextlib.suppress(StoreUnavailable):  # Redis itself is what /readyz speaks of then
                    await self._report(name, fault)
