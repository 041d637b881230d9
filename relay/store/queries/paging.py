"""Pages of what is kept in the order of time, newest first; each costs no more than a page may."""

import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace
from typing import Any, Generic, NamedTuple, Self, TypeVar

from relay.store.queries.reader import Id, Line, Reader, Span, Stretch

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
    content: Any = b""


async def page_of(
    source: AsyncIterator[Row],
    read: Callable[[Sequence[Row]], Awaitable[Sequence[T | None]]],
    *,
    limit: int,
    looked: int,
    step: int,
) -> Page[T]:
    """Take up to `limit` rows for which `read` has something, `step` at a time, among up to `looked`."""
    rows, taken, last, more = list[T](), 0, None, True
    batch = list[Row]()
    while more and len(rows) < limit and taken < looked:
        asked = min(step, looked - taken)
        batch = await take(source, asked)
        more = len(batch) == asked
        for row, found in zip(batch, await read(batch), strict=True):
            taken, last = taken + 1, row.position
            if found is not None:
                rows.append(found)
            if len(rows) == limit:
                break
    more = bool(batch) and (last != batch[-1].position or (more and bool(await take(source, 1))))
    cut = more and len(rows) < limit
    return Page(rows, last.dump() if last and more else "", taken, last.ms / 1000 if last and cut else None)


async def take(source: AsyncIterator[Row], count: int) -> list[Row]:
    """Return the next ones; fewer where there are no more."""
    rows = list[Row]()
    async for row in source:
        rows.append(row)
        if len(rows) == count:
            break
    return rows


async def members(
    reader: Reader,
    index: str,
    step: int,
    *,
    since: float | None = None,
    until: float | None = None,
    behind: Position | None = None,
    descending: bool = True,
) -> AsyncIterator[Row]:
    """Yield members of an index between two times, behind that place; the newest first, or the oldest."""
    low = None if since is None else round(since * 1000)
    high = None if until is None else round(until * 1000) - 1
    if behind:
        low, high = (low, behind.ms) if descending else (behind.ms, high)
    span = Span(index, step + 1, 0, low, high, descending)
    edge: int | None = None
    while True:
        [found] = await reader.members([span])
        for member, score in found:
            position = Position(score, 0, member)
            # What has the same score as the place, and was given before, is not given again.
            if behind is None or (position < behind if descending else position > behind):
                yield Row(position)
        if len(found) < span.limit:
            return
        # On from the last one's score: what leaves the index meanwhile takes no place of what is still to be read.
        last = found[-1][1]
        ties = sum(score == last for _, score in found) + (span.skip if last == edge else 0)
        span, edge = span._replace(skip=ties), last
        span = span._replace(high=last) if descending else span._replace(low=last)


@dataclass(slots=True)
class _Stream:
    """One of them: what of it was read and not yet given, and how much is asked for next."""

    name: str
    ask: int
    end: Id | None  # what is still to be read is older
    rows: deque[Row] = field(default_factory=deque)
    over: bool = False

    @property
    def order(self) -> tuple[int, int, str]:
        """Return what is least for the newest."""
        ms, number, name = self.rows[0].position
        return -ms, -number, name


async def lines(
    read: Callable[[Sequence[Stretch]], Awaitable[list[list[Line]]]],
    kind: str,
    names: Sequence[str],
    step: int,
    *,
    since: float | None = None,
    until: float | None = None,
    behind: Position | None = None,
) -> AsyncIterator[Row]:
    """Yield lines of the streams `<kind><name>` as one: between two times, and behind that place."""
    first = 0 if since is None else max(0, round(since * 1000))
    ends = [] if until is None else [(max(0, round(until * 1000)), 0)]
    share = max(FIRST_ASK, -(-(step + 1) // max(1, len(names))))
    streams = [_Stream(name, share, min([*ends, *_end(behind, name)], default=None)) for name in names]

    async def fill(empty: Sequence[_Stream]) -> None:
        asks = [Stretch(kind + stream.name, stream.ask, first, stream.end) for stream in empty]
        for stream, found in zip(empty, await read(asks), strict=True):
            stream.over = len(found) < stream.ask
            stream.rows.extend(Row(Position(*line[:2], stream.name), line.content) for line in found)
            stream.end = found[-1][:2] if found else None
            stream.ask = min(2 * stream.ask, LARGEST_ASK)

    await fill(streams)
    heap = [(*stream.order, number) for number, stream in enumerate(streams) if stream.rows]
    heapify(heap)
    while heap:
        stream = streams[heap[0][-1]]
        yield stream.rows.popleft()
        if not stream.rows and not stream.over:
            await fill([stream])
        if stream.rows:
            heapreplace(heap, (*stream.order, heap[0][-1]))
        else:
            heappop(heap)


def _end(behind: Position | None, name: str) -> list[Id]:
    """Return the id below which the lines of a stream come after this row: of its very time, those of later names."""
    return [(behind.ms, behind.number + (name > behind.name))] if behind else []
