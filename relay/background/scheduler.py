"""What time alone brings about: one loop that ticks, in every process that delivers.

The store decides what is due, atomically, so any number of processes may tick. A tick that fails is tried again at
the next; nothing is remembered here.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from relay import metrics
from relay.config import Config
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.errors import StoreUnavailable
from relay.outage import Outage
from relay.policy.watchdog import Watchdog, decide, event_of, next_look
from relay.store import Store
from relay.store.runs import DueRun, Runs

log = structlog.get_logger(__name__)

PERIOD = 30.0  # seconds between two ticks
LONGEST = 120.0  # seconds one tick may take; what it has not done, the next does
PAGE, PAGES = 100, 50  # runs that are looked at in one step, and steps in one tick

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
    ) -> None:
        self._ticks = ticks
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
            outcome = "done"
            try:
                async with asyncio.timeout(LONGEST):
                    await tick(self._clock())
            except StoreUnavailable as error:
                outcome = "failed"
                self._outage.failed(str(error))
            except Exception as error:  # noqa: BLE001 - this loop is what time goes by: it outlives everything
                outcome = "failed"
                log.warning("tick.failed", tick=name, error=f"{type(error).__name__}: {error}")
            metrics.ticks.labels(name, outcome).inc()


class WatchdogTick:
    """The watchdog's tick: asks the store which runs may be due, and takes what is to be told as events."""

    def __init__(
        self, store: Store, take: Callable[[Event], Awaitable[Accepted]], config: Callable[[], Config]
    ) -> None:
        self._watch = Runs(store)
        self._take = take
        self._config = config

    async def tick(self, _now: float) -> None:
        """Look at what may be due by Redis's own clock. Raises StoreUnavailable."""
        settings = self._config().watchdog
        pulse = await self._watch.tick(settings.startup_grace if settings else 0.0)
        metrics.stalled_runs.set(pulse.stalled)
        if settings is None:
            return
        for _ in range(PAGES):
            page = await self._watch.due(PAGE)
            looks = [self._look(look, settings, page.now, pulse.grace_until) for look in page.runs]
            await self._watch.check_again_at([one for one in await asyncio.gather(*looks) if one])
            if not page.more:
                return

    async def _look(
        self, look: DueRun, settings: Watchdog, now: float, grace_until: float
    ) -> tuple[DueRun, float] | None:
        """When to look again; None where the look failed, which is soon tried again."""
        try:
            news = decide(look.run, settings, now, grace=now < grace_until)
            if news:
                await self._take(event_of(news, look.run, await self._watch.history(look.operation), now))
                return None  # told or moot: the next look is at what is kept then
            return look, next_look(look.run, settings, now, grace_until)
        except StoreUnavailable:
            return None  # the tick's next step meets it too, and tells of it
        except Exception as error:  # noqa: BLE001 - what one run's documents hold must not cost the others their watch
            log.error("watchdog.failed", subject=look.run.subject, error=f"{type(error).__name__}: {error}")
            return None
