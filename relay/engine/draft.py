"""A draft of what a decision changes, over the state that it reads.

`Draft` lays changes over any of it without touching what is beneath, so a step that fails has changed nothing, and one
that has to read more first may run again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from relay.domain.deliveries import Target
from relay.domain.events import Event
from relay.engine.state import Changes, LogChange, NotLoaded, R, Record, Score, State, TableChange
from relay.errors import Unreadable

P = ParamSpec("P")
T = TypeVar("T")


class Settings:
    """The configuration, as far as decisions need it: here, without any rules. One object while nothing changes."""

    job = ""  # the operator's template for names of jobs
    max_jobs = 10_000  # that have a history

    def targets(self, event: Event) -> Sequence[Target]:  # noqa: ARG002 - without rules
        """Return the targets by the rules, and without silences."""
        return ()

    def targets_at(self, name: str, event: Event) -> Sequence[Target]:  # noqa: ARG002 - without destinations
        """Return the targets at a destination of this name, whatever the rules say."""
        return ()

    def brings_files(self, source: str) -> bool:  # noqa: ARG002 - without sources
        """Return whether its reports may state files."""
        return True

    def asks(self, condition: str) -> bool:  # noqa: ARG002 - without rules
        """Return whether any rule has this condition."""
        return False


NO_RULES = Settings()


class Draft:
    """Changes over a state, which is not touched. A draft is a state itself, so one may lie over another."""

    def __init__(self, base: "State", now: int, settings: Settings = NO_RULES) -> None:
        """`now`: ms since the epoch, the partition's time of this step."""
        self.base, self.now, self.settings = base, now, settings
        self.changes = Changes()
        self.notes: dict[str, list[list[Any]]] = {}  # operation → lines of its story (relay/engine/ledger.py)
        self.counted: set[str] = set()  # operations whose lines are only counted

    # Records

    def get(self, kind: type[R], name: str) -> R | None:
        """Return a record to look at, never to change; None where there is none."""
        changed = self.changes.records
        key = kind.PREFIX + name
        return changed[key] if key in changed else self.base.record(kind, name)  # type: ignore[return-value]

    record = get

    def look(self, kind: type[R], name: str) -> R:
        """Return the same, an empty one where there is none."""
        return self.get(kind, name) or kind(name)

    def get_all(self, kind: type[R], names: Iterable[str]) -> dict[str, R]:
        """Return those of these records that there are, but damaged ones. What is to be read is asked for at once."""
        found: dict[str, R] = {}
        missing: list[NotLoaded] = []
        for name in names:
            try:
                record = self.get(kind, name)
            except NotLoaded as need:
                missing.append(need)
            except Unreadable:
                continue
            else:
                found |= {name: record} if record else {}
        if missing:
            missing[0].others = missing[1:]
            raise missing[0]
        return found

    def attempt(self, decide: "Callable[Concatenate[Draft, P], T]", *args: P.args, **options: P.kwargs) -> T | None:
        """Decide on a draft of its own. None where that fails: nothing has changed, and its neighbours go on."""
        own = Draft(self, self.now, self.settings)
        try:
            decided = decide(own, *args, **options)
        except NotLoaded:
            raise
        except Exception:  # noqa: BLE001 - mostly a damaged value, which was reported when it was read
            return None
        self.join(own)
        return decided

    def each(self, decide: "Callable[Concatenate[Draft, str, P], bool]", names: Iterable[str], *args: P.args,
             **options: P.kwargs) -> int:  # fmt: skip
        """Attempt a decision for each of these names; return for how many something was done."""
        return sum(bool(self.attempt(decide, name, *args, **options)) for name in names)

    def changed(self, kind: type[R], name: str) -> R | None:
        """Return the record as it is in this draft alone; None where that does not have it."""
        return self.changes.records.get(kind.PREFIX + name)  # type: ignore[return-value]

    def edit(self, kind: type[R], name: str) -> R:
        """Return the record to change, a new one where there is none."""
        changed = self.changes.records
        key = kind.PREFIX + name
        record = changed.get(key)
        if record is None:
            known = None if key in changed else self.base.record(kind, name)
            record = changed[key] = known.copy() if known else kind(name)
        return record  # type: ignore[return-value]

    def add(self, record: Record) -> None:
        """Put a new record in the place of whatever has its name."""
        self.changes.records[record.key] = record

    def drop(self, kind: type[Record], name: str) -> None:
        self.changes.records[kind.PREFIX + name] = None

    # Tables

    def field(self, table: str, name: str) -> bytes | None:
        change = self.changes.tables.get(table)
        if change:
            if name in change.fields:
                return change.fields[name]
            if change.cleared:
                return None
        return self.base.field(table, name)

    def table(self, table: str) -> Mapping[str, bytes]:
        change = self.changes.tables.get(table)
        fields = {} if change and change.cleared else dict(self.base.table(table))
        for name, value in change.fields.items() if change else ():
            if value is None:
                fields.pop(name, None)
            else:
                fields[name] = value
        return fields

    def put(self, table: str, name: str, value: bytes, *, kept: int = 0) -> None:
        change = self._table(table)
        change.fields[name] = value
        change.kept = max(change.kept, kept)

    def remove(self, table: str, name: str) -> None:
        self._table(table).fields[name] = None

    def clear(self, table: str) -> None:
        self.changes.tables[table] = TableChange(cleared=True)

    def keep(self, table: str, kept: int) -> None:
        """Let it live for `kept` ms from now on."""
        self._table(table).kept = kept

    def _table(self, table: str) -> TableChange:
        return self.changes.tables.setdefault(table, TableChange())

    # Indexes

    def score(self, index: str, member: str) -> Score | None:
        change = self.changes.indexes.get(index)
        if change and member in change:
            return change[member]
        return self.base.score(index, member)

    def place(self, index: str, member: str, score: float) -> None:
        self.changes.indexes.setdefault(index, {})[member] = int(score)

    def take_out(self, index: str, member: str) -> None:
        self.changes.indexes.setdefault(index, {})[member] = None

    def size(self, index: str) -> int:
        change = self.changes.indexes.get(index, {})
        added = sum(
            (score is not None) - (self.base.score(index, member) is not None) for member, score in change.items()
        )
        return self.base.size(index) + added

    def ascending(self, index: str) -> Iterator[tuple[Score, str]]:
        """Yield members, the lowest score first. What is changed meanwhile is not seen."""
        base = self.base.ascending(index)
        return self._in_order(index, base, -1) if index in self.changes.indexes else base

    def descending(self, index: str) -> Iterator[tuple[Score, str]]:
        base = self.base.descending(index)
        return self._in_order(index, base, 1) if index in self.changes.indexes else base

    def first(self, index: str, until: float, most: int = 1 << 60) -> list[str]:
        """Return up to `most` members whose score is at most `until`, the lowest first."""
        found: list[str] = []
        for score, member in self.ascending(index):
            if score > until or len(found) >= most:
                break
            found.append(member)
        return found

    def _in_order(self, index: str, base: Iterator[tuple[Score, str]], sign: int) -> Iterator[tuple[Score, str]]:
        change = dict(self.changes.indexes[index])
        rows = sorted((score, member) for member, score in change.items() if score is not None)  # popped from the end
        if sign < 0:
            rows.reverse()
        for row in base:
            if row[1] in change:
                continue
            while rows and (rows[-1] < row if sign < 0 else rows[-1] > row):
                yield rows.pop()
            yield row
        while rows:
            yield rows.pop()

    # Logs and counts

    def log(self, log: str) -> Sequence[bytes]:
        change = self.changes.logs.get(log)
        if change is None:
            return self.base.log(log)
        return [*(() if change.cleared else self.base.log(log)), *change.lines][-change.most :]

    def append(self, log: str, line: bytes, *, most: int, kept: int, stream: bool = False) -> None:
        change = self.changes.logs.setdefault(log, LogChange([], most, kept, stream))
        change.lines.append(line)
        change.most, change.kept = most, kept

    def cut(self, log: str, *, most: int, kept: int) -> None:
        """Keep its last lines alone, for so many ms from now on."""
        change = self.changes.logs.setdefault(log, LogChange([], most, kept))
        change.most, change.kept = most, kept

    def clear_log(self, log: str) -> None:
        self.changes.logs[log] = LogChange([], 1, 0, cleared=True)

    def count(self, name: str, by: int = 1) -> None:
        counts = self.changes.counts
        counts[name] = counts.get(name, 0) + by

    def join(self, other: "Draft") -> None:
        """Take over what was decided in a draft over this one."""
        self.take(other.changes)
        for operation, lines in other.notes.items():
            self.notes.setdefault(operation, []).extend(lines)

    def take(self, changes: Changes) -> None:
        """Lay the changes of a draft over this one into it."""
        mine = self.changes
        mine.records |= changes.records
        for name, table in changes.tables.items():
            if table.cleared or name not in mine.tables:
                mine.tables[name] = table
            else:
                known = mine.tables[name]
                known.fields |= table.fields
                known.kept = table.kept or known.kept
        for name, index in changes.indexes.items():
            mine.indexes.setdefault(name, {}).update(index)
        for name, log in changes.logs.items():
            if log.cleared or name not in mine.logs:
                mine.logs[name] = log
            else:
                known_log = mine.logs[name]
                known_log.lines.extend(log.lines)
                known_log.most, known_log.kept = log.most, log.kept
        for name, by in changes.counts.items():
            mine.counts[name] = mine.counts.get(name, 0) + by
