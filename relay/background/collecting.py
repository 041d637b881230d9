"""Requests that were refused, written down every second for people to look at: nothing waits for it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from relay.domain.faults import relay_line
from relay.errors import StoreUnavailable
from relay.receiving.refusals import Refusals
from relay.store import Store
from relay.store import refusals as kept

PERIOD = 1.0  # seconds
GRACE = 1.0  # seconds for the last time

log = structlog.get_logger(__name__)


class Collecting:
    """`refusals` collects in this process; `clock` is in seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time, period: float = PERIOD) -> None:
        self.refusals = Refusals(clock)
        self._period = period
        self._kept = kept.Refusals(store.redis)

    async def run(self) -> None:
        """Until cancelled. It outlives a Redis that is away, and whatever else goes wrong in it."""
        while True:
            await asyncio.sleep(self._period)
            await self.write()

    async def write(self) -> None:
        """Write what was counted since the last time."""
        try:
            await self._kept.write(self.refusals)
        except StoreUnavailable:
            return  # others say so; it is counted on
        except Exception as error:  # noqa: BLE001 - figures for people must end nothing
            log.warning("figures.failed", error=f"{type(error).__name__} at {relay_line(error)}")

    async def aclose(self) -> None:
        """Write the last of it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self.write()
