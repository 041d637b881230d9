"""The clockwork of the background: runs that the watchdog looks at, reconciliation, troubles, and whose turn it is.

Any number of processes may ask at once, and everything may be repeated.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import NamedTuple

from relay.domain.events import Event
from relay.domain.facts import Space
from relay.domain.jobs import Job, Run, Start
from relay.engine import runs
from relay.engine.clock import TICKS, KeepTroubles, LookAtTroubles, Reconciled, ReportTick, TakeTurn, TakeTurnFor, Ticks
from relay.engine.housekeeping import ForgetDocuments
from relay.engine.jobs import read_job
from relay.engine.records import WATCH, Operation
from relay.engine.runs import run_of
from relay.engine.watch import MOST_LOOKED_AT, AskedPlatform, LookAgain, RunsDue, Tick, asked_about, is_unheard
from relay.errors import AmbiguousId
from relay.store.queries.questions import Questions

RETENTION = 30 * 86_400.0
AWAY = 120.0  # seconds without a tick of any process after which relay was away
PAUSE = 20.0  # seconds for which a run that was given out is not given again: less than between two ticks
MOST_RUNS = 50_000  # that are looked at for their jobs
RECEIVE, DELIVER = "receive", "deliver"  # parts of the work


class Heartbeat(NamedTuple):
    """Redis's time, until when nothing may be found wrong, and how many runs are stalled.

    `left`: those that were forgotten since the last tick with an open alarm, and without a last message.
    """

    now: float
    grace_until: float
    stalled: int
    left: int = 0


class DueRun(NamedTuple):
    operation: str  # the store's name for it
    ticket: int
    run: Run


class DueRuns(NamedTuple):
    """Runs that may be due at this time, and whether there are more."""

    now: float
    runs: Sequence[DueRun]
    more: bool


class SilentRun(NamedTuple):
    """A run that goes on as far as relay knows, and what it last said."""

    operation: str  # the platform's id of it
    percentage: float | None = None
    phase: str = ""


class Remembered(NamedTuple):
    """Redis's time, the text that is kept, and how many seconds ago any process did each part, None if none ever."""

    now: float
    text: str
    received: float | None
    delivered: float | None


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

    async def due(self, limit: int) -> DueRuns:
        """Runs that may be due, the longest waiting first."""
        looked, found = await self._store.submit(RunsDue(limit, int(PAUSE * 1000)))
        return DueRuns(await self._reader.now() / 1000, [DueRun(*row) for row in found], looked >= limit)

    async def check_again_at(self, times: Sequence[tuple[DueRun, float]]) -> None:
        """Set the time of the next look at these; events may bring it forward."""
        if times:
            await self._store.submit(LookAgain([(run.operation, run.ticket, int(at * 1000)) for run, at in times]))

    async def begun(self, *, named: bool = False) -> dict[Job, list[Start]]:
        """Return when each job's present runs began, and what they are. `named`: a template names the jobs.

        All of them are looked at: it is asked seldom.
        """
        starts: dict[Job, list[Start]] = defaultdict(list)
        async for o in self._each(Operation, await self._members(WATCH, MOST_RUNS)):
            with suppress(ValueError, TypeError):  # one that is damaged costs no other its place
                run = run_of(o)
                job = (read_job(o.job) if o.job else None) if named else run.job
                if job and run.started is not None:
                    starts[job].append(Start(run.started, run.subject, f"{o.summary.get('path') or ''}"))
        return starts

    async def history(self, operation: str) -> tuple[Event, ...]:
        """The newest event of each name in the run of this name (`DueRun.operation`), oldest first."""
        return await self._ask(lambda d: runs.history(d, operation))

    async def members_heard(self, history: Sequence[Event], now: float) -> float:
        """Return the time of the last event of any member of this batch; `now` where all are over."""
        return await self._ask(lambda d: runs.last_event_of_members(d, history, now))


class ReconciliationState(Questions):
    """State of reconciliation: whose turn it is, up to when new runs are known, and the silent runs."""

    async def turn(self, period: float) -> float | None:
        """For one process in each period the time given to the last `finished`, 0 if there was none; else None."""
        answer = await self._store.submit(TakeTurn(int(period * 1000)))
        return answer / 1000 if answer is not None else None

    async def finished(self, at: float) -> None:
        """A reconciliation is done: every run that began before this time is known."""
        await self._store.submit(Reconciled(int(at * 1000)))

    async def unheard(self, seconds: float, limit: int, space: Space) -> list[SilentRun]:
        """Runs of this project that were silent for so long; longest silent, or not given out, first.

        A run whose platform, tenant or project is not known is given too.
        """
        since = await self._reader.now() - int(seconds * 1000)
        watched = self._each(Operation, await self._members(WATCH, MOST_LOOKED_AT))
        chosen = sorted([o async for o in watched if is_unheard(o, since, space)], key=asked_about)[:limit]
        if chosen:
            await self._store.submit(AskedPlatform([o.name for o in chosen]))
        return [await self._silent(o) for o in chosen]

    async def _silent(self, o: Operation) -> SilentRun:
        """A run that was begun again under a new id goes by that id at the platform."""
        events = await self._ask(lambda d: runs.history(d, o.name)) if o.run else ()
        present = next((event.own_id for event in reversed(events) if event.own_id), o.subject)
        return SilentRun(present, o.percentage, o.phase)

    async def unknown(self, operations: Sequence[str], space: Space) -> list[str]:
        """Return the runs of this project that relay has no event of, in the same order."""
        heard_of = await asyncio.gather(*(self._is_known(name, space) for name in operations))
        return [name for name, known in zip(operations, heard_of, strict=True) if not known]

    async def _is_known(self, operation: str, space: Space) -> bool:
        try:
            return bool((await self._resolved(operation, space)).keys() - {"space"})
        except AmbiguousId:  # of this project or of another that says less: it has events in any case
            return True


class TroubleMemory(Questions):
    """Shared memory of relay's own troubles, and turns that one process takes."""

    async def look(self, parts: Collection[str] = ()) -> Remembered:
        """Return the shared state; `parts` are those of the work that this process does."""
        now, text, *ago = await self._store.submit(LookAtTroubles([*parts]))
        return Remembered(now / 1000, text, *[ms / 1000 if ms >= 0 else None for ms in ago])

    async def keep(self, was: str, becomes: str) -> bool:
        """Replace the text, if it is still as it was."""
        return bool(await self._store.submit(KeepTroubles(was, becomes)))

    async def turn(self, name: str, period: float) -> bool:
        """True for one process in each period (seconds)."""
        return bool(await self._store.submit(TakeTurnFor(name, int(period * 1000))))
