"""The quarantine: bodies that were signed but made no sense, or that relay itself failed on.

Beside them are entries of the inbox: those that the owner set aside, and those that wait for what cannot be read.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from relay import metrics
from relay.engine.names import digest
from relay.errors import NoRoom
from relay.store.journal.inbox import entry_place, parsed
from relay.store.keys import ENTRY, FAULTS, REFUSED, SET_ASIDE, WAITING
from relay.store.plain import Plain
from relay.store.queries.paging import Position

ENTRY_ID = re.compile(rf"{ENTRY}(\d{{1,15}}-\d{{1,15}})")
WAITS = "it needs a value that cannot be read (`record.unreadable` in the log), and is tried again each minute"
BY_HAND = "set aside by hand"
QUARANTINE_LENGTH = 1000  # of each; of senders' faults the oldest leave first
MOST_BYTES = 64 * 2**20  # of the bodies of each
LEAVING = 20  # that leave together


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One of a list: without its body, which has `size` bytes."""

    id: str
    source: str
    reason: str
    at: datetime
    fault: bool  # relay itself failed on it; the reason is the error's class and place
    size: int
    waits: bool = False  # it is tried again by itself

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
log = structlog.get_logger(__name__)


class Quarantine:
    """At most 1,000 bodies of each kind, and 64 MiB. Every failure is StoreUnavailable."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain
        self._unseen = MOST_BYTES  # bytes kept since the rows were looked at

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
        await self._plain.do(("HSET", here, name, self._plain.sealed(here, row, name)), ("HDEL", there, name))
        await self._plain.do(("SET", _body(name), self._plain.sealed(_body(name), whole)))
        return name

    async def trim(self, coming: int = 0) -> None:
        """Let the oldest of what senders did wrong leave, where another one of so many bytes would be too much.

        What this process kept since it looked last is less than a sixteenth of the bound beyond it.
        """
        [refused] = await self._plain.table_sizes([REFUSED])
        self._unseen += coming
        if refused < QUARANTINE_LENGTH and self._unseen < MOST_BYTES // 16:
            return
        newest = sorted(await self._rows(REFUSED), key=lambda row: row.at, reverse=True)
        most = QUARANTINE_LENGTH - LEAVING if refused >= QUARANTINE_LENGTH else refused
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
        if count >= QUARANTINE_LENGTH or sum(row.size for row in await self._rows(FAULTS)) + coming > MOST_BYTES:
            raise NoRoom(f"the quarantine is full: relay itself failed on {count} events")

    async def faults(self) -> int:
        [count] = await self._plain.table_sizes([FAULTS])
        return count

    async def waiting(self) -> int:
        """Return how many entries wait for what cannot be read."""
        [count] = await self._plain.table_sizes([WAITING])
        return count

    async def size(self) -> int:
        return sum(await self._plain.table_sizes([REFUSED, FAULTS]))

    async def named(self, name: str) -> Quarantined | None:
        appended = await self._appended(name)
        for table in (FAULTS, REFUSED):
            [text] = await self._plain.fields(table, [name])
            [whole] = [b"{}\n" + self._payload(appended)] if appended else await self._plain.values([_body(name)])
            if text and whole:
                headers, _, body = whole.partition(b"\n")
                return Quarantined(**_read(table, name, text), headers=json.loads(headers), body=body)
        if appended:
            return Quarantined(**asdict(_waiting(name)), headers={}, body=self._payload(appended))
        return None

    async def page(self, query: QuarantineQuery = EVERY, *, cursor: str = "", limit: int = 50) -> QuarantinePage:
        """Looks at all. ValueError for a cursor that no page gave."""
        before = Position.load(cursor)
        [waiting] = await self._plain.do(("HKEYS", WAITING))
        names = sorted(filter(ENTRY_ID.fullmatch, (ENTRY + id_.decode("utf-8", "replace") for id_ in waiting)))
        rows = [*map(_waiting, names[:QUARANTINE_LENGTH])]
        rows += [row for table in (FAULTS, REFUSED) for row in await self._rows(table)]
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
        *_, waiting, refused, faults = await self._plain.do(
            *bodies, ("HDEL", SET_ASIDE, *entries), ("HDEL", WAITING, *entries),
            ("HDEL", REFUSED, *ids), ("HDEL", FAULTS, *ids),
        )  # fmt: skip
        return int(waiting + refused + faults)

    async def put_back(self, name: str) -> bool:
        """Return an entry to the inbox, to be decided anew. A crash meanwhile repeats it, and it counts once."""
        if not (appended := await self._appended(name)):
            return False
        id_, _, payload = appended.partition(b"\0")
        await self._plain.do(("XADD", "inbox", "*", "id", id_, "entry", payload))
        await self.release([name])
        return True

    async def set_aside(self, name: str) -> bool:
        """Take an entry out of the inbox, or from those that wait; False where it is in neither."""
        if not (known := ENTRY_ID.fullmatch(name)):
            return False
        id_ = known[1]
        [rows] = await self._plain.do(("XRANGE", "inbox", id_, id_))
        [appended] = await self._plain.fields(WAITING, [id_])
        for _, (_, entry, _, payload) in rows:
            appended = entry + b"\0" + payload
        if appended is None:
            return False
        row = {"source": "", "reason": BY_HAND, "at": await self._plain.now(), "size": len(appended)}
        await self._plain.do(
            ("HSET", SET_ASIDE, id_, self._plain.sealed(SET_ASIDE, appended, id_)),
            ("HSET", FAULTS, name, self._plain.sealed(FAULTS, row, name)),
            ("XDEL", "inbox", id_), ("HDEL", WAITING, id_),
        )  # fmt: skip
        return True

    async def _appended(self, name: str) -> bytes | None:
        """Return an entry as it was appended: its name there, a zero byte, and what is sealed for that name."""
        if not (known := ENTRY_ID.fullmatch(name)):
            return None
        [aside], [waits] = [await self._plain.fields(table, [known[1]]) for table in (SET_ASIDE, WAITING)]
        return aside or waits

    def _payload(self, appended: bytes) -> bytes:
        name, _, payload = appended.partition(b"\0")
        return self._plain.opened(entry_place(name.decode("utf-8", "replace")), payload)

    async def _rows(self, table: str) -> list[QuarantineRow]:
        return [QuarantineRow(**_read(table, *pair)) for pair in (await self._plain.table(table)).items()]


def _read(table: str, name: str, text: bytes) -> dict[str, Any]:
    row = json.loads(text)
    return {**row, "id": name, "fault": table == FAULTS, "at": datetime.fromtimestamp(row["at"] / 1000, UTC)}


def _waiting(name: str) -> QuarantineRow:
    ms, _ = parsed(name.removeprefix(ENTRY).encode())
    return QuarantineRow(name, "", WAITS, datetime.fromtimestamp(ms / 1000, UTC), fault=True, size=0, waits=True)


def _body(name: str) -> str:
    return f"quarantined:{name}"
