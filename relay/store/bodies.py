"""Bodies of sources as they came: the last ones of each, and in a bound of their own those that were refused.

The last ones are for authors of formats, and lie beside the events: `add` remembers one in this process, and `run`
writes what came last once a second. What a crash or an absent Redis takes is missing here and nowhere else. Refused are
signed bodies that made no sense, or that relay itself failed on. They are the quarantine, and so are entries of the
inbox (set_aside.py).
"""

import asyncio
import contextlib
import json
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial

import structlog

from relay import metrics
from relay.engine.names import digest
from relay.errors import NoRoom, StoreUnavailable
from relay.store.keys import ENTRY, FAULTS, REFUSED, SET_ASIDE
from relay.store.plain import Plain, dumped
from relay.store.queries.paging import Position
from relay.store.queries.reader import readable
from relay.store.set_aside import SetAside

LAST = 20  # of each source
LONGEST = 128 * 2**10  # bytes; a longer one is not among the last
SECONDS = 7 * 86_400
PERIOD = 1.0  # seconds; of a source that sends faster only the last ones are packed and written
LEVEL = 3  # of zlib: some 15 kB of GitHub's become 1.4 in 20 µs
MOST = 1000  # refused ones, and as many that relay failed on; of senders' faults the oldest leave first
MOST_BYTES = 64 * 2**20  # of the bodies of each
LEAVING = 20  # that leave together

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LastBody:
    """A body as it came, `at` seconds since the epoch. `headers`: those that are kept, as in the quarantine."""

    at: float
    headers: Mapping[str, str]
    body: bytes
    number: int = 0  # the source's bodies are counted from 1


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One of a list: without its body, which has `size` bytes."""

    id: str
    source: str
    reason: str
    at: datetime
    fault: bool  # relay itself failed on it; the reason is the error's class and place
    size: int

    @property
    def position(self) -> Position:
        """Return its place: faults are first, then the newest."""
        return Position(int(self.fault), round(self.at.timestamp() * 1000), self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined(QuarantineRow):
    """A body that was signed but made no sense, or that relay itself failed on; as it came."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class QuarantinePage:
    """The bodies that relay itself failed on, then the others; of each the newest first. `matching` is how many there
    are on all pages, `cursor` asks for the next one; '' if there is none.
    """

    rows: Sequence[QuarantineRow]
    matching: int
    cursor: str


@dataclass(frozen=True, slots=True)
class QuarantineQuery:
    """From this source ('': any), from `since` until before `until` (seconds since the epoch); `fault`: relay's own."""

    source: str = ""
    fault: bool | None = None
    since: float | None = None
    until: float | None = None

    def matches(self, row: QuarantineRow) -> bool:
        at = row.at.timestamp()
        return (
            self.source in ("", row.source)
            and self.fault in (None, row.fault)
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
        )


EVERY = QuarantineQuery()


