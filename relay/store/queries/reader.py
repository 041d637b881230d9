"""Reads of a partition's state in Redis beside its owner (relay/store/journal/writes.py says how it is kept there)."""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import structlog
from pydantic_core import from_json

from relay.engine.state import Record
from relay.errors import Unreadable
from relay.store.journal.clock import time_of
from relay.store.journal.codec import Codec
from relay.store.journal.scripts import Scripts
from relay.store.journal.writes import LEDGER
from relay.store.wire import Command

log = structlog.get_logger(__name__)

STEP = 250  # commands, or values of one, at a time: events wait for no more
R = TypeVar("R", bound=Record)
S = TypeVar("S")
T = TypeVar("T")
Id = tuple[int, int]  # of a line in a stream: ms since the epoch, and its number among those of this ms


class Span(NamedTuple):
    """Members of an index, the lowest score first; those from `low` to `high`, where these are given."""

    name: str
    limit: int
    skip: int = 0
    low: int | None = None
    high: int | None = None
    descending: bool = False


class Stretch(NamedTuple):
    """Lines of a stream, the newest first: from `since` (ms) on, and before `before`."""

    name: str
    limit: int
    since: int = 0
    before: Id | None = None


class Line(NamedTuple):
    """A line of a stream."""

    ms: int
    number: int
    content: Any  # bytes in a partition


class Reader:
    """Several of a kind are read together. Every failure is StoreUnavailable.

    Logs and leaves out records that cannot be read: they are damaged, or of a newer release.
    """

    def __init__(self, scripts: Scripts, codec: Codec, prefix: str, clock: Callable[[], float] | None = None) -> None:
        """`prefix` begins all keys of the partition. `clock` takes the place of Redis's, for tests."""
        self._clock = clock
        self._scripts = scripts
        self._codec = codec
        self._prefix = prefix

    async def now(self) -> int:
        """Return the partition's time, in ms since the epoch: Redis's, or that of the last commit if it is ahead."""
        (seconds, micros), mark = await self._ask([("TIME",), ("GET", self._key("mark"))])
        redis = int(self._clock() * 1000) if self._clock else int(seconds) * 1000 + int(micros) // 1000
        return max(redis, time_of((mark or b"").decode()))

    async def records(self, kind: type[R], names: Sequence[str]) -> list[R | None]:
        def read(name: str, value: bytes) -> R | None:
            key = kind.PREFIX + name
            return readable(key, lambda stored: self._codec.read_record(kind, name, stored, key), value)

        found: list[R | None] = []
        for first in range(0, len(names), STEP):
            step = names[first : first + STEP]
            [values] = await self._ask([("MGET", *(self._key(kind.PREFIX + name) for name in step))])
            stored = zip(step, values, strict=True)
            found += [None if value is None else read(name, value) for name, value in stored]
        return found

    async def values(self, names: Sequence[str]) -> list[bytes | None]:
        [values] = await self._ask([("MGET", *map(self._key, names))])
        return list(values)

    async def table(self, table: str) -> Mapping[str, bytes]:
        fields: dict[str, bytes] = {}
        cursor: bytes | int = 0
        while True:  # piece by piece
            [(cursor, flat)] = await self._ask([("HSCAN", self._key(table), cursor, "COUNT", STEP)])
            fields |= {name.decode(): value for name, value in _pairs(flat)}
            if not int(cursor):
                return fields

    async def fields(self, table: str, names: Sequence[str]) -> list[bytes | None]:
        if not names:
            return []
        [values] = await self._ask([("HMGET", self._key(table), *map(_bytes, names))])
        return list(values)

    async def table_sizes(self, tables: Sequence[str]) -> list[int]:
        return await self._ask([("HLEN", self._key(table)) for table in tables])

    async def scores(self, places: Sequence[tuple[str, str]]) -> list[int | None]:
        """Return the scores of these members, each behind its index."""
        answers = await self._ask([("ZSCORE", self._key(index), _bytes(member)) for index, member in places])
        return [None if score is None else int(float(score)) for score in answers]

    async def sizes(self, indexes: Sequence[str]) -> list[int]:
        return await self._ask([("ZCARD", self._key(index)) for index in indexes])

    async def members(self, spans: Sequence[Span]) -> list[list[tuple[str, int]]]:
        answers = await self._ask([self._span(span) for span in spans])
        return [[(member.decode(), int(float(score))) for member, score in _pairs(rows)] for rows in answers]

    def _span(self, span: Span) -> Command:
        low = "-inf" if span.low is None else span.low
        high = "+inf" if span.high is None else span.high
        order = (high, low, "BYSCORE", "REV") if span.descending else (low, high, "BYSCORE")
        return "ZRANGE", self._key(span.name), *order, "LIMIT", span.skip, span.limit, "WITHSCORES"

    async def logs(self, logs: Sequence[str], limit: int) -> list[Sequence[bytes]]:
        """Return the newest lines of each, oldest first."""
        return await self._ask([("LRANGE", self._key(name), -limit, -1) for name in logs])

    async def lines(self, stretches: Sequence[Stretch]) -> list[list[Line]]:
        # Asked for what is older than all that a stream has, Redis would look at all of it.
        behind = [stretch for stretch in stretches if stretch.before]
        firsts = await self._ask([("XRANGE", self._key(it.name), "-", "+", "COUNT", 1) for it in behind])
        oldest = {it.name: id_of(rows[0][0]) for it, rows in zip(behind, firsts, strict=True) if rows}
        asked = [it for it in stretches if it.before is None or it.before > oldest.get(it.name, it.before)]
        answers = iter(await self._ask([self._stretch(stretch) for stretch in asked]))
        return [_lines(next(answers)) if it in asked else [] for it in stretches]

    def _stretch(self, stretch: Stretch) -> Command:
        end = f"({stretch.before[0]}-{stretch.before[1]}" if stretch.before else "+"
        return "XREVRANGE", self._key(stretch.name), end, stretch.since, "COUNT", stretch.limit

    async def counts(self, table: str = LEDGER) -> Mapping[str, int]:
        """Return a hash of numbers."""
        [flat] = await self._ask([("HGETALL", self._key(table))])
        return {name.decode(): int(count) for name, count in _pairs(flat)}

    def _key(self, name: str) -> bytes:
        return _bytes(self._prefix + name)

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        answers: list[Any] = []
        for first in range(0, len(commands), STEP):
            answers += await self._scripts.read(commands[first : first + STEP])
        return answers


