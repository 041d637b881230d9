"""The state that decisions read, and changes of it.

A partition's state is five kinds of things, each under a name:

    record   one value with named fields (relay/engine/records.py), read and written as a whole
    table    named texts that grow one by one: documents, rows of a digest
    index    members by score, for instance what is due and when
    log      lines, of which the last ones are kept
    count    a number of the ledger; decisions add to it and never read it
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Protocol, Self, TypeVar

Score = int  # mostly ms since the epoch


@cache
def _containers(kind: type) -> tuple[str, ...]:
    """Return the fields of a record that are dicts or lists."""
    return tuple(one.name for one in fields(kind) if one.default_factory in (dict, list))


@dataclass
class Record:
    """A value with named fields. Its fields are replaced, and containers in them are copied with it, one level deep."""

    PREFIX: ClassVar[str] = ""  # begins its key
    KEPT: ClassVar[int] = 0  # ms after its last write; 0: until it is dropped

    name: str

    def copy(self) -> Self:
        copied = object.__new__(type(self))
        mine = copied.__dict__
        mine.update(self.__dict__)
        for name in _containers(type(self)):  # type: ignore[arg-type]
            mine[name] = mine[name].copy()
        return copied

    def reset(self, names: Iterable[str]) -> None:
        """Give these fields their first values."""
        fresh = vars(type(self)(self.name))
        for name in names:
            setattr(self, name, fresh[name])

    @property
    def key(self) -> str:
        return self.PREFIX + self.name

    @property
    def lives(self) -> int:
        """Return the ms for which it is kept after its last write; 0: until it is dropped."""
        return self.KEPT


R = TypeVar("R", bound=Record)


class State(Protocol):
    """Reads of a decision. A state that has only a part at hand raises `NotLoaded`, and the step runs again."""

    def record(self, kind: type[R], name: str) -> R | None: ...
    def field(self, table: str, name: str) -> bytes | None: ...
    def table(self, table: str) -> Mapping[str, bytes]: ...
    def score(self, index: str, member: str) -> Score | None: ...
    def size(self, index: str) -> int: ...
    def ascending(self, index: str) -> Iterator[tuple[Score, str]]: ...
    def descending(self, index: str) -> Iterator[tuple[Score, str]]: ...
    def log(self, log: str) -> Sequence[bytes]:
        """Return its lines, the oldest first; up to a quarter more than are kept, as it is not cut at each line."""


class NotLoaded(Exception):
    """Part of the state that has to be read first: `kind` is record, field, table, index or log."""

    def __init__(self, kind: str, *names: Any) -> None:
        super().__init__(kind, *names)
        self.kind, self.names = kind, names
        self.others: Sequence[NotLoaded] = ()  # what is missing as well


@dataclass(slots=True)
class TableChange:
    """`fields`: None removes one. `cleared`: drop the rest. `kept`: ms that it lives from now on; 0: no change."""

    fields: dict[str, bytes | None] = field(default_factory=dict)
    cleared: bool = False
    kept: int = 0


@dataclass(slots=True)
class LogChange:
    """Lines to append, how many of all are kept, and for how many ms. A `stream` is read by time, by people alone.

    `cleared`: drop what was there.
    """

    lines: list[bytes]
    most: int
    kept: int
    stream: bool = False
    cleared: bool = False


@dataclass(slots=True)
class Changes:
    """Everything that follows from a step. Applied as a whole, or not at all."""

    records: dict[str, Record | None] = field(default_factory=dict)  # by key; None: dropped
    tables: dict[str, TableChange] = field(default_factory=dict)
    indexes: dict[str, dict[str, Score | None]] = field(default_factory=dict)
    logs: dict[str, LogChange] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
