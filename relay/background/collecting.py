"""What a process counts for people to look at, written down every second: nothing waits for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import structlog

from relay.domain.faults import relay_line
from relay.domain.repeats import Repeats
from relay.errors import StoreUnavailable
from relay.policy.noise import Noise
from relay.receiving.refusals import Refusals
from relay.store import Store
from relay.store import refusals as kept
from relay.store.noise import NoiseFigures
from relay.store.repeats import RepeatFigures

PERIOD = 1.0  # seconds
GRACE = 1.0  # seconds for the last time

log = structlog.get_logger(__name__)


class Collecting:
    """`noise`, `repeats` and `refusals` collect in this process; `clock` is in seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time, period: float = PERIOD) -> None:
        self.noise = Noise()
        self.repeats = Repeats()
        self.refusals = Refusals(clock)
        self._clock = clock
        self._period = period
        figures, repeats, refused = NoiseFigures(store), RepeatFigures(store), kept.Refusals(store.redis)
        self._writings: Sequence[Callable[[], Awaitable[None]]] = (
            lambda: figures.write(self.noise, self._clock()),
            lambda: repeats.write(self.repeats, self._clock()),
            lambda: refused.write(self.refusals),
        )

    async def run(self) -> None:
        """Until cancelled. It outlives a Redis that is away, and whatever else goes wrong in it."""
        while True:
            await asyncio.sleep(self._period)
            await self.write()

    async def write(self) -> None:
        """All that was counted since the last time. One that fails costs the others nothing."""
        for writing in self._writings:
            try:
                await writing()
            except StoreUnavailable:
                continue  # others say so; it is counted on, or lost
            except Exception as error:  # noqa: BLE001 - figures for people must end nothing
                log.warning("figures.failed", error=f"{type(error).__name__} at {relay_line(error)}")

    async def aclose(self) -> None:
        """Write the last of it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self.write()
