"""Many streams read as one, newest first: page by page, and never more of them than a page may cost."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import NamedTuple, Self

from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition

LOOKED = 2000  # rows that one page looks at
FEWEST = 2  # rows that are asked of a stream at first
ROUNDS = 12  # each asks for twice as much of a stream as the one before

_CURSOR = re.compile(r"(\d{1,15})-(\d{1,15})-(\d{1,3})-(.*)", re.DOTALL)


class Position(NamedTuple):
    """A row's place among all: by its time, the newest first, then by its stream."""

    ms: int
    seq: int
    partition: int
    name: str

    @classmethod
    def load(cls, cursor: str) -> Self:
        """ValueError where it is none."""
        match = _CURSOR.fullmatch(cursor)
        if not match:
            raise ValueError("expected the cursor of an earlier page")
        ms, seq, partition, name = match.groups()
        return cls(int(ms), int(seq), int(partition), name)

    def dump(self) -> str:
        return f"{self.ms}-{self.seq}-{self.partition}-{self.name}"

    @staticmethod
    def split(id_: bytes) -> tuple[int, int]:
        """Of an entry's id in a stream."""
        ms, _, seq = id_.partition(b"-")
        return int(ms), int(seq)


class RawRow(NamedTuple):
    """A row as it is kept, and where."""

    ms: int
    seq: int
    partition: int
    name: str
    packed: bytes

    @property
    def position(self) -> Position:
        return Position(*self[:4])

    @property
    def order(self) -> tuple[int, int, int, str]:
        """The least is the newest."""
        return -self.ms, -self.seq, self.partition, self.name


Id = tuple[int, int]  # of an entry in a stream
NEWEST: Id = 2**62, 0  # above all


@dataclass(slots=True)
class _Stream:
    """One of them: what of it was read and not yet given, and how much is asked for next."""

    partition: int
    name: str
    end: Id  # what is still to be read is older
    first: Id = NEWEST  # its oldest entry
    ask: int = FEWEST
    rows: deque[RawRow] = field(default_factory=deque)
    over: bool = False

    def read_to(self, end: Id) -> None:
        """All but what is older was read. Asked for what is older than all it has, Redis would look at all it has."""
        self.end = end
        self.over = self.over or end <= self.first


class Merged:
    """The streams `<kind><name>` of these partitions and names, between two times, behind the row `before`."""

    def __init__(
        self,
        everywhere: Everywhere,
        kind: str,
        streams: Sequence[tuple[int, str]],
        *,
        since: float | None = None,
        until: float | None = None,
        before: Position | None = None,
    ) -> None:
        self.looked = 0
        self.cursor = ""
        self.looked_to: float | None = None
        self._everywhere = everywhere
        self._kind = kind
        self._start = f"{max(0, int(since * 1000))}" if since is not None else "-"
        end = NEWEST if until is None else (max(0, int(until * 1000)), 0)
        self._streams = [_Stream(number, name, min(end, _behind(before, number, name))) for number, name in streams]
        self._started = False

    async def newest(self, limit: int, fits: Callable[[bytes], bool]) -> list[RawRow]:
        """Up to so many of the newest that are `fits`."""
        if not self._started:
            await self._everywhere.of_each(self._begin)
            self._started = True
        rows, last = list[RawRow](), None
        share = -(-2 * limit // max(1, len(self._streams)))
        for stream in self._streams:
            stream.ask = max(FEWEST, share)
        for _ in range(ROUNDS):
            await self._refill()
            for row in self._rows():
                last = row
                self.looked += 1
                if fits(row.packed):
                    rows.append(row)
                if len(rows) == limit or self.looked == LOOKED:
                    break
            if len(rows) == limit or self.looked == LOOKED or not self.more:
                break
        if last and self.more:
            self.cursor = last.position.dump()
            self.looked_to = last.ms / 1000 if len(rows) < limit else None
        return rows

    @property
    def more(self) -> bool:
        """Return True where there may be rows that were not given yet."""
        return any(stream.rows or not stream.over for stream in self._streams)

    def _rows(self) -> Iterator[RawRow]:
        """The newest of what was read, one by one, until one of a stream that is still to be read may be newer."""
        heap = [(stream.rows[0].order, number) for number, stream in enumerate(self._streams) if stream.rows]
        heapify(heap)
        while heap:
            _, number = heappop(heap)
            stream = self._streams[number]
            yield stream.rows.popleft()
            if stream.rows:
                heappush(heap, (stream.rows[0].order, number))
            elif not stream.over:
                return

    async def _refill(self) -> None:
        empty = [stream for stream in self._streams if not stream.rows and not stream.over]
        if empty:
            await self._everywhere.of_each(lambda partition: self._read(partition, empty))

    async def _begin(self, partition: Partition) -> None:
        """Find out how far back each of them goes."""
        here = [stream for stream in self._streams if stream.partition == partition.number]
        async with self._everywhere.redis.pipeline(transaction=False) as pipeline:
            for stream in here:
                pipeline.xrange(partition.key(f"{self._kind}{stream.name}"), count=1)
            answers = await call(pipeline.execute()) if here else []
        for stream, entries in zip(here, answers, strict=True):
            stream.first = Position.split(entries[0][0]) if entries else NEWEST
            stream.read_to(stream.end)

    async def _read(self, partition: Partition, empty: Sequence[_Stream]) -> None:
        here = [stream for stream in empty if stream.partition == partition.number]
        async with self._everywhere.redis.pipeline(transaction=False) as pipeline:
            for stream in here:
                end = "+" if stream.end == NEWEST else "({}-{}".format(*stream.end)
                pipeline.xrevrange(partition.key(f"{self._kind}{stream.name}"), end, self._start, count=stream.ask)
            answers = await call(pipeline.execute()) if here else []
        for stream, entries in zip(here, answers, strict=True):
            stream.over = len(entries) < stream.ask
            for id_, fields in entries:
                row = RawRow(*Position.split(id_), stream.partition, stream.name, fields[b"r"])
                stream.rows.append(row)
                stream.read_to((row.ms, row.seq))
            stream.ask = min(2 * stream.ask, LOOKED)


def _behind(before: Position | None, partition: int, name: str) -> Id:
    """Return the id below which the rows of a stream come after this one."""
    if before is None:
        return NEWEST
    later = (partition, name) > (before.partition, before.name)  # of its very time, this comes after it
    return before.ms, before.seq + later
