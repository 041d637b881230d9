"""History of jobs, read: how the last runs of each ended (relay/engine/jobs.py)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from relay.domain.events import Event, Outcome
from relay.domain.jobs import Job
from relay.domain.outcomes import before, outcome_of
from relay.engine import jobs
from relay.engine.jobs import ENDS, read_end, read_job, run_name
from relay.engine.records import JOB_NAMES, JOBS, MISSING, Operation, job
from relay.engine.watch import ForgetMissing
from relay.store.queries.paging import Members, Position, Row, page_of
from relay.store.queries.questions import Questions
from relay.store.queries.reader import Span

LOOKED = 2000  # jobs that one page looks at


@dataclass(frozen=True, slots=True)
class JobEnd:
    """A job, and when the last of its runs ended (seconds since the epoch)."""

    job: Job
    ended: float


@dataclass(frozen=True, slots=True)
class JobsPage:
    """`cursor` asks for those that ended before; '' if there are none."""

    rows: Sequence[JobEnd]
    cursor: str


class Jobs(Questions):
    async def named(self, operation: str) -> Job | None:
        """Return the job of the operation of this name, where a template names jobs and its events have stated it."""
        o = await self._record(Operation, operation)
        return read_job(o.job) if o and o.job else None

    async def of(self, event: Event) -> Job | None:
        """Return the job of the event's run, also where a template names jobs and only earlier events stated it."""
        return await self._ask(lambda d: jobs.of(d, event))

    async def compared(self, event: Event, job: Job) -> Event:
        """Add the outcomes before the event's own, which say what it changes of its job."""
        return replace(event, past=before(await self.ends(job), run_name(event), outcome_of(event).ended))

    async def ends(self, job: Job) -> tuple[Outcome, ...]:
        """Return the last ends of its runs, in the order of their events; of a run there may be several."""
        [ends] = await self.ends_of_each([job])
        return ends

    async def ends_of_each(self, listed: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """Return the ends of each of these."""
        logs = await self._reader.logs([job(jobs.name_of(its)) for its in listed], ENDS)
        return [tuple(end for line in lines if (end := read_end(line))) for lines in logs]

    async def page(self, *, cursor: str = "", limit: int = 25) -> JobsPage:
        """Return the jobs that ended last, the newest first. ValueError for a cursor that no page gave."""

        async def read(rows: Sequence[Row]) -> list[JobEnd | None]:
            named = await self._jobs([row.position.name for row in rows])
            return [JobEnd(its, row.position.ms / 1000) if its else None for row, its in zip(rows, named, strict=True)]

        source = Members(self._reader, JOBS, behind=Position.load(cursor))
        page = await page_of(source, read, limit=limit, looked=LOOKED, step=limit)
        return JobsPage(page.rows, page.cursor)

    async def ended_since(self, since: int, limit: int) -> tuple[list[Job], int, bool]:
        """Return up to so many that ended since this ms, the longest ago first, where to go on, and whether it was all.

        What ended in the last of these ms is given again.
        """
        [rows] = await self._reader.members([Span(JOBS, limit, low=since)])
        last = rows[-1][1] if rows else since
        if len(rows) == limit and rows[0][1] == last:  # all of one ms: none would follow
            last += 1
        named = await self._jobs([name for name, _ in rows])
        return [its for its in named if its], last, len(rows) < limit

    async def missing(self) -> Mapping[str, bytes]:
        """Return the runs that have not begun, by the names of the operations that report them."""
        return await self._reader.table(MISSING)

    async def forget_missing(self, operation: str) -> None:
        await self._store.submit(ForgetMissing(operation))

    async def _jobs(self, names: Sequence[str]) -> list[Job | None]:
        texts = await self._reader.fields(JOB_NAMES, names)
        return [read_job(text) if text else None for text in texts]