class Bodies:
    """Every failure is StoreUnavailable. `entries`: those of the inbox that are beside them."""

    def __init__(self, plain: Plain) -> None:
        self.entries = SetAside(plain)
        self._plain = plain
        self._new: dict[str, deque[LastBody]] = {}
        self._unseen = MOST_BYTES  # bytes refused since the rows of those were looked at

    # The last ones

    def add(self, source: str, body: bytes, headers: Mapping[str, str], at: float) -> None:
        """Remember a body until the next turn of `run`. It waits for nothing and never fails."""
        if len(body) <= LONGEST:
            self._new.setdefault(source, deque(maxlen=LAST)).append(LastBody(at, headers, body))

    async def run(self) -> None:
        """Write until cancelled. Never raises: relay goes on without them."""
        while True:
            await asyncio.sleep(PERIOD)
            try:
                await self.flush()
            except Exception as error:  # noqa: BLE001 - as above
                log.error("bodies.failed", error=type(error).__name__)

    async def flush(self) -> None:
        """Write what came since the last time. What Redis does not take is forgotten."""
        new, self._new = self._new, {}
        for source, bodies in new.items():
            with contextlib.suppress(StoreUnavailable):
                await self._write(source, bodies)

    async def _write(self, source: str, bodies: Iterable[LastBody]) -> None:
        bodies, counter = list(bodies), f"bodies:{_digest(source)}"
        [total] = await self._plain.do(("INCRBY", counter, len(bodies)))
        first = total - len(bodies) + 1
        # Beside the loop: packing bodies of the greatest length takes longer than events should wait.
        packed = await asyncio.to_thread(lambda: [self._packed(source, *row) for row in enumerate(bodies, first)])
        sets = [("SET", name, content, "EX", SECONDS) for name, content in packed]
        await self._plain.do(("EXPIRE", counter, 2 * SECONDS), *sets)

    def _packed(self, source: str, number: int, body: LastBody) -> tuple[str, bytes]:
        name = _slots(source)[number % LAST]
        packed = zlib.compress(json.dumps([number, body.at, dict(body.headers)]).encode() + b"\n" + body.body, LEVEL)
        return name, packed

    async def last(self, source: str) -> list[LastBody]:
        """Return the last ones of a source, the newest first."""
        bodies = []
        slots = _slots(source)
        for slot, packed in zip(slots, await self._plain.values(slots), strict=True):
            if packed and (body := readable(slot, _unpacked, packed)):
                bodies.append(body)
        return sorted(bodies, key=lambda body: -body.number)

    # The quarantine

    async def keep(self, source: str, body: bytes, headers: Mapping[str, str], reason: str, *, fault: bool) -> str:
        if fault:
            await self._check_room(len(body))
        else:
            await self.trim(len(body))
        name = "q-" + digest("quarantine", source, body.hex()).hex()[:16]
        row = {"source": source, "reason": reason, "at": await self._plain.now(), "size": len(body)}
        whole = json.dumps(dict(headers)).encode() + b"\n" + body
        here, there = (FAULTS, REFUSED) if fault else (REFUSED, FAULTS)
        # Its row first: alone that leaves with the oldest, or when people drop it. A body alone would stay for ever.
        await self._plain.do(("HSET", here, name, dumped(row)), ("HDEL", there, name))
        await self._plain.do(("SET", _body(name), whole))
        return name

    async def trim(self, coming: int = 0) -> None:
        """Let the oldest of what senders did wrong leave, where another one of so many bytes would be too much.

        What this process kept since it looked last is less than a sixteenth of the bound beyond it.
        """
        [refused] = await self._plain.table_sizes([REFUSED])
        self._unseen += coming
        if refused < MOST and self._unseen < MOST_BYTES // 16:
            return
        newest = sorted(await self._rows(REFUSED), key=lambda row: row.at, reverse=True)
        most = MOST - LEAVING if refused >= MOST else refused
        total, gone, self._unseen = coming, list[QuarantineRow](), 0
        for place, row in enumerate(newest):
            total += row.size
            if place >= most or total > MOST_BYTES:
                gone.append(row)
        for source, count in Counter(row.source for row in gone).items():
            metrics.displaced.labels(source).inc(count)
            log.warning("quarantine.displaced", source=source, count=count)
        await self.release([row.id for row in gone])

    async def _check_room(self, coming: int) -> None:
        """Raise NoRoom rather than displace what relay itself failed on: its sender tries again."""
        count = await self.faults()
        if count >= MOST or sum(row.size for row in await self._rows(FAULTS)) + coming > MOST_BYTES:
            raise NoRoom(f"the quarantine is full: relay itself failed on {count} events")

    async def faults(self) -> int:
        [count] = await self._plain.table_sizes([FAULTS])
        return count

    async def size(self) -> int:
        return sum(await self._plain.table_sizes([REFUSED, FAULTS]))

    async def named(self, name: str) -> Quarantined | None:
        entry = await self.entries.payload(name)
        for table in (FAULTS, REFUSED):
            [text] = await self._plain.fields(table, [name])
            [whole] = await self._plain.values([_body(name)]) if entry is None else [b"{}\n" + entry]
            row = readable(table, partial(_read, table, name), text) if text else None
            if row and whole:
                headers, _, body = whole.partition(b"\n")
                return Quarantined(**asdict(row), headers=json.loads(headers), body=body)
        return None

    async def page(self, query: QuarantineQuery = EVERY, *, cursor: str = "", limit: int = 50) -> QuarantinePage:
        """Looks at all. ValueError for a cursor that no page gave."""
        before = Position.load(cursor)
        rows = [row for table in (FAULTS, REFUSED) for row in await self._rows(table)]
        matching = [row for row in rows if query.matches(row)]
        order = sorted(matching, key=lambda row: row.position, reverse=True)
        shown = [row for row in order if before is None or row.position < before]
        cursor = shown[limit - 1].position.dump() if len(shown) > limit else ""
        return QuarantinePage(shown[:limit], len(order), cursor)

    async def release(self, ids: Sequence[str]) -> int:
        if not ids:
            return 0
        entries = [name.removeprefix(ENTRY) for name in ids]
        bodies = [("DEL", _body(name)) for name in ids]  # first: else a crash here would leave them for good
        *_, refused, faults = await self._plain.do(
            *bodies, ("HDEL", SET_ASIDE, *entries),
            ("HDEL", REFUSED, *ids), ("HDEL", FAULTS, *ids),
        )  # fmt: skip
        return int(refused + faults)

    async def _rows(self, table: str) -> list[QuarantineRow]:
        rows = (await self._plain.table(table)).items()
        found = [readable(table, partial(_read, table, name), text) for name, text in rows]
        return [row for row in found if row]


def _slots(source: str) -> list[str]:
    return [f"last-body:{_digest(source)}:{slot}" for slot in range(LAST)]


def _digest(source: str) -> str:
    return digest("bodies", source).hex()


def _read(table: str, name: str, text: bytes) -> QuarantineRow:
    row = json.loads(text)
    at = datetime.fromtimestamp(row.pop("at") / 1000, UTC)
    return QuarantineRow(**row, id=name, fault=table == FAULTS, at=at)


def _unpacked(packed: bytes) -> LastBody:
    head, _, body = zlib.decompress(packed).partition(b"\n")
    number, at, headers = json.loads(head)
    return LastBody(at, headers, body, number)


def _body(name: str) -> str:
    return f"quarantined:{name}"
