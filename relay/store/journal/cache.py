"""The state that decisions read, over Redis: what was read or written lately is in memory, and true.

Only the owner writes these keys, so what is here is what Redis has as long as the owner's term holds. What is not here
is mostly new: it is taken to be absent, and noted as a guess. All that a batch asks for is read at once, and where a
guess was wrong, it is decided anew. An index cannot be guessed (`NotLoaded`).
"""

import sys
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from relay.engine.state import Changes, NotLoaded, Record, Score, TableChange
from relay.errors import Unreadable
from relay.store.journal.reading import Found, Reading, key_of
from relay.store.journal.writes import SLACK
from relay.store.keys import PREFIX

R = TypeVar("R", bound=Record)
T = TypeVar("T")
MOST_REPORTED = 1_000  # values that cannot be read
# What a value takes in memory, about: some bytes for each of those in Redis, and some for each entry of a container.
SPREAD, EACH = 4, 150
RECORD = 1_000  # of a record: its empty dicts and lists, and its place here

log = structlog.get_logger(__name__)


def _bytes(values: Iterable[bytes | None]) -> int:
    """Return what values of a table or a log take in memory, about."""
    return sum(len(value or b"") + EACH for value in values)


def _bytes_of(record: Record | None, stored: int) -> int:
    """Return what a record takes in memory, of which so many bytes are stored: 0.95 to 1.4 times what is measured."""
    return EACH if record is None else sys.getsizeof(record.__dict__) + RECORD + SPREAD * stored + EACH


class Sorted:
    """Members in the order of their scores."""

    def __init__(self, scores: Iterable[tuple[str, Score]] = ()) -> None:
        self.scores = dict(scores)
        self.order = sorted((score, member) for member, score in self.scores.items())

    def set(self, member: str, score: Score | None) -> None:
        was = self.scores.pop(member, None)
        if was is not None:
            del self.order[bisect_left(self.order, (was, member))]
        if score is not None:
            self.scores[member] = score
            insort(self.order, (score, member))


@dataclass(slots=True)
class Hot:
    """A value in memory. `whole`: all fields of the table are here. `until`: when it has expired; 0: never."""

    value: Any
    size: int
    until: int = 0
    whole: bool = True


