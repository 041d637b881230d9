"""Runs that go on, as the watchdog and people see them, and the clockwork of the background."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from relay.domain.events import Event
from relay.domain.facts import Space
from relay.domain.jobs import Job, Run
from relay.engine import runs
from relay.engine.clock import TICKS, ReportTick, Ticks
from relay.engine.housekeeping import ForgetDocuments
from relay.engine.jobs import read_job
from relay.engine.records import STALLED, WATCH, Operation
from relay.engine.runs import run_of
from relay.engine.watch import LookAgain, RunsDue, Tick
from relay.store.queries.questions import Questions
from relay.store.queries.reader import Span

RETENTION = 30 * 86_400.0
AWAY = 120.0  # seconds without a tick of any process after which relay was away
PAGE = 200  # runs that are read at once
PAUSE = 20.0  # seconds for which a run that was given out is not given again: less than between two ticks
MOST_RUNS = 50_000  # that are looked at for their jobs
FEW = 1000  # stalled runs, up to which all are looked at for the gravest


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Redis's time, until when nothing may be found wrong, and how many runs are stalled.

    `left`: those that were forgotten since the last tick with an open alarm, and without a last message.
    """

    now: float
    grace_until: float
    stalled: int
    left: int = 0


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that may be due."""

    operation: str  # the store's name for it
    ticket: int
    run: Run


@dataclass(frozen=True, slots=True)
class Page:
    now: float
    runs: Sequence[DueRun]
    more: bool


class Runs(Questions):
    async def tick(self, grace: float) -> Heartbeat:
        """The sign that relay is there; after an absence everyone waits for `grace` seconds."""
        answer = await self._store.submit(Tick(int(AWAY * 1000), int(grace * 1000)))
        now, until, stalled, left = answer
        return Heartbeat(now / 1000, until / 1000, stalled, left)

    async def last_tick(self) -> float | None:
        """Return the time of the last tick of any process; None before the first."""
        ticks = await self._record(Ticks, TICKS)
        return ticks.last / 1000 if ticks and ticks.last else None

    async def trim(self, limit: int, retention: float = RETENTION) -> int:
        """Drop the documents of up to `limit` runs that ended three days ago; how many were due.

        `retention`: seconds after its outcome for which the rest of a run is remembered.
        """
        return int(await self._store.submit(ForgetDocuments(limit, int(retention * 1000))))

    async def report_tick(self, name: str, fault: str) -> None:
        """Record the error of the newest tick of this name, of any process; '' for none."""
        await self._store.submit(ReportTick(name, fault))

    async def failed_ticks(self) -> dict[str, tuple[float, str]]:
        """The ticks that failed last: when, by Redis's clock, and why."""
        ticks = await self._record(Ticks, TICKS)
        parts = {name: text.partition(" ") for name, text in ticks.failed.items()} if ticks else {}
        return {name: (float(at), why) for name, (at, _, why) in parts.items()}

    async def due(self, limit: int) -> Page:
        """Runs that may be due, the longest waiting first."""
        looked, found = await self._store.submit(RunsDue(limit, int(PAUSE * 1000)))
        return Page(await self._reader.now() / 1000, [DueRun(*row) for row in found], looked >= limit)

    async def check_again_at(self, times: Sequence[tuple[DueRun, float]]) -> None:
        """Set the time of the next look at these; events may bring it forward."""
        if times:
            await self._store.submit(LookAgain([(run.operation, run.ticket, int(at * 1000)) for run, at in times]))

    async def begun(self, *, named: bool = False) -> dict[Job, list[float]]:
        """Return the beginnings of each job's present runs. `named`: a template names the jobs.

        All of them are looked at: it is asked seldom.
        """
        starts: dict[Job, list[float]] = defaultdict(list)
        [watched] = await self._reader.members([Span(WATCH, MOST_RUNS)])
        for page in range(0, len(watched), PAGE):
            operations = await self._reader.records(Operation, [name for name, _ in watched[page : page + PAGE]])
            for o in filter(None, operations):
                with suppress(ValueError, TypeError):  # one that is damaged costs no other its place
                    run = run_of(o)
                    job = (read_job(o.job) if o.job else None) if named else run.job
                    if job and run.started is not None:
                        starts[job].append(run.started)
        return starts

    async def history(self, operation: str) -> tuple[Event, ...]:
        """The newest event of each name in the run of this name (`DueRun.operation`), oldest first."""
        return await self._ask(lambda d: runs.history(d, operation))

    async def members_heard(self, history: Sequence[Event], now: float) -> float:
        """Return the time of the last event of any member of this batch; `now` where all are over."""
        return await self._ask(lambda d: runs.last_event_of_members(d, history, now))


@dataclass(frozen=True, slots=True)
class Goes:
    """A run in progress. `heard` is the time of its last event, in seconds since the epoch."""

    name: str  # the store's, for links to it
    subject: str
    space: Space
    title: str
    type: str
    priority: str
    status: str
    percentage: float | None
    phase: str
    heard: float
    run: Run
    stalled: bool


@dataclass(frozen=True, slots=True)
class Counts:
    running: int
    stalled: int


class Running(Questions):
    """Runs that go on, for people who look at them: bounded, however many there are."""

    async def counts(self) -> Counts:
        return Counts(*await self._reader.sizes([WATCH, STALLED]))

    async def some(self, limit: int) -> list[Goes]:
        """Up to so many: those with an alarm, then those that the watchdog looks at next."""
        stalled, watched = await self._reader.members([Span(STALLED, max(limit, FEW)), Span(WATCH, limit)])
        alarmed = {name for name, _ in stalled}
        chosen = [*dict.fromkeys([*sorted(alarmed)[:limit], *(name for name, _ in watched)])][:limit]
        operations = await self._reader.records(Operation, chosen)
        rows = [_goes(o, stalled=o.name in alarmed) for o in operations if o]
        return sorted(rows, key=lambda row: (not row.stalled, -row.heard))


def _goes(o: Operation, *, stalled: bool) -> Goes:
    run = run_of(o)
    return Goes(
        name=o.name,
        subject=run.subject,
        space=Space.of(o.facts),
        title=o.facts.get("name", ""),
        type=o.facts.get("type", ""),
        priority=o.facts.get("priority", ""),
        status=o.status,
        percentage=run.percentage,
        phase=run.phase,
        heard=run.last_event,
        run=run,
        stalled=stalled,
    )
