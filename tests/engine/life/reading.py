"""States that a step reads from: one that hands out only what was asked for before, and guards all of it."""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from relay.engine.state import NotLoaded, R, Record, Score
from relay.store.journal.cache import Sorted
from tests.support.memory import Memory


def copied(memory: Memory) -> Memory:
    """Return a memory of its own with the same records, which nobody changes in place."""
    other = Memory()
    for part in ("records", "counts", "expiries"):
        getattr(other, part).update(getattr(memory, part))
    other.next_expiry = memory.next_expiry
    other.logs = {name: [*lines] for name, lines in memory.logs.items()}
    other.streams = {name: [*lines] for name, lines in memory.streams.items()}
    other.tables = {name: {**fields} for name, fields in memory.tables.items()}
    other.indexes = {name: Sorted(index.scores.items()) for name, index in memory.indexes.items()}
    return other


class Loading:
    """A state that raises NotLoaded for whatever was not loaded. `unchanged` tells whether a step left it alone."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._loaded: set[tuple[str, ...]] = set()
        self._before: dict[str, tuple[Record, bytes]] = {}

    def load(self, asked: NotLoaded) -> None:
        """Load what a step asked for."""
        known = len(self._loaded)
        for each in (asked, *asked.others):
            names = (name if isinstance(name, str) else name.PREFIX for name in each.names)
            self._loaded.add((each.kind, *names))
        assert len(self._loaded) > known, f"asked for again: {asked}"

    def _check(self, kind: str, *names: Any) -> None:
        if (kind, *names) not in self._loaded:
            raise NotLoaded(kind, *names)

    def record(self, kind: type[R], name: str) -> R | None:
        if ("record", kind.PREFIX, name) not in self._loaded:
            raise NotLoaded("record", kind, name)
        record = self._memory.record(kind, name)
        if record is not None and record.key not in self._before:
            self._before[record.key] = record, pickle.dumps(record)
        return record

    def field(self, table: str, name: str) -> bytes | None:
        if ("table", table) not in self._loaded:
            self._check("field", table, name)
        return self._memory.field(table, name)

    def table(self, table: str) -> Mapping[str, bytes]:
        self._check("table", table)
        return self._memory.table(table)

    def score(self, index: str, member: str) -> Score | None:
        self._check("index", index)
        return self._memory.score(index, member)

    def size(self, index: str) -> int:
        self._check("index", index)
        return self._memory.size(index)

    def ascending(self, index: str) -> Iterator[tuple[Score, str]]:
        self._check("index", index)
        return self._memory.ascending(index)

    def descending(self, index: str) -> Iterator[tuple[Score, str]]:
        self._check("index", index)
        return self._memory.descending(index)

    def log(self, log: str) -> Sequence[bytes]:
        self._check("log", log)
        return self._memory.log(log)

    def changed_in_place(self) -> list[str]:
        """List the records that a step changed without a draft."""
        return [key for key, (record, before) in self._before.items() if pickle.dumps(record) != before]
