"""The quarantine page by page: what there is, without the bodies, which may be big."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from relay.errors import Unsealable
from relay.store import keys
from relay.store.client import call
from relay.store.quarantine import QUARANTINE_LENGTH, record_of
from relay.store.sealing import QUARANTINE, opened
from relay.store.store import Store

_CURSOR = re.compile(r"([01])-(\d{1,15})-(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One of a list: without its body, whose size in bytes is None where it is sealed."""

    id: str
    source: str
    reason: str
    at: datetime
    fault: bool
    size: int | None


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


class QuarantinePages:
    """At most 2,000 are there, and each page looks at the names of all. Every failure is StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis
        self._sealer = store.sealer

    async def page(self, query: QuarantineQuery, *, cursor: str = "", limit: int = 50) -> QuarantinePage:
        """ValueError for a cursor that no page gave."""
        before = _position(cursor) if cursor else None
        lower = "-inf" if query.since is None else f"{query.since * 1000:.0f}"
        upper = "+inf" if query.until is None else f"({query.until * 1000:.0f}"
        names = await call(
            self._redis.zrevrangebyscore(keys.QUARANTINE, upper, lower, 0, 2 * QUARANTINE_LENGTH, withscores=True)
        )
        faults = await call(self._redis.smembers(keys.FAULTS))
        order = sorted(((name in faults, int(ms), name.decode()) for name, ms in names), reverse=True)
        order = [row for row in order if query.fault in (None, row[0])]
        if query.source:
            sources = await self._fields([name for *_, name in order], "source")
            order = [row for row, (own,) in zip(order, sources, strict=True) if own == query.source.encode()]
        shown = [row for row in order if before is None or row < before][: limit + 1]
        rows = await self._rows(shown[:limit])
        last = "-".join(map(str, (int(shown[limit - 1][0]), *shown[limit - 1][1:]))) if len(shown) > limit else ""
        return QuarantinePage(rows, len(order), last)

    async def _rows(self, order: Sequence[tuple[bool, int, str]]) -> list[QuarantineRow]:
        fields = await self._fields([name for *_, name in order], "source", "reason")
        commands = [("HSTRLEN", f"{keys.PREFIX}quarantined:{name}", "body") for *_, name in order]
        sizes = await self._read(commands)
        return [
            QuarantineRow(
                name,
                source.decode(),
                self._reason(name, reason or b""),
                datetime.fromtimestamp(ms / 1000, UTC),
                fault,
                None if self._sealer else int(size),
            )
            for (fault, ms, name), (source, reason), size in zip(order, fields, sizes, strict=True)
            if source is not None  # else it has just gone
        ]

    def _reason(self, name: str, stored: bytes) -> str:
        try:
            return opened(self._sealer, stored, QUARANTINE, record_of(name, "reason")).decode("utf-8", "replace")
        except Unsealable as error:
            return str(error)

    async def _fields(self, names: Sequence[str], *fields: str) -> list[list[bytes | None]]:
        commands = [("HMGET", f"{keys.PREFIX}quarantined:{name}", *fields) for name in names]
        return await self._read(commands)

    async def _read(self, commands: Sequence[Sequence[str]]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return list(await call(pipeline.execute()))


def _position(cursor: str) -> tuple[bool, int, str]:
    match = _CURSOR.fullmatch(cursor)
    if not match:
        raise ValueError("expected the cursor of an earlier page")
    return match[1] == "1", int(match[2]), match[3]