class Cache:
    """A `State`. `now` is the partition's time of the batch, by which values expire."""

    def __init__(self, reading: Reading, most_bytes: int) -> None:
        self.reading, self._most_bytes = reading, most_bytes
        self._hot = OrderedDict[str, Hot]()
        self._unreadable: dict[str, Unreadable] = {}  # until the next commit: then it is read again
        self.damaged: dict[str, str] = {}  # key → why it cannot be read, until it can
        self.guesses: dict[tuple[Any, ...], NotLoaded] = {}  # what was taken to be absent, and is to be read
        self.bytes = 0
        self.now = 0
        self.gone = set[str]()  # tables and logs that have expired by `now`, and that Redis may keep for a moment yet

    # What decisions read

    def record(self, kind: type[R], name: str) -> R | None:
        hot = self._find(kind.PREFIX + name)
        return hot.value if hot else self._guess(None, "record", kind, name)

    def field(self, table: str, name: str) -> bytes | None:
        hot = self._find(table)
        if hot is None or (not hot.whole and name not in hot.value):
            return self._guess(None, "field", table, name)
        return hot.value.get(name) if hot.value else None

    def table(self, table: str) -> Mapping[str, bytes]:
        hot = self._find(table)
        if hot is None or not hot.whole:
            return self._guess({}, "table", table)
        return hot.value or {}

    def score(self, index: str, member: str) -> Score | None:
        return self._index(index).scores.get(member)

    def size(self, index: str) -> int:
        return len(self._index(index).scores)

    def ascending(self, index: str) -> Iterator[tuple[Score, str]]:
        return iter(self._index(index).order)

    def descending(self, index: str) -> Iterator[tuple[Score, str]]:
        return reversed(self._index(index).order)

    def log(self, log: str) -> Sequence[bytes]:
        hot = self._find(log)
        if hot is None:
            return self._guess((), "log", log)
        return hot.value or ()

    def _index(self, index: str) -> Sorted:
        hot = self._find(index)
        if hot is None:
            raise NotLoaded("index", index)
        return hot.value  # type: ignore[no-any-return]

    def _find(self, key: str) -> Hot | None:
        hot = self._hot.get(key)
        if hot is None:
            if error := self._unreadable.get(key):
                raise error.with_traceback(None)
            return None
        self._hot.move_to_end(key)
        if hot.until and hot.until <= self.now:
            hot.value, hot.whole, hot.until = None, True, 0
            self._resize(hot, EACH - hot.size)
            self.gone.add(key)
        return hot

    def _guess(self, nothing: T, kind: str, *names: Any) -> T:
        self.guesses[kind, *names] = NotLoaded(kind, *names)
        return nothing

    def confirm(self) -> bool:
        """Return whether all that was taken to be absent is; it was read since."""
        guesses = [*self.guesses]
        self.guesses.clear()
        try:
            read = [(kind, getattr(self, kind)(*names)) for kind, *names in guesses]
        except Unreadable:
            return False
        return not any(value is not None and (value or kind == "field") for kind, value in read)

    def has(self, key: str) -> bool:
        """Return True where it need not be read."""
        return key in self._hot

    def lives(self, key: str) -> bool:
        """Return True where it is here, and has not expired."""
        hot = self._hot.get(key)
        return hot is not None and not 0 < hot.until <= self.now

    # What a commit changed

    def apply(self, changes: Changes, now: int, sizes: Mapping[str, int], lives: Mapping[str, int]) -> None:
        """Take over what is committed. Of tables, indexes and logs that are not here nothing is kept.

        `lives`: for how many ms Redis keeps a table or log, where that was said: it is over here when it will be for an
        owner that reads it there.
        """
        self.now = now
        for key, record in changes.records.items():
            until = now + record.lives if record is not None and record.lives else 0
            self._keep(key, Hot(record, _bytes_of(record, sizes.get(key, 0)), until))
        for name, table in changes.tables.items():
            self._apply_table(name, table, lives)
        for name, index in changes.indexes.items():
            if hot := self._known(name):
                before = len(hot.value.scores)
                for member, score in index.items():
                    hot.value.set(member, score)
                self._resize(hot, (len(hot.value.scores) - before) * EACH * 2)
        for name, log in changes.logs.items():
            if hot := self._known(name):
                lines = [*(hot.value or ()), *log.lines]
                hot.value, dropped = lines[-log.most :], lines[: -log.most]
                self._resize(hot, _bytes(log.lines) - _bytes(dropped))
                hot.until = now + lives[name] - SLACK if name in lives else hot.until
        self.gone -= changes.tables.keys() | changes.logs.keys()  # at last: what was written unread may be found over

    def _apply_table(self, name: str, table: TableChange, lives: Mapping[str, int]) -> None:
        if table.cleared:
            self._keep(name, Hot({}, EACH))
        hot = self._known(name)
        if hot is None:
            return
        fields = hot.value = hot.value or {}
        for key, value in table.fields.items():
            before = _bytes([fields[key]]) if key in fields else 0
            self._resize(hot, (0 if value is None and hot.whole else _bytes([value])) - before)
            if value is None and hot.whole:
                fields.pop(key, None)
            else:
                fields[key] = value
        hot.until = self.now + lives[name] - SLACK if name in lives else hot.until
        if hot.whole and not fields:
            hot.until = 0  # Redis keeps no empty table

    def _known(self, key: str) -> Hot | None:
        """Return what is here and can be kept up to date."""
        return self._find(key) if key in self._hot else None

    def _keep(self, key: str, hot: Hot) -> None:
        self._unreadable.pop(key, None)
        self.damaged.pop(PREFIX + key, None)
        if was := self._hot.pop(key, None):
            self.bytes -= was.size
        self._hot[key] = hot
        self.bytes += hot.size

    def _resize(self, hot: Hot, by: int) -> None:
        hot.size += by
        self.bytes += by

    def forget(self) -> None:
        """Read everything anew."""
        self._hot.clear()
        self.gone.clear()
        self.bytes = 0

    def trim(self) -> None:
        """Let go of what was not used for longest. What could not be read is read again the next time."""
        self._unreadable.clear()
        while self.bytes > self._most_bytes and self._hot:
            key, hot = self._hot.popitem(last=False)
            self.bytes -= hot.size
            self.gone.discard(key)

    # What is not here

    async def load(self, missing: Iterable[NotLoaded], mark: str) -> None:
        """Read all of it. OtherData where Redis has another mark than this one when that is done."""
        for found in await self.reading.read(missing, mark):
            self._take(found)

    def _take(self, found: Found) -> None:
        kind, names, value = found.kind, found.names, found.value
        key = key_of(kind, names)
        if isinstance(value, Unreadable):
            self._unreadable[key] = value
            if PREFIX + key not in self.damaged and len(self.damaged) < MOST_REPORTED:
                self.damaged[PREFIX + key] = str(value)
                log.error("record.unreadable", record=PREFIX + key, error=str(value))
            return
        if found.is_over:
            self.gone.add(key)
        until = self.now + found.left if found.left and not found.is_over else 0
        hot = self._hot.get(key)
        if kind == "field" and hot is not None:
            if not hot.whole:  # else it came whole with the same answers
                hot.value[names[1]] = value
                self._resize(hot, len(value or b"") + EACH)
        elif kind == "field":
            self._keep(key, Hot({names[1]: value}, len(value or b"") + 2 * EACH, until, whole=False))
        elif kind == "index":
            self._keep(key, Hot(Sorted(value), EACH + sum(len(member) + 2 * EACH for member, _ in value)))
        else:
            values = value.values() if kind == "table" and value else value or ()
            size = _bytes_of(value, found.size) if kind == "record" else _bytes(values)
            self._keep(key, Hot(value, size + EACH, until if value else 0))
