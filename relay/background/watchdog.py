"""The watchdog's tick: alarms of runs that are due, and of runs that have not begun when `watchdog.expect` says."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import structlog

from relay import metrics
from relay.config import Config
from relay.domain.deliveries import Accepted, Target
from relay.domain.events import Event
from relay.domain.jobs import Job, Start, fold
from relay.domain.outcomes import late_after, of_runs
from relay.engine.draft import Settings
from relay.errors import StoreUnavailable
from relay.policy.missing import Missing, alarm, matches, recovery, start_of
from relay.policy.targets import Targets
from relay.policy.watchdog import decide, event_of, next_look
from relay.policy.watchdog_settings import Expectation, Watchdog
from relay.store import Store
from relay.store.queries.jobs import Jobs
from relay.store.queries.runs import DueRun, Runs

log = structlog.get_logger(__name__)

JOBS_PAGE = 1000  # names of jobs that are read in one step
AHEAD = 86_400.0  # seconds by which senders' clocks may be fast
STALE = 7 * 86_400.0  # seconds after which a missing run is no news
AGAIN = 20 * 3600.0  # seconds after a missing run without another alarm of the same expectation while none begins
FORGOTTEN = 28 * 86_400.0  # seconds after which the store forgets the alarm's operation


# Makes an event durable with these targets; None for those that the rules name.
Tell = Callable[[Event, Sequence[Target] | None], Awaitable[Accepted]]
PAGE, PAGES = 100, 50  # runs checked in one step, and steps in one tick
LIMIT_HOLDS = 600.0  # seconds: what is usual for a job changes with every end, but hardly
MOST_LIMITS = 10_000  # jobs


@dataclass(eq=False)
class MissingRuns:
    """A part of the watchdog's tick."""

    jobs: Jobs
    runs: Runs
    ingest: Tell
    config: Callable[[], Config]
    channels: Mapping[str, Any]
    page: int = JOBS_PAGE
    _patterns: set[str] = field(default_factory=set)
    _job_names: dict[Job, None] = field(default_factory=dict)  # that a pattern matches, the newest last
    _read: int = 0  # up to which ms of ends the names were read
    _settled: dict[Expectation, float] = field(default_factory=dict)  # the last time that was judged
    _under_way: dict[Job, list[Start]] | None = None  # of this tick: the starts of the runs that go on

    async def look(self, settings: Watchdog, now: float, grace_until: float) -> None:
        """Raise and withdraw alarms. Raises StoreUnavailable; the next tick goes on."""
        if settings.missing is None:
            return
        self._under_way = None
        alarms = await self._alarms(now)
        await self._learn({missing.expectation for missing in alarms} | {expected.job for expected in settings.expect})
        latest: dict[str, float] = {}
        for missing in alarms:
            starts, _ = await self._starts([*await self._jobs_of(missing.expectation), missing.job], now)
            if (start := start_of(missing, starts)) is None:
                latest[missing.expectation] = max(latest.get(missing.expectation, 0.0), missing.since)
            else:
                await self._tell(recovery(missing, start, now), missing.expectation)
        for expectation in settings.expect if now >= grace_until else ():
            due = now - (settings.missing if expectation.grace is None else expectation.grace)
            since, after = expectation.latest(due, self.config().timezone)
            if self._settled.get(expectation) == since:
                continue
            if now - since < STALE and since - latest.get(expectation.job, -inf) >= AGAIN:
                await self._judge(expectation, since, after, now, grace_until - settings.startup_grace)
            self._settled[expectation] = since

    async def _judge(self, expectation: Expectation, since: float, after: float, now: float, back: float) -> None:
        """Raise the alarm if no run began. Of a job that is unknown, nothing is known from before relay was `back`."""
        jobs = await self._jobs_of(expectation.job)
        starts, priority = await self._starts(jobs, now)
        job = jobs[0] if jobs else Job("", "", "", "", fold(expectation.job))
        name = await self.jobs.written(job) if jobs else expectation.job
        missing = Missing(job, since, after, priority=priority, expectation=expectation.job, name=name)
        if start_of(missing, starts) is None and (jobs or since >= back):
            await self._tell(alarm(missing, now), expectation.job)

    async def _tell(self, event: Event, pattern: str) -> None:
        config = self.config()
        expected = config.watchdog.expect if config.watchdog else ()
        names = next((expectation.notify for expectation in expected if expectation.job == pattern), ())
        await self.ingest(event, Targets(config, self.channels).to(names, event) if names else None)

    async def _alarms(self, now: float) -> list[Missing]:
        alarms = []
        for operation, text in (await self.jobs.missing()).items():
            try:
                missing = Missing.load(text)
            except ValueError as error:
                log.error("missing.unreadable", operation=operation, error=type(error).__name__)
                await self.jobs.forget_missing(operation)
                continue
            if now - missing.since < FORGOTTEN:
                alarms.append(missing)
            else:
                await self.jobs.forget_missing(operation)
        return alarms

    async def _learn(self, patterns: set[str]) -> None:
        """Read the names of jobs that ended since the last tick; all of them where a pattern is new."""
        forgotten = len(self._job_names) > 2 * Settings.max_jobs  # most of them, by the store
        if forgotten or not patterns <= self._patterns:
            self._job_names, self._read = {}, 0
        self._patterns = patterns
        whole = not patterns
        while not whole:
            jobs, self._read, whole = await self.jobs.ended_since(self._read, self.page)
            for job in jobs:
                if any(matches(pattern, job) for pattern in patterns):
                    self._job_names.pop(job, None)
                    self._job_names[job] = None

    async def _jobs_of(self, pattern: str) -> list[Job]:
        """Return the jobs it means, the one that ended last before the others."""
        jobs = dict.fromkeys([*reversed(self._job_names), *await self._running_starts()])
        return [job for job in jobs if matches(pattern, job)]

    async def _starts(self, jobs: Iterable[Job], now: float) -> tuple[list[Start], str]:
        """Return the starts of runs of these, also those that go on, and the priority that the last end states."""
        jobs, starts_by_job = [*dict.fromkeys(jobs)], await self._running_starts()
        starts = [start for job in jobs for start in starts_by_job.get(job, ())]
        priority = ""
        for ends in await self.jobs.ends_of_each(jobs):
            starts += [Start(end.ended if end.started is None else end.started) for end in of_runs(ends)]
            priority = priority or (ends[-1].priority if ends else "")
        # Platforms write the first day of year 1 or the last of year 9999 for no time at all.
        return [start for start in starts if 0.0 < start.began <= now + AHEAD], priority

    async def _running_starts(self) -> dict[Job, list[Start]]:
        if self._under_way is None:
            self._under_way = await self.runs.begun(named=bool(self.config().job))
        return self._under_way


