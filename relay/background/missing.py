"""Runs that have not begun: which jobs are due, asked of the history; what is found goes in as an event.

When a job is due is kept in this process alone, for it follows from the history: after a restart all of it is read
again. Every process finds the same, and the store takes it from one of them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import time
from math import inf

import structlog

from relay.config import Config
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.jobs import Job, fold
from relay.domain.outcomes import Outcome, before
from relay.policy.missing import STALE, Expectation, Missing, alarm, begun, recovery
from relay.policy.rhythms import expected
from relay.policy.watchdog import Watchdog
from relay.store.ends import MOST
from relay.store.jobs import Jobs
from relay.store.runs import Runs

log = structlog.get_logger(__name__)

PAGE = 200  # jobs whose history is read in one tick, of each partition
ALARMS = 200  # of one tick
AHEAD = 86_400.0  # seconds by which senders' clocks may be fast
OVERLAP = 300.0  # seconds, longer than from one tick to the next
FORGOTTEN = 28 * 86_400.0  # seconds after which the store forgets what an alarm was about


class MissingRuns:
    """Looked for in the watchdog's tick."""

    def __init__(
        self, jobs: Jobs, runs: Runs, ingest: Callable[[Event], Awaitable[Accepted]], config: Callable[[], Config]
    ) -> None:
        self._jobs = jobs
        self._runs = runs
        self._ingest = ingest
        self._config = config
        self._read: dict[int, int] = {}  # by partition, up to which ms of ends the history was read
        self._due: dict[Job, float] = {}  # by when the next run should have begun; inf where nobody waits for one
        self._settled: dict[tuple[str, time], float] = {}  # expectations and the last time that is done with
        self._under_way: dict[Job, list[float]] | None = None  # of this tick: when the runs that go on began

    async def look(self, settings: Watchdog, now: float, grace_until: float) -> None:
        """Raises StoreUnavailable."""
        if settings.missing is None:
            return
        self._under_way = None
        for operation, text in (await self._jobs.missing()).items():
            await self._look_at_open(operation, text, now)
        whole = await self._read_history(now)
        if now < grace_until:
            return
        for missing in [missing async for missing in self._late(settings, now)][:ALARMS]:
            await self._ingest(alarm(missing, now))
            self._due[missing.job] = inf  # until it ends again
        if whole:
            back = grace_until - settings.startup_grace
            for expectation in settings.expect:
                await self._look_at_expected(expectation, settings.missing, now, back)

    async def _look_at_open(self, operation: str, text: bytes, now: float) -> None:
        try:
            missing = Missing.load(text)
        except (ValueError, KeyError, TypeError) as error:
            log.error("missing.unreadable", operation=operation, error=type(error).__name__)
            return await self._jobs.forget_missing(operation)
        if now - missing.since >= FORGOTTEN:
            return await self._jobs.forget_missing(operation)
        means = Expectation(job=missing.expectation, by=time()).means if missing.expectation else missing.job.__eq__
        starts, _ = await self._starts(await self._jobs_that(means, missing.job), now)
        if (began := begun(missing, starts)) is not None:
            await self._ingest(recovery(missing, began, now))
        return None

    async def _read_history(self, now: float) -> bool:
        """Of the jobs that ended since the last time; whether that was all."""
        for partition, moment in self._read.items():
            if moment > 1000 * now:  # the clock was set back: what ends now stands before what ended then
                self._read[partition] = round(1000 * (now - OVERLAP))
        if len(self._due) > 2 * MOST:  # most of them are forgotten by the store
            self._due, self._read = {}, {}
        jobs, whole = await self._jobs.ended_since(self._read, PAGE)
        for job in jobs:
            starts = _starts_of(await self._jobs.ends(job), now)
            self._due.pop(job, None)  # the one that ended last stands last
            self._due[job] = expected(starts, self._config().timezone) or inf
        return whole

    async def _late(self, settings: Watchdog, now: float) -> AsyncIterator[Missing]:
        """By their own rhythm; what the configuration expects goes by that alone."""
        latest = now - (settings.missing or 0.0)
        for job in [job for job, due in self._due.items() if due <= latest]:
            if any(expectation.means(job) for expectation in settings.expect):
                self._due[job] = inf
                continue
            starts, priority = await self._starts([job], now)
            due = self._due[job] = expected(starts, self._config().timezone) or inf
            if due + STALE < now:
                self._due[job] = inf
            elif due <= latest:
                yield Missing(job, due, starts[-1], priority=priority)

    async def _look_at_expected(self, expectation: Expectation, grace: float, now: float, back: float) -> None:
        """`back` is when relay was there again: of a job that is unknown nobody can say what was before."""
        since, after = expectation.window(now, self._config().timezone)
        name = expectation.job, expectation.by
        if since + grace > now or self._settled.get(name) == since:
            return
        jobs = await self._jobs_that(expectation.means)
        starts, priority = await self._starts(jobs, now)
        job = jobs[0] if jobs else Job("", "", "", "", fold(expectation.job))
        missing = Missing(job, since, after, priority=priority, expectation=expectation.job)
        if begun(missing, starts) is None and (jobs or since >= back):
            await self._ingest(alarm(missing, now))
        self._settled[name] = since

    async def _jobs_that(self, means: Callable[[Job], bool], named: Job | None = None) -> list[Job]:
        """Those that are meant, the one that ended last before the others."""
        jobs = [*reversed(self._due), *await self._begun(), *filter(None, [named])]
        return [*dict.fromkeys(job for job in jobs if means(job))]

    async def _starts(self, jobs: Iterable[Job], now: float) -> tuple[list[float], str]:
        """When runs of these began, also those that go on, in the order of time; and the priority of the last end."""
        starts: list[float] = []
        priority = ""
        for job in jobs:
            ends = await self._jobs.ends(job)
            starts += [*_starts_of(ends, now), *_real((await self._begun()).get(job, ()), now)]
            priority = priority or (ends[-1].priority if ends else "")
        return sorted(starts), priority

    async def _begun(self) -> dict[Job, list[float]]:
        if self._under_way is None:
            self._under_way = await self._runs.begun(named=bool(self._config().job))
        return self._under_way


def _starts_of(ends: Iterable[Outcome], now: float) -> list[float]:
    """In the order of time; of a run whose start is unknown, its end."""
    runs = before([*ends], "", inf)
    return sorted(_real((end.ended if end.started is None else end.started for end in runs), now))


def _real(moments: Iterable[float], now: float) -> list[float]:
    """Without what platforms write for no time at all, as the first day of year 1 or the last of year 9999."""
    return [moment for moment in moments if 0.0 < moment <= now + AHEAD]
