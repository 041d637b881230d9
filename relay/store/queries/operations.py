"""Operations and batches as they came, newest first, and those that are found by a part of their name.

There is a stream of the first event of each, and no index of words: a page looks at the newest 500 for these, and
says how far it looked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from relay.domain.batch_members import MEMBERS, cause_line, failed_of
from relay.domain.digest_entries import went_wrong
from relay.domain.identity import by_cause
from relay.domain.jobs import Job, Run
from relay.engine.jobs import read_job
from relay.engine.records import KEEP_DOCUMENTS, OVER, STALLED, TERMINAL, WATCH, Operation
from relay.engine.runs import run_of
from relay.store.queries.paging import Page, Position, Row, lines, page_of
from relay.store.queries.questions import OfOperation, Questions, stated_by
from relay.store.queries.reader import Span

LOOKED = 500  # operations that one page reads
ENDED_LIMIT = 5000  # operations, the newest, among which those that failed are looked for
STEP = 250  # of them at a time, where most do not fit
FEW = 1000  # stalled runs, up to which all are looked at for the gravest
OPERATIONS = "operations"
OF_BATCHES = frozenset(("batch.started", "batch.operation.completed", "batch.completed"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRow(OfOperation):
    """An operation, or with `is_batch` a batch. `first` is the time of its first event, `last` of its last.

    state    running, stalled or over
    shown    its status as people read it: `shown_status`
    failed   it, or an operation of the batch
    causes   why, a line for each
    job      the one that a failed run is of
    summary  its newest state (relay.domain.digest_entries)
    """

    batch: str
    is_batch: bool
    status: str
    state: str
    shown: str
    failed: bool
    causes: Sequence[str]
    job: Job | None
    percentage: float | None
    phase: str
    first: float
    last: float
    summary: Mapping[str, Any]


class Goes(NamedTuple):
    operation: OperationRow
    run: Run


class Counts(NamedTuple):
    running: int
    stalled: int


class Operations(Questions):
    async def page(self, *, state: str = "", text: str = "", cursor: str = "", limit: int = 50) -> Page[OperationRow]:
        """Newest first. `text`: a part of the id, the name or the type. ValueError for a cursor that no page gave."""
        step, fits = STEP if state or text else limit, _filter(state, text)

        async def read(rows: Sequence[Row]) -> list[OperationRow | None]:
            found = await self._read([row.content.decode("utf-8", "replace") for row in rows])
            return [row if row and fits(row) else None for row in found]

        source = lines(self._reader.lines, OPERATIONS, [""], step, behind=Position.load(cursor))
        return await page_of(source, read, limit=limit, looked=LOOKED, step=step)

    async def failed(self, since: float, *, limit: int = ENDED_LIMIT) -> Page[OperationRow]:
        """Return those that failed since then, of the newest `limit` that ended: one page of them."""
        oldest = round(since * 1000) + KEEP_DOCUMENTS
        ended = await self._members(OVER, limit + 1, low=oldest, descending=True)
        looked, failed = [*ended][:limit], list[OperationRow]()
        for begin in range(0, len(looked), STEP):
            rows = filter(None, await self._read(looked[begin : begin + STEP]))
            failed += [row for row in rows if row.failed and row.state == "over" and row.last >= since]
        cut = (ended[looked[-1]] - KEEP_DOCUMENTS) / 1000 if len(ended) > limit else None
        return Page(sorted(failed, key=lambda row: -row.last), "", len(looked), cut)

    async def counts(self) -> Counts:
        return Counts(*await self._reader.sizes([WATCH, STALLED]))

    async def running(self, limit: int) -> list[Goes]:
        """Up to so many whose runs go on: those with an alarm, then those that the watchdog looks at next."""
        stalled, watched = await self._reader.members([Span(STALLED, max(limit, FEW)), Span(WATCH, limit)])
        alarmed = {name for name, _ in stalled}
        chosen = [*sorted(alarmed)[:limit], *(name for name, _ in watched)]
        operations = await self._named(Operation, [*dict.fromkeys(chosen)][:limit])
        rows = [Goes(_row(o, stalled=o.name in alarmed), run_of(o)) for o in operations.values()]
        return sorted(rows, key=lambda row: (row.operation.state != "stalled", -row.run.last_event))

    async def _read(self, operations: Sequence[str]) -> list[OperationRow | None]:
        """Return the known ones, in this order; None for one that is not."""
        records = await self._reader.records(Operation, operations)
        alarms = await self._reader.scores([(STALLED, name) for name in operations])
        return [
            _row(o, stalled=alarm is not None) if o and o.subject else None
            for o, alarm in zip(records, alarms, strict=True)
        ]


def shown_status(o: Operation) -> str:
    """Return the rule of its open alarm; Partial of a batch of which some failed; else its status."""
    if o.rank != TERMINAL:
        return run_of(o).alarms.found or o.status
    if o.status == "Completed" and went_wrong(o.summary):
        return "Failed" if o.summary["status"] == "Failed" else "Partial"
    return o.status


def causes(o: Operation) -> list[str]:
    """Return why it failed, of a batch a line for each cause; where none is known, the names of what failed."""
    whole = o.summary.get("error") or o.summary.get("failing")
    groups = by_cause(failed_of(o.facts.get(MEMBERS, "")))
    return [cause_line(group, 1) for group in groups] or ([f"{whole}"] if whole else [])


def _row(o: Operation, *, stalled: bool) -> OperationRow:
    failed = o.rank == TERMINAL and went_wrong({**o.summary, "status": o.status})
    return OperationRow(
        operation=o.name,
        **stated_by(o),
        batch=o.facts.get("batch", ""),
        is_batch=not OF_BATCHES.isdisjoint(o.seqs),
        status=o.status,
        state="over" if o.rank == TERMINAL else "stalled" if stalled else "running",
        shown=shown_status(o) if stalled or o.rank == TERMINAL else o.status,
        failed=failed,
        causes=causes(o) if failed else (),
        job=(read_job(o.job) if o.job else run_of(o).job) if failed else None,
        percentage=o.percentage,
        phase=o.phase,
        first=(o.first or 0) / 1000,
        last=(o.last or 0) / 1000,
        summary=o.summary,
    )


def _filter(state: str, text: str) -> Callable[[OperationRow], bool]:
    part, states = text.casefold(), {"": ("running", "stalled", "over"), "running": ("running", "stalled")}

    def fits(row: OperationRow) -> bool:
        if row.state not in states.get(state, (state,)):
            return False
        return not part or any(part in word.casefold() for word in (row.subject, row.name, row.type))

    return fits