@dataclass(eq=False)
class WatchdogTick:
    """`tick` is called by the scheduler of the process that owns the partition."""

    store: Store
    ingest: Tell
    config: Callable[[], Config]
    channels: Mapping[str, Any]
    jobs_page: int = JOBS_PAGE

    def __post_init__(self) -> None:
        self._runs, self._jobs = Runs(self.store), Jobs(self.store)
        self._limits: dict[Job, tuple[float, float | None]] = {}  # when it was worked out, and what
        self._missing = MissingRuns(self._jobs, self._runs, self.ingest, self.config, self.channels, self.jobs_page)

    async def tick(self, _now: float) -> None:
        """Check what may be due by Redis's own clock. Raises StoreUnavailable."""
        for _ in range(PAGES):
            if await self._runs.trim(PAGE, self.config().retention) < PAGE:
                break
        settings = self.config().watchdog
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
            else:
                named = await self._jobs.named([due.operation]) if self.config().job else {due.operation: run.job}
                job = named.get(due.operation)
                run = replace(run, late_after=await self._late_after(job, now) if job else None)
            alert = decide(run, settings, now, grace=now < grace_until)
            if alert:
                history = history or await self._runs.history(due.operation)
                await self.ingest(event_of(alert, due.run, history, now), None)
                return None  # accepted or outdated: either way the store sets the next check
            return due, next_look(run, settings, now, grace_until)
        except StoreUnavailable:
            return None  # the tick's next step hears of it, too, and reports it
        except Exception as error:  # noqa: BLE001 - one run's documents must not cost the others their watch
            log.error("watchdog.failed", subject=due.run.subject, error=f"{type(error).__name__}: {error}")
            return None

    async def _late_after(self, job: Job, now: float) -> float | None:
        """Return after how many seconds a run of this job is late; worked out once in a while. StoreUnavailable."""
        at, limit = self._limits.pop(job, (-inf, None))
        if not 0 <= now - at < LIMIT_HOLDS:
            at, limit = now, late_after(of_runs(await self._jobs.ends(job)))
        self._limits[job] = at, limit
        if len(self._limits) > MOST_LIMITS:
            del self._limits[next(iter(self._limits))]
        return limit
