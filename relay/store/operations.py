"""Operations and batches as they came, newest first, and those that are found by a part of their name.

There is an index of the first event of each, and none of words: a page looks at the newest 500 for these, and
says how far it looked. By its id an operation is found at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.domain.events import FAILED
from relay.domain.facts import NOWHERE, Space
from relay.store import keys
from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.merging import Merged, Position, RawRow
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.reading import read_all
from relay.store.records import OVER, SEALED, values_in
from relay.store.sealing import text_to_show
from relay.store.subjects import together

LOOKED = 500  # operations that one page reads
MOST_ENDED = 5000  # operations of a partition, the newest, among which those that failed are looked for
STEP = 250  # of them at a time, where most do not fit
FIELDS = ("state", "run", "facts")
OF_BATCHES = ("seq:batch.started", "seq:batch.operation.completed", "seq:batch.completed")
STATES = ("running", "stalled", "over")
KEEP_DOCUMENTS = 3 * 86_400.0  # seconds after the outcome, by which {relay}:over is in order (scripts/include/keys.lua)
_FAILED = [status.encode() for status in FAILED]


PackedRow = Sequence[bytes | None]  # the values of FIELDS
RANK_OVER = bytes([int(OVER)])  # what the state begins with


def _has_facts(row: PackedRow) -> bool:
    return row[FIELDS.index("facts")] is not None


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
        """One of `STATES`."""
        return "over" if self.over else "stalled" if self.stalled else "running"


@dataclass(frozen=True, slots=True)
class OperationsPage:
    """A page, like relay.store.history.HistoryPage."""

    rows: Sequence[OperationRow]
    cursor: str
    looked: int
    looked_to: float | None


@dataclass(frozen=True, slots=True)
class FailedOperations:
    """Newest first; `looked_to`: of what failed before then some may be missing, None if nothing is."""

    rows: Sequence[OperationRow]
    looked_to: float | None


class Operations:
    """Reads them. Every failure is StoreUnavailable."""

    def __init__(self, store: Store, *, partial: bool = False, looked: int = LOOKED) -> None:
        """`partial`: partitions that are away are left out. A page reads `looked` operations at most."""
        self._looked = looked
        self._everywhere = Everywhere(store, partial=partial)
        self._spaces = store.spaces
        self._redis = store.redis

    async def page(self, *, state: str = "", text: str = "", cursor: str = "", limit: int = 50) -> OperationsPage:
        """Newest first. `text`: a part of the id, the name or the type. ValueError for a cursor that no page gave."""
        before = Position.load(cursor) if cursor else None
        streams = [(partition.number, "") for partition in self._everywhere.partitions.present]
        merged = Merged(self._everywhere, "operations", streams, before=before)
        fits, may_fit = _filter(state, text), self._may_fit(state, text)
        rows, last, looked = list[OperationRow](), None, 0
        behind: Sequence[RawRow] = ()
        step = STEP if state or text else limit
        while len(rows) < limit and looked < self._looked:
            chunk = behind = await merged.newest(min(step, self._looked - looked), lambda _: True)
            read = await self._read([_name(raw) for raw in chunk], may_fit)
            for number, raw in enumerate(chunk, 1):
                last, looked, behind = raw, looked + 1, chunk[number:]
                row = read.get(_name(raw))
                if row and fits(row):
                    rows.append(row)
                if len(rows) == limit:
                    break
            if not merged.more:
                break
        more = last is not None and (merged.more or bool(behind))
        cut = more and len(rows) < limit
        cursor = last.position.dump() if last and more else ""
        return OperationsPage(rows, cursor, looked, last.ms / 1000 if last and cut else None)

    async def failed(self, since: float, *, limit: int = MOST_ENDED) -> FailedOperations:
        """Return those that failed since then, of the newest `limit` of each partition that ended."""

        async def ended(partition: Partition) -> list[tuple[str, float]]:
            oldest, key = round((since + KEEP_DOCUMENTS) * 1000), partition.key("over")
            rows = await call(self._redis.zrevrangebyscore(key, "+inf", oldest, 0, limit + 1, withscores=True))
            return [(name.decode(), ms / 1000 - KEEP_DOCUMENTS) for name, ms in rows]

        def may_fit(row: PackedRow) -> bool:
            return row[FIELDS.index("facts")] is not None and any(status in (row[0] or b"") for status in _FAILED)

        partitions = await self._everywhere.of_each(ended)
        names = [name for rows in partitions for name, _ in rows[:limit]]
        failed = list[OperationRow]()
        for begin in range(0, len(names), self._looked):
            rows = (await self._read(names[begin : begin + self._looked], may_fit)).values()
            failed += [row for row in rows if row.status in FAILED and row.over and row.last >= since]
        cut = [rows[limit - 1][1] for rows in partitions if len(rows) > limit]
        return FailedOperations(sorted(failed, key=lambda row: -row.last), max(cut, default=None))

    async def named(self, subject: str, space: Space = NOWHERE) -> list[OperationRow]:
        """Return the operations with this id, which several tenants may use."""
        meant = [facts for facts in await self._spaces.all(subject) if Space.of(facts).may_be(space)]
        rows = await self._read([keys.operation(subject, facts.get("space", "")) for facts in meant])
        return list(rows.values())

    def _may_fit(self, state: str, text: str) -> Callable[[PackedRow], bool]:
        """Return True where an operation is worth being unpacked: most of those searched are not."""
        part = text.encode().lower() if text.isascii() and self._everywhere.sealer is None else b""
        over = {"over": True, "running": False, "stalled": False}.get(state)

        def may_fit(row: PackedRow) -> bool:
            packed, _, facts = row
            if facts is None or over not in (None, (packed or b"")[:1] == RANK_OVER):
                return False
            return not part or part in facts.lower()

        return may_fit

    async def _read(
        self, names: Sequence[str], may_fit: Callable[[PackedRow], bool] = _has_facts
    ) -> dict[str, OperationRow]:
        """Return the known operations that may fit, in this order."""

        async def ask(partition: Partition) -> dict[str, OperationRow]:
            here = [name for name in names if self._everywhere.partitions.of(name) is partition]
            if not here:
                return {}
            key = partition.key("stalled")
            commands = [("HMGET", partition.key(f"operation:{name}"), *FIELDS) for name in here]
            *rows, stalled = await read_all(self._redis, key, [*commands, ("SMISMEMBER", key, *here)])
            return {
                name: self._row(name, values_in(row), stalled=bool(alarm))
                for name, row, alarm in zip(here, rows, stalled, strict=True)
                if may_fit(row)
            }

        answers = together(await self._everywhere.of_each(ask))
        return {name: answers[name] for name in names if name in answers}

    def _row(self, name: str, values: Mapping[str, str], *, stalled: bool) -> OperationRow:
        texts = {key: values.get(f"fact:{key}", "") for key in ("type", "priority", "platform", "tenant", "project")}
        return OperationRow(
            operation=name,
            subject=values.get("id", ""),
            name=text_to_show(self._everywhere.sealer, values.get("fact:name", ""), SEALED["fact:name"]),
            **texts,
            batch=values.get("fact:batch", ""),
            is_batch=any(field in values for field in OF_BATCHES),
            status=values.get("status", ""),
            percentage=float(values["percentage"]) if "percentage" in values else None,
            phase=values.get("watch:phase", ""),
            run=int(values.get("retry", 0)),
            first=_seconds(values.get("first")) or 0.0,
            last=_seconds(values.get("last")) or 0.0,
            began=_seconds(values.get("began")),
            due=_seconds(values.get("watch:estimate")),
            over=values.get("rank") == OVER,
            stalled=stalled,
        )


def _filter(state: str, text: str) -> Callable[[OperationRow], bool]:
    part = text.casefold()

    def fits(row: OperationRow) -> bool:
        if state and row.state != state and not (state == "running" and row.stalled):
            return False
        return not part or any(part in word.casefold() for word in (row.subject, row.name, row.type))

    return fits


def _name(raw: RawRow) -> str:
    return raw.packed.hex()


def _seconds(ms: Any) -> float | None:
    return float(ms) / 1000 if ms else None
