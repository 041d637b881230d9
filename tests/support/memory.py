"""A whole state of the engine in memory."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf

from relay.engine.state import Changes, LogChange, R, Record, Score
from relay.store.journal.cache import Sorted


class Memory:
    """A partition's state, and what expires in it, as Redis would have it."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.tables: dict[str, dict[str, bytes]] = {}
        self.indexes: dict[str, Sorted] = {}
        self.logs: dict[str, list[bytes]] = {}
        self.streams: dict[str, list[tuple[int, int, bytes]]] = {}  # ms, number within it, line
        self.counts: dict[str, int] = {}
        self.expiries: dict[str, int] = {}
        self.next_expiry: float = inf  # or earlier, where one was put off

    def record(self, kind: type[R], name: str) -> R | None:
        return self.records.get(kind.PREFIX + name)  # type: ignore[return-value]

    def field(self, table: str, name: str) -> bytes | None:
        return self.tables.get(table, {}).get(name)

    def table(self, table: str) -> Mapping[str, bytes]:
        return self.tables.get(table, {})

    def score(self, index: str, member: str) -> Score | None:
        return self.indexes[index].scores.get(member) if index in self.indexes else None

    def size(self, index: str) -> int:
        return len(self.indexes[index].scores) if index in self.indexes else 0

    def ascending(self, index: str) -> Iterator[tuple[Score, str]]:
        return iter([*self.indexes[index].order] if index in self.indexes else ())

    def descending(self, index: str) -> Iterator[tuple[Score, str]]:
        return reversed([*self.indexes[index].order] if index in self.indexes else ())

    def log(self, log: str) -> Sequence[bytes]:
        return self.logs.get(log, ())

    def apply(self, changes: Changes, now: int) -> None:
        """Make the changes; what has expired by `now` is forgotten first, as Redis would."""
        self.forget(now)
        for key, record in changes.records.items():
            if record is None:
                self.records.pop(key, None)
            else:
                self.records[key] = record
                self._expire(key, record.lives, now)
        for name, change in changes.tables.items():
            before = {} if change.cleared else self.tables.get(name, {})
            fields: dict[str, bytes | None] = {**before, **change.fields}
            self.tables[name] = {key: value for key, value in fields.items() if value is not None}
            if not self.tables[name]:
                del self.tables[name]
            self._expire(name, change.kept, now)
        for name, scores in changes.indexes.items():
            index = self.indexes.setdefault(name, Sorted())
            for member, score in scores.items():
                index.set(member, score)
        for name, log in changes.logs.items():
            if log.stream:
                self._stream(name, log, now)
            else:
                lines = () if log.cleared else self.logs.get(name, ())
                self.logs[name] = [*lines, *log.lines][-log.most :]
                if not self.logs[name]:
                    del self.logs[name]
            self._expire(name, log.kept, now)
        for name, by in changes.counts.items():
            self.counts[name] = self.counts.get(name, 0) + by

    def forget(self, now: int) -> None:
        if now < self.next_expiry:
            return
        for name in [name for name, at in self.expiries.items() if at <= now]:
            for part in (self.records, self.tables, self.logs, self.streams):
                part.pop(name, None)
            del self.expiries[name]
        self.next_expiry = min(self.expiries.values(), default=inf)

    def _stream(self, name: str, log: LogChange, now: int) -> None:
        """Append lines, with the time of the last one where the clock was set back."""
        stream = self.streams.setdefault(name, [])
        for line in log.lines:
            ms, number = stream[-1][:2] if stream else (now, -1)
            stream.append((now, 0, line) if now > ms else (ms, number + 1, line))
        del stream[: -log.most]

    def _expire(self, name: str, kept: int, now: int) -> None:
        if kept:
            self.expiries[name] = now + kept
            self.next_expiry = min(self.next_expiry, now + kept)
