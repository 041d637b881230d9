"""Every process goes by the silences that people made: read once a second, or at once where one was made."""

import asyncio
import time
from collections.abc import Callable

import structlog

from relay import metrics
from relay.errors import StoreUnavailable
from relay.outage import Outage
from relay.policy.silences import Silences
from relay.store.silences import SilenceList

log = structlog.get_logger(__name__)

PERIOD = 1.0  # seconds
IN_FORCE = 1.5 * PERIOD  # seconds after which every process goes by what another one began


class SilenceWatch:
    """Keeps `silences` as the store has them. While that is away, those hold that were known last."""

    def __init__(
        self,
        silences: Silences,
        kept: SilenceList,
        *,
        clock: Callable[[], float] = time.time,
        outage: Outage | None = None,
        period: float = PERIOD,
    ) -> None:
        self.silences = silences
        self._list = kept
        self._clock = clock
        self._outage = outage or Outage(clock)
        self._period = period
        self._version = ""

    async def run(self) -> None:
        """Until it is cancelled. Never raises: without it nobody could end a silence."""
        while True:
            await self.look()
            await asyncio.sleep(self._period)

    async def look(self) -> None:
        """Once: take up what has changed, forget what is over, and tell what somebody's command left untold."""
        try:
            reading = await self._list.read(self._version)
            if reading.silences is not None:
                self.silences.replace(reading.silences)
                self._version = reading.version
            await self._list.lift(reading.lifting)
        except StoreUnavailable as error:
            self._outage.failed(str(error))
        except Exception as error:  # noqa: BLE001 - as `run` says
            log.error("silences.failed", error=type(error).__name__)
        now = self._clock()
        if any(now >= silence.ends for silence in self.silences.current):
            self.silences.replace([silence for silence in self.silences.current if now < silence.ends])
        metrics.silences.set(len(self.silences.active(now)))
