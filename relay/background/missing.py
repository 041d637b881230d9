"""Runs that have not begun: at the times that `watchdog.expect` names, the history of jobs is asked for their starts.

Nothing but the alarms is kept: after a restart the names of jobs are read again, and every process finds the same.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from math import inf
from typing import Any

import structlog

from relay.config import Config
from relay.domain.deliveries import Accepted, Target
from relay.domain.events import Event
from relay.domain.jobs import Job, fold
from relay.domain.outcomes import of_runs
from relay.policy.missing import Expectation, Missing, alarm, matches, recovery, start_of
from relay.policy.targets import Targets
from relay.policy.watchdog import Watchdog
from relay.store.ends import MOST
from relay.store.jobs import Jobs
from relay.store.runs import Runs

log = structlog.get_logger(__name__)

PAGE = 1000  # names of jobs that are read in one step
AHEAD = 86_400.0  # seconds by which senders' clocks may be fast
OVERLAP = 300.0  # seconds, longer than from one tick to the next
STALE = 7 * 86_400.0  # seconds after which a missing run is no news
AGAIN = 20 * 3600.0  # seconds after a missing run in which no other of the same expectation is told while none begins
FORGOTTEN = 28 * 86_400.0  # seconds after which the store forgets the alarm's operation


# Makes an event durable with these targets; None for those that the rules name.
Tell = Callable[[Event, Sequence[Target] | None], Awaitable[Accepted]]


class MissingRuns:
    """A part of the watchdog's tick."""

    def __init__(
        self, jobs: Jobs, runs: Runs, ingest: Tell, config: Callable[[], Config], channels: Mapping[str, Any]
    ) -> None:
        self._jobs = jobs
        self._runs = runs
        self._ingest = ingest
        self._config = config
        self._channels = channels
        self._patterns: set[str] = set()
        self._known: dict[Job, None] = {}  # jobs that a pattern means, the one that ended last at the end
        self._read: dict[int, int] = {}  # by partition, up to which ms of ends the names were read
        self._settled: dict[Expectation, float] = {}  # the last time that was judged
        self._under_way: dict[Job, list[float]] | None = None  # of this tick: when the runs that go on began

    async def look(self, settings: Watchdog, now: float, grace_until: float) -> None:
        """Raise and withdraw alarms. Raises StoreUnavailable; the next tick goes on."""
        if settings.missing is None:
            return
        self._under_way = None
        alarms = await self._alarms(now)
        await self._learn(
            {missing.expectation for missing in alarms} | {expected.job for expected in settings.expect}, now
        )
        latest: dict[str, float] = {}
        for missing in alarms:
            starts, _ = await self._starts([*await self._jobs_of(missing.expectation), missing.job], now)
            if (start := start_of(missing, starts)) is None:
                latest[missing.expectation] = max(latest.get(missing.expectation, 0.0), missing.since)
            else:
                await self._tell(recovery(missing, start, now), missing.expectation)
        for expectation in settings.expect if now >= grace_until else ():
            due = now - (settings.missing if expectation.grace is None else expectation.grace)
            since, after = expectation.latest(due, self._config().timezone)
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
        missing = Missing(job, since, after, priority=priority, expectation=expectation.job)
        if start_of(missing, starts) is None and (jobs or since >= back):
            await self._tell(alarm(missing, now), expectation.job)

    async def _tell(self, event: Event, pattern: str) -> None:
        config = self._config()
        expected = config.watchdog.expect if config.watchdog else ()
        names = next((expectation.notify for expectation in expected if expectation.job == pattern), ())
        await self._ingest(event, Targets(config, self._channels).to(names, event) if names else None)

    async def _alarms(self, now: float) -> list[Missing]:
        """Return the open ones."""
        alarms = []
        for operation, text in (await self._jobs.missing()).items():
            try:
                missing = Missing.load(text)
            except (ValueError, KeyError, TypeError) as error:
                log.error("missing.unreadable", operation=operation, error=type(error).__name__)
                await self._jobs.forget_missing(operation)
                continue
            if now - missing.since < FORGOTTEN:
                alarms.append(missing)
            else:
                await self._jobs.forget_missing(operation)
        return alarms

    async def _learn(self, patterns: set[str], now: float) -> None:
        """Read the names of jobs that ended since the last tick; all of them where a pattern is new."""
        for partition, moment in self._read.items():
            if moment > 1000 * now:  # the clock was set back: what ends now stands before what ended then
                self._read[partition] = round(1000 * (now - OVERLAP))
        if not patterns <= self._patterns or len(self._known) > 2 * MOST:  # of which the store has forgotten most
            self._known, self._read = {}, {}
        self._patterns = patterns
        whole = not patterns
        while not whole:
            jobs, whole = await self._jobs.ended_since(self._read, PAGE)
            for job in jobs:
                if any(matches(pattern, job) for pattern in patterns):
                    self._known.pop(job, None)
                    self._known[job] = None

    async def _jobs_of(self, pattern: str) -> list[Job]:
        """Return the jobs it means, the one that ended last before the others."""
        jobs = dict.fromkeys([*reversed(self._known), *await self._begun()])
        return [job for job in jobs if matches(pattern, job)]

    async def _starts(self, jobs: Iterable[Job], now: float) -> tuple[list[float], str]:
        """Return when runs of these began, also those that go on, and the priority that the last end states."""
        jobs, begun = [*dict.fromkeys(jobs)], await self._begun()
        starts = [start for job in jobs for start in begun.get(job, ())]
        priority = ""
        for ends in await self._jobs.ends_of_each(jobs):
            starts += [end.ended if end.started is None else end.started for end in of_runs(ends)]
            priority = priority or (ends[-1].priority if ends else "")
        # Platforms write the first day of year 1 or the last of year 9999 for no time at all.
        return [start for start in starts if 0.0 < start <= now + AHEAD], priority

    async def _begun(self) -> dict[Job, list[float]]:
        if self._under_way is None:
            self._under_way = await self._runs.begun(named=bool(self._config().job))
        return self._under_way
