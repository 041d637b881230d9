"""Pages of what is kept in the order of time, newest first; each costs no more than a page may."""

import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Generic, NamedTuple, Protocol, Self, TypeVar

from relay.store.queries.reader import Id, Reader, Span, Stretch

FIRST_ASK, LARGEST_ASK = 2, 2000  # lines that are asked of a stream at once
_CURSOR = re.compile(r"(\d{1,15})-(\d{1,15})-(.*)", re.DOTALL)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Newest first. `cursor` asks for what is older; '' if there is nothing.

    `looked` rows were looked at to find these, and where that was as many as one page may, all since `looked_to`
    (seconds since the epoch): there may be more before it, however few these are.
    """

    rows: Sequence[T]
    cursor: str
    looked: int
    looked_to: float | None


class Position(NamedTuple):
    """A row's place among all: by its time, the newest first, then by its name."""

    ms: int
    number: int
    name: str

    @classmethod
    def load(cls, cursor: str) -> Self | None:
        """Return None for ''. ValueError where it is no cursor."""
        if not cursor:
            return None
        match = _CURSOR.fullmatch(cursor)
        if not match:
            raise ValueError("expected the cursor of an earlier page")
        return cls(int(match[1]), int(match[2]), match[3])

    def dump(self) -> str:
        return f"{self.ms}-{self.number}-{self.name}"


class Row(NamedTuple):
    """A row as it is kept: a line of the stream of this name, or a member of an index."""

    position: Position
    content: bytes = b""


class Source(Protocol):
    @property
    def more(self) -> bool: ...
    async def take(self, count: int) -> Sequence[Row]:
        """Return the next ones; fewer where there are no more."""


async def page_of(
    source: Source,
    read: Callable[[Sequence[Row]], Awaitable[Sequence[T | None]]],
    *,
    limit: int,
    looked: int,
    step: int,
) -> Page[T]:
    """Take up to `limit` rows for which `read` has something, `step` at a time, among up to `looked`."""
    rows, taken, last = list[T](), 0, None
    left: Sequence[Row] = ()
    while len(rows) < limit and taken < looked:
        left = await source.take(min(step, looked - taken))
        for number, (row, found) in enumerate(zip(left, await read(left), strict=True), 1):
            taken, last = taken + 1, row.position
            if found is not None:
                rows.append(found)
            if len(rows) == limit:
                left = left[number:]
                break
        else:
            left = ()
        if not source.more:
            break
    more = last is not None and (source.more or bool(left))
    cut = more and len(rows) < limit
    return Page(rows, last.dump() if last and more else "", taken, last.ms / 1000 if last and cut else None)


class Members:
    """Members of an index between two times, behind that place; the newest first, or the oldest."""

    def __init__(
        self,
        reader: Reader,
        index: str,
        *,
        since: float | None = None,
        until: float | None = None,
        behind: Position | None = None,
        descending: bool = True,
    ) -> None:
        self.more = True
        self._reader = reader
        self._behind = behind
        low = None if since is None else round(since * 1000)
        high = None if until is None else round(until * 1000) - 1
        if behind:
            low, high = (low, behind.ms) if descending else (behind.ms, high)
        self._span = Span(index, 0, 0, low, high, descending)

    async def take(self, count: int) -> list[Row]:
        rows = list[Row]()
        while len(rows) < count and self.more:
            wanted = count - len(rows)
            [found] = await self._reader.members([self._span._replace(limit=wanted + 1)])
            self.more = len(found) > wanted
            self._span = self._span._replace(skip=self._span.skip + min(len(found), wanted))
            positions = [Position(score, 0, member) for member, score in found[:wanted]]
            rows += [Row(position) for position in positions if self._is_next(position)]
        return rows

    def _is_next(self, position: Position) -> bool:
        """Return False for what has the same score as the place, and was given before."""
        if self._behind is None:
            return True
        return position < self._behind if self._span.descending else position > self._behind


@dataclass(slots=True)
class _Stream:
    """One of them: what of it was read and not yet given, and how much is asked for next."""

    name: str
    end: Id | None  # what is still to be read is older
    ask: int = FIRST_ASK
    rows: deque[Row] = field(default_factory=deque)
    over: bool = False


class Lines:
    """Lines of the streams `<kind><name>` as one: between two times, and behind that place."""

    def __init__(
        self,
        reader: Reader,
        kind: str,
        names: Sequence[str],
        *,
        since: float | None = None,
        until: float | None = None,
        behind: Position | None = None,
    ) -> None:
        self._reader = reader
        self._kind = kind
        self._since = 0 if since is None else max(0, round(since * 1000))
        ends = [] if until is None else [(max(0, round(until * 1000)), 0)]
        self._streams = [_Stream(name, min([*ends, *_end(behind, name)], default=None)) for name in names]

    @property
    def more(self) -> bool:
        return any(stream.rows or not stream.over for stream in self._streams)

    async def take(self, count: int) -> list[Row]:
        share = -(-count // max(1, len(self._streams)))
        for stream in self._streams:
            stream.ask = max(FIRST_ASK, share)
        rows = list[Row]()
        while len(rows) < count and self.more:
            await self._refill()
            for row in self._next():
                rows.append(row)
                if len(rows) == count:
                    break
        return rows

    def _next(self) -> Iterator[Row]:
        """Yield the newest of what was read, until one of a stream that is still to be read may be newer."""
        heap = [(*_order(stream.rows[0]), number) for number, stream in enumerate(self._streams) if stream.rows]
        heapify(heap)
        while heap:
            *_, number = heappop(heap)
            stream = self._streams[number]
            yield stream.rows.popleft()
            if stream.rows:
                heappush(heap, (*_order(stream.rows[0]), number))
            elif not stream.over:
                return

    async def _refill(self) -> None:
        empty = [stream for stream in self._streams if not stream.rows and not stream.over]
        asks = [Stretch(self._kind + stream.name, stream.ask, self._since, stream.end) for stream in empty]
        for stream, lines in zip(empty, await self._reader.lines(asks) if asks else (), strict=True):
            stream.over = len(lines) < stream.ask
            stream.rows.extend(Row(Position(line.ms, line.number, stream.name), line.content) for line in lines)
            if lines:
                stream.end = (lines[-1].ms, lines[-1].number)
            stream.ask = min(2 * stream.ask, LARGEST_ASK)


def _order(row: Row) -> tuple[int, int, str]:
    """Return what is least for the newest."""
    ms, number, name = row.position
    return -ms, -number, name


def _end(behind: Position | None, name: str) -> list[Id]:
    """Return the id below which the lines of a stream come after this row: of its very time, those of later names."""
    return [(behind.ms, behind.number + (name > behind.name))] if behind else []
