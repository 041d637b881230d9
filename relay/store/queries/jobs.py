"""History of jobs, read: how the last runs of each ended (relay/engine/jobs.py), and whose ends they are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from pydantic_core import from_json

from relay.domain.events import Event, Outcome
from relay.domain.identity import error_words
from relay.domain.jobs import Job
from relay.domain.outcomes import before, end_of
from relay.engine import jobs
from relay.engine.jobs import ENDS, read_end, read_job, run_name
from relay.engine.records import JOB_NAMES, JOBS, MISSING, Operation, ends_of
from relay.engine.runs import event_of
from relay.engine.watch import ForgetMissing
from relay.store.queries.operations import OPERATIONS
from relay.store.queries.paging import Page, Position, Row, members, page_of
from relay.store.queries.questions import Questions
from relay.store.queries.reader import Stretch

LOOKED = 2000  # jobs that one page looks at
# An end keeps but a part of its operation's name. It is looked for among the operations whose first event came about
# when the run began, or about when it ended; a run whose first event came at another time stays without.
PART = 16  # characters of the operation's name, which a run's begins with
BEFORE, BEHIND = 60.0, 300.0  # seconds around a run's start, and its end, in which its first event came
NEAR = 100  # operations of these seconds that are looked at


class JobEnd(NamedTuple):
    """A job, and when the last of its runs ended (seconds since the epoch)."""

    job: Job
    ended: float


class Jobs(Questions):
    async def named(self, operations: Iterable[str]) -> dict[str, Job]:
        """Return the jobs of the operations of these names, where a template names jobs and events have stated it."""
        found = (await self._named(Operation, operations)).values()
        return {o.name: job for o in found if (job := read_job(o.job))}

    async def of(self, event: Event) -> Job | None:
        """Return the job of the event's run, also where a template names jobs and only earlier events stated it."""
        return await self._ask(lambda d: jobs.of(d, event))

    async def compared(self, event: Event, job: Job) -> Event:
        """Add the outcomes before the event's own, which say what it changes of its job."""
        return replace(event, past=before(await self.ends(job), run_name(event), end_of(event)))

    async def ends(self, job: Job) -> tuple[Outcome, ...]:
        """Return the last ends of its runs, in the order of their events; of a run there may be several."""
        [ends] = await self.ends_of_each([job])
        return ends

    async def ends_of_each(self, listed: Sequence[Job], limit: int = ENDS) -> list[tuple[Outcome, ...]]:
        logs = await self._reader.logs([ends_of(jobs.name_of(its)) for its in listed], limit)
        return [tuple(end for line in lines if (end := read_end(line))) for lines in logs]

    async def page(self, *, cursor: str = "", limit: int = 25) -> Page[JobEnd]:
        """Return the jobs that ended last, the newest first. ValueError for a cursor that no page gave."""

        async def read(rows: Sequence[Row]) -> list[JobEnd | None]:
            named = await self._jobs([row.position.name for row in rows])
            return [JobEnd(its, row.position.ms / 1000) if its else None for row, its in zip(rows, named, strict=True)]

        source = members(self._reader, JOBS, limit, behind=Position.load(cursor))
        return await page_of(source, read, limit=limit, looked=LOOKED, step=limit)

    async def ended_since(self, since: int, limit: int) -> tuple[list[Job], int, bool]:
        """Return up to so many that ended since this ms, the longest ago first, where to go on, and whether it was all.

        What ended in the last of these ms is given again.
        """
        rows = await self._members(JOBS, limit, low=since)
        first, last = (min(rows.values()), max(rows.values())) if rows else (0, since)
        if len(rows) == limit and first == last:  # all of one ms: none would follow
            last += 1
        named = await self._jobs([*rows])
        return [its for its in named if its], last, len(rows) < limit

    async def written(self, job: Job) -> str:
        """Return the name of the job's newest run, where digits are part of its words; '' for other jobs."""
        [text] = await self._reader.fields(JOB_NAMES, [jobs.name_of(job)])
        parts: list[str] = from_json(text) if text and read_job(text) else []
        return parts[-1] if len(parts) > len(Job._fields) else ""

    async def missing(self) -> Mapping[str, bytes]:
        """Return the runs that have not begun, by the names of the operations that report them."""
        return await self._reader.table(MISSING)

    async def forget_missing(self, operation: str) -> None:
        await self._store.submit(ForgetMissing(operation))

    async def operations(self, ends: Sequence[Outcome]) -> dict[str, Operation]:
        """Return the operations of these ends by the runs' names, as far as they are found."""
        moments = [(end.run, at) for end in ends for at in dict.fromkeys((end.started, end.ended)) if at is not None]
        found = await self._reader.lines([_around(at) for _, at in moments])
        names: dict[str, str] = {}
        for (run, _), lines in zip(moments, found, strict=True):
            candidates = (line.content.decode("utf-8", "replace") for line in lines)
            if name := next((name for name in candidates if name.startswith(run[:PART])), ""):
                names[run] = name
        known = await self._named(Operation, names.values())
        return {run: known[name] for run, name in names.items() if name in known and known[name].subject}

    async def error(self, operation: str) -> str:
        """Return the error of the operation of this name; '' where its event is not kept any more."""
        failure = await self._ask(lambda d: event_of(d, operation, "operation.failed"))
        return error_words(failure) if failure else ""

    async def _jobs(self, names: Sequence[str]) -> list[Job | None]:
        texts = await self._reader.fields(JOB_NAMES, names)
        return [read_job(text) if text else None for text in texts]


def _around(moment: float) -> Stretch:
    first, last = (max(0, round(1000 * edge)) for edge in (moment - BEFORE, moment + BEHIND))
    return Stretch(OPERATIONS, NEAR, first, (last + 1, 0))
