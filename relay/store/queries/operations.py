"""Operations and batches as they came, newest first, and those that are found by a part of their name.

There is a stream of the first event of each, and no index of words: a page looks at the newest 500 for these, and
says how far it looked. By its id an operation is found at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from relay.domain.events import FAILED
from relay.domain.facts import NOWHERE, Space
from relay.engine import names
from relay.engine.records import KEEP_DOCUMENTS, OVER, STALLED, TERMINAL, Operation
from relay.store.queries.paging import Lines, Page, Position, Row, page_of
from relay.store.queries.questions import Access, Questions, seconds, stated_by
from relay.store.queries.reader import Span
from relay.store.queries.spaces import Spaces

LOOKED = 500  # operations that one page reads
ENDED_LIMIT = 5000  # operations, the newest, among which those that failed are looked for
STEP = 250  # of them at a time, where most do not fit
OPERATIONS = "operations"
OF_BATCHES = frozenset(("batch.started", "batch.operation.completed", "batch.completed"))


@dataclass(frozen=True, slots=True)
class OperationRow:
    """An operation, or with `is_batch` a batch, as far as it is known. Times are seconds since the epoch.

    operation  the store's name; `subject` is the id that people know
    run        which run it is: 0, and one more with each retry
    first      time of its first event, `last` of its last, `began` when its present run began (None if unknown)
    due        when it says that it will end
    """

    operation: str
    subject: str
    name: str
    type: str
    priority: str
    platform: str
    tenant: str
    project: str
    batch: str
    is_batch: bool
    status: str
    percentage: float | None
    phase: str
    run: int
    first: float
    last: float
    began: float | None
    due: float | None
    over: bool
    stalled: bool

    @property
    def state(self) -> str:
        """Return running, stalled or over."""
        return "over" if self.over else "stalled" if self.stalled else "running"


OperationsPage = Page[OperationRow]


@dataclass(frozen=True, slots=True)
class FailedOperations:
    """Newest first; `looked_to`: of what failed before then some may be missing, None if nothing is."""

    rows: Sequence[OperationRow]
    looked_to: float | None


class Operations(Questions):
    def __init__(self, store: Access, *, looked: int = LOOKED) -> None:
        """A page reads `looked` operations at most."""
        super().__init__(store)
        self._looked = looked

    async def page(self, *, state: str = "", text: str = "", cursor: str = "", limit: int = 50) -> OperationsPage:
        """Newest first. `text`: a part of the id, the name or the type. ValueError for a cursor that no page gave."""
        source = Lines(self._reader, OPERATIONS, [""], behind=Position.load(cursor))
        fits = _filter(state, text)

        async def read(rows: Sequence[Row]) -> list[OperationRow | None]:
            found = await self._read([row.content.decode() for row in rows])
            return [row if row and fits(row) else None for row in found]

        return await page_of(source, read, limit=limit, looked=self._looked, step=STEP if state or text else limit)

    async def failed(self, since: float, *, limit: int = ENDED_LIMIT) -> FailedOperations:
        """Return those that failed since then, of the newest `limit` that ended."""
        oldest = round(since * 1000) + KEEP_DOCUMENTS
        [ended] = await self._reader.members([Span(OVER, limit + 1, low=oldest, descending=True)])
        failed = list[OperationRow]()
        for begin in range(0, min(limit, len(ended)), STEP):
            rows = await self._read([name for name, _ in ended[begin : begin + STEP][: limit - begin]])
            failed += [row for row in rows if row and row.status in FAILED and row.over and row.last >= since]
        cut = (ended[limit - 1][1] - KEEP_DOCUMENTS) / 1000 if len(ended) > limit else None
        return FailedOperations(sorted(failed, key=lambda row: -row.last), cut)

    async def named(self, subject: str, space: Space = NOWHERE) -> list[OperationRow]:
        """Return the operations with this id, which several tenants may use."""
        known = await Spaces(self._store).all(subject)
        meant = [facts.get("space", "") for facts in known if Space.of(facts).may_be(space)]
        return [row for row in await self._read([names.operation(subject, name) for name in meant]) if row]

    async def _read(self, operations: Sequence[str]) -> list[OperationRow | None]:
        """Return the known ones, in this order; None for one that is not."""
        records = await self._reader.records(Operation, operations)
        alarms = await self._reader.scores([(STALLED, name) for name in operations])
        return [
            _row(o, stalled=alarm is not None) if o and o.subject else None
            for o, alarm in zip(records, alarms, strict=True)
        ]


def _row(o: Operation, *, stalled: bool) -> OperationRow:
    return OperationRow(
        operation=o.name,
        **{name: o.facts.get(name, "") for name in ("type", "priority", "batch")},
        **stated_by(o),
        is_batch=not OF_BATCHES.isdisjoint(o.seqs),
        status=o.status,
        percentage=o.percentage,
        phase=o.phase,
        run=o.run or 0,
        first=seconds(o.first) or 0.0,
        last=seconds(o.last) or 0.0,
        began=seconds(o.began),
        due=seconds(o.estimate),
        over=o.rank == TERMINAL,
        stalled=stalled,
    )


def _filter(state: str, text: str) -> Callable[[OperationRow], bool]:
    part = text.casefold()

    def fits(row: OperationRow) -> bool:
        if state and row.state != state and not (state == "running" and row.stalled):
            return False
        return not part or any(part in word.casefold() for word in (row.subject, row.name, row.type))

    return fits
