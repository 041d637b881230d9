"""The quarantine: bodies that were signed but made no sense, or that relay itself failed on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from relay.engine.names import digest
from relay.errors import NoRoom
from relay.store.plain import Plain
from relay.store.queries.paging import Position

REFUSED, FAULTS = "quarantine", "faults"  # hashes: id → all but headers and body
QUARANTINE_LENGTH = 1000  # of each; of senders' faults the oldest leave first. Each is at most max_body long
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

    @property
    def position(self) -> Position:
        """Return its place: faults are first, then the newest."""
        return Position(int(self.fault), round(self.at.timestamp() * 1000), self.id)


@dataclass(frozen=True, slots=True)
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


class Quarantine:
    """At most 2,000 bodies. Every failure is StoreUnavailable."""

    def __init__(self, plain: Plain) -> None:
        self._plain = plain

    async def keep(self, source: str, body: bytes, headers: Mapping[str, str], reason: str, *, fault: bool) -> str:
        refused, faults = await self._plain.table_sizes([REFUSED, FAULTS])
        if fault and faults >= QUARANTINE_LENGTH:
            raise NoRoom(f"the quarantine is full: relay itself failed on {QUARANTINE_LENGTH} events")
        if not fault and refused >= QUARANTINE_LENGTH:
            oldest = sorted(await self._rows(REFUSED), key=lambda row: row.at)
            await self.release([row.id for row in oldest[:LEAVING]])
        name = "q-" + digest("quarantine", source, body.hex()).hex()[:16]
        row = {"source": source, "reason": reason, "at": await self._plain.now(), "size": len(body)}
        whole = json.dumps(dict(headers)).encode() + b"\n" + body
        here, there = (FAULTS, REFUSED) if fault else (REFUSED, FAULTS)
        # Its row first: alone that leaves with the oldest, or when people drop it. A body alone would stay for ever.
        await self._plain.do(("HSET", here, name, self._plain.sealed(here, row, name)), ("HDEL", there, name))
        await self._plain.do(("SET", _body(name), self._plain.sealed(_body(name), whole)))
        return name

    async def faults(self) -> int:
        [count] = await self._plain.table_sizes([FAULTS])
        return count

    async def size(self) -> int:
        return sum(await self._plain.table_sizes([REFUSED, FAULTS]))

    async def named(self, name: str) -> Quarantined | None:
        for table in (FAULTS, REFUSED):
            [text] = await self._plain.fields(table, [name])
            [whole] = await self._plain.values([_body(name)])
            if text and whole:
                headers, _, body = whole.partition(b"\n")
                return Quarantined(**_read(table, name, text), headers=json.loads(headers), body=body)
        return None

    async def page(self, query: QuarantineQuery = EVERY, *, cursor: str = "", limit: int = 50) -> QuarantinePage:
        """Looks at all. ValueError for a cursor that no page gave."""
        before = Position.load(cursor)
        matching = [row for table in (FAULTS, REFUSED) for row in await self._rows(table) if query.matches(row)]
        order = sorted(matching, key=lambda row: row.position, reverse=True)
        shown = [row for row in order if before is None or row.position < before]
        cursor = shown[limit - 1].position.dump() if len(shown) > limit else ""
        return QuarantinePage(shown[:limit], len(order), cursor)

    async def release(self, ids: Sequence[str]) -> int:
        if not ids:
            return 0
        bodies = [("DEL", _body(name)) for name in ids]  # first: else a crash here would leave them for good
        *_, refused, faults = await self._plain.do(*bodies, ("HDEL", REFUSED, *ids), ("HDEL", FAULTS, *ids))
        return int(refused + faults)

    async def _rows(self, table: str) -> list[QuarantineRow]:
        return [QuarantineRow(**_read(table, *pair)) for pair in (await self._plain.table(table)).items()]


def _read(table: str, name: str, text: bytes) -> dict[str, Any]:
    row = json.loads(text)
    return {**row, "id": name, "fault": table == FAULTS, "at": datetime.fromtimestamp(row["at"] / 1000, UTC)}


def _body(name: str) -> str:
    return f"quarantined:{name}"
