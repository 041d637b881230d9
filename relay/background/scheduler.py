"""What is due by time alone: one loop that ticks, in every process that delivers.

The store decides what is due, atomically, so any number of processes may tick. A tick that fails or is cut off by a
crash is made up for by the next one, of any process: nothing is remembered here.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import structlog

from relay import metrics
from relay.background.job_limits import JobLimits
from relay.background.missing import MissingRuns
from relay.config import Config
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.faults import relay_line
from relay.errors import StoreUnavailable, Unsealable
from relay.outage import Outage
from relay.policy.watchdog import Watchdog, decide, event_of, next_look
from relay.store import Store
from relay.store.jobs import Jobs
from relay.store.runs import DueRun, Runs

log = structlog.get_logger(__name__)

PERIOD = 30.0  # seconds between two ticks
LONGEST = 120.0  # seconds one tick may take; what it has not done, the next does
PAGE, PAGES = 100, 50  # runs checked in one step, and steps in one tick

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


class WatchdogTick:
    """The watchdog's tick: asks the store which runs may be due, and ingests each alarm as an event."""

    def __init__(
        self, store: Store, ingest: Callable[[Event], Awaitable[Accepted]], config: Callable[[], Config]
    ) -> None:
        self._runs = Runs(store)
        self._jobs = Jobs(store)
        self._limits = JobLimits(self._jobs)
        self._missing = MissingRuns(self._jobs, self._runs, ingest, config)
        self._ingest = ingest
        self._config = config

    async def tick(self, _now: float) -> None:
        """Look at what may be due by Redis's own clock. Raises StoreUnavailable."""
        for _ in range(PAGES):
            if await self._runs.trim(PAGE, self._config().retention) < PAGE:
                break
        settings = self._config().watchdog
        pulse = await self._runs.tick(settings.startup_grace if settings else 0.0)
        metrics.stalled_runs.set(pulse.stalled)
        if pulse.left:
            metrics.left_stalled.inc(pulse.left)
            log.warning("watchdog.left_stalled", runs=pulse.left,
                        meaning="silent for 30 days with an open alarm; relay was away, or its watchdog is off, and "
                        "nobody was told that it watches them no more")  # fmt: skip
        if settings is None:
            return
        await self._look_at_runs(settings, pulse.grace_until)
        await self._missing.look(settings, pulse.now, pulse.grace_until)

    async def _look_at_runs(self, settings: Watchdog, grace_until: float) -> None:
        for _ in range(PAGES):
            page = await self._runs.due(PAGE)
            checks = [self._check(due, settings, page.now, grace_until) for due in page.runs]
            await self._runs.check_again_at([next_check for next_check in await asyncio.gather(*checks) if next_check])
            if not page.more:
                return

    async def _check(
        self, due: DueRun, settings: Watchdog, now: float, grace_until: float
    ) -> tuple[DueRun, float] | None:
        """When to check again; None where the check raised an alarm, or failed and is soon tried again."""
        try:
            run, history = due.run, await self._runs.history(due.operation) if due.run.batch else ()
            if run.batch:
                run = replace(
                    run, last_event=max(run.last_event, await self._runs.members_heard(history, now)), phase=""
                )
            elif settings.slow_pct is not None:
                job = await self._jobs.named(due.operation) if self._config().job else run.job
                limit = await self._limits.slow_after(job, settings.slow_pct, now) if job else None
                run = replace(run, slow_after=limit)
            alert = decide(run, settings, now, grace=now < grace_until)
            if alert:
                history = history or await self._runs.history(due.operation)
                await self._ingest(event_of(alert, due.run, history, now))
                return None  # accepted or outdated: either way the store sets the next check
            return due, next_look(run, settings, now, grace_until)
        except StoreUnavailable as error:
            if isinstance(error, Unsealable):
                log.error("watchdog.unreadable", operation=due.operation, error=str(error))
            return None  # of others the tick's next step hears, too, and reports it
        except Exception as error:  # noqa: BLE001 - one run's documents must not cost the others their watch
            log.error("watchdog.failed", subject=due.run.subject, error=f"{type(error).__name__}: {error}")
            return None
