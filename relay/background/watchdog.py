"""The watchdog's tick: asks the store which runs may be due, and ingests each alarm as an event."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from relay import metrics
from relay.background.missing import MissingRuns, Tell
from relay.config import Config
from relay.domain.jobs import Job
from relay.domain.outcomes import of_runs, slow_after
from relay.errors import StoreUnavailable, Unsealable
from relay.policy.watchdog import Watchdog, decide, event_of, next_look
from relay.store import Store
from relay.store.jobs import Jobs
from relay.store.runs import DueRun, Runs

log = structlog.get_logger(__name__)

PAGE, PAGES = 100, 50  # runs checked in one step, and steps in one tick
LIMIT_HOLDS = 600.0  # seconds: what is usual for a job changes with every end, but hardly
MOST_LIMITS = 10_000  # jobs


class WatchdogTick:
    """`tick` is called by a scheduler; any number of processes may do so at once."""

    def __init__(self, store: Store, ingest: Tell, config: Callable[[], Config], channels: Mapping[str, Any]) -> None:
        self._runs = Runs(store)
        self._jobs = Jobs(store)
        self._limits = JobLimits(self._jobs)
        self._missing = MissingRuns(self._jobs, self._runs, ingest, config, channels)
        self._ingest = ingest
        self._config = config

    async def tick(self, _now: float) -> None:
        """Check what may be due by Redis's own clock. Raises StoreUnavailable."""
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
        """Return when to check again; None where the check raised an alarm, or failed and is soon tried again."""
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
                await self._ingest(event_of(alert, due.run, history, now), None)
                return None  # accepted or outdated: either way the store sets the next check
            return due, next_look(run, settings, now, grace_until)
        except StoreUnavailable as error:
            if isinstance(error, Unsealable):
                log.error("watchdog.unreadable", operation=due.operation, error=str(error))
            return None  # of others the tick's next step hears, too, and reports it
        except Exception as error:  # noqa: BLE001 - one run's documents must not cost the others their watch
            log.error("watchdog.failed", subject=due.run.subject, error=f"{type(error).__name__}: {error}")
            return None


class JobLimits:
    """Duration from which on a run of a job is slow, by its history; asked once in a while for each job."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._limits: dict[tuple[Job, float], tuple[float, float | None]] = {}  # when it was worked out, and what

    async def slow_after(self, job: Job, percent: float, now: float) -> float | None:
        """Return seconds; None where too little is known of the job, or the store is away."""
        at, limit = self._limits.pop((job, percent), (float("-inf"), None))
        if not 0 <= now - at < LIMIT_HOLDS:
            try:
                at, limit = now, slow_after(of_runs(await self._jobs.ends(job)), percent)
            except StoreUnavailable:
                return None
        self._limits[job, percent] = at, limit
        if len(self._limits) > MOST_LIMITS:
            del self._limits[next(iter(self._limits))]
        return limit