def readable(name: str, read: Callable[[S], T], stored: S) -> T | None:
    """Return what `read` makes of the value of this name; None, logged, if it cannot: it costs others nothing."""
    try:
        return read(stored)
    except Unreadable as error:
        fault = str(error)
    except (ValueError, TypeError, KeyError, zlib.error) as error:  # whose words may quote the value
        fault = type(error).__name__
    log.error("record.unreadable", record=name, error=fault)
    return None


def documents(name: str, written: Iterable[bytes]) -> list[Any]:
    """Return what these lines of a log say, without those that cannot be read."""
    return [found for line in written if (found := readable(name, from_json, line)) is not None]


def _lines(rows: Iterable[Any]) -> list[Line]:
    return [Line(*id_of(id_), fields[1]) for id_, fields in rows]


def _pairs(answer: Any) -> Iterable[tuple[bytes, Any]]:
    """Return the pairs of an answer by either of Redis's protocols."""
    if isinstance(answer, Mapping):
        return answer.items()
    return answer if answer and isinstance(answer[0], list) else zip(answer[::2], answer[1::2], strict=True)


def _bytes(name: str) -> bytes:
    """Return a name, which people may have typed, as bytes: half a pair of surrogates names nothing."""
    return name.encode("utf-8", "replace")


def id_of(text: bytes) -> Id:
    ms, _, number = text.partition(b"-")
    return int(ms), int(number)
