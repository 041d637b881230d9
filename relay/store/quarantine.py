"""The quarantine: bodies that were signed but made no sense, or that relay itself failed on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from relay.engine.names import digest
from relay.errors import NoRoom, Unsealable
from relay.store import keys
from relay.store.client import call
from relay.store.queries.paging import Position
from relay.store.sealing import QUARANTINE, Sealer, Values

QUARANTINE_LENGTH = 1000  # of each kind; of senders' faults the oldest leave first. Each is at most max_body long
PARTS = (b"reason", b"headers", b"body")  # the fields that are sealed


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A body that was signed but made no sense, or that relay itself failed on; as it came."""

    id: str
    source: str
    reason: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime
    fault: bool = False  # relay itself failed on it; the reason is the error's class and place


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


EVERY = QuarantineQuery()


class Quarantine:
    """At most 2,000 bodies. Every failure is StoreUnavailable."""

    def __init__(self, redis: Redis, sealer: Sealer | None = None) -> None:
        self._redis = redis
        self._values = Values(QUARANTINE, sealer)

    async def keep(self, source: str, body: bytes, headers: Mapping[str, str], reason: str, *, fault: bool) -> str:
        if fault and await self.faults() >= QUARANTINE_LENGTH:
            raise NoRoom(f"the quarantine is full: relay itself failed on {QUARANTINE_LENGTH} events")
        seconds, micros = await call(self._redis.time())
        name = "q-" + digest("quarantine", source, body.hex()).hex()[:16]
        parts = (reason.encode("utf-8", "replace"), json.dumps(dict(headers)).encode(), body)
        content: dict[Any, Any] = {
            part: self._values.sealed(text, record_of(name, part)) for part, text in zip(PARTS, parts, strict=True)
        }
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(_key(name), mapping={"source": source, "fault": int(fault), **content})
            (pipeline.sadd if fault else pipeline.srem)(keys.FAULTS, name)
            pipeline.zadd(keys.QUARANTINE, {name: seconds * 1000 + micros // 1000})
            pipeline.zcard(keys.QUARANTINE)
            pipeline.scard(keys.FAULTS)
            *_, everything, faults = await call(pipeline.execute())
        if (surplus := everything - faults - QUARANTINE_LENGTH) > 0:
            await self._drop_oldest(surplus, faults)
        return name

    async def faults(self) -> int:
        return int(await call(self._redis.scard(keys.FAULTS)))

    async def size(self) -> int:
        return int(await call(self._redis.zcard(keys.QUARANTINE)))

    async def named(self, name: str) -> Quarantined | None:
        row = await call(self._redis.hgetall(_key(name)))
        at = await call(self._redis.zscore(keys.QUARANTINE, name))
        if not row or at is None:
            return None
        try:
            reason, headers, body = (self._values.opened(row[part], record_of(name, part)) for part in PARTS)
        except Unsealable as error:  # it stays, and costs no other its place in a list
            reason, headers, body = str(error).encode(), b"{}", b""
        text, fault = reason.decode("utf-8", "replace"), row.get(b"fault") == b"1"
        return Quarantined(name, row[b"source"].decode(), text, json.loads(headers), body, _time(at), fault)

    async def page(self, query: QuarantineQuery = EVERY, *, cursor: str = "", limit: int = 50) -> QuarantinePage:
        """Looks at the names of all. ValueError for a cursor that no page gave."""
        before = Position.load(cursor)
        lower = "-inf" if query.since is None else f"{query.since * 1000:.0f}"
        upper = "+inf" if query.until is None else f"({query.until * 1000:.0f}"
        names = await call(self._redis.zrevrangebyscore(keys.QUARANTINE, upper, lower, withscores=True))
        faults = await call(self._redis.smembers(keys.FAULTS))
        order = sorted((Position(int(name in faults), int(ms), name.decode()) for name, ms in names), reverse=True)
        order = [row for row in order if query.fault in (None, bool(row.ms))]
        if query.source:
            sources = await self._fields(order, "source")
            order = [row for row, (own,) in zip(order, sources, strict=True) if own == query.source.encode()]
        shown = [row for row in order if before is None or row < before]
        cursor = shown[limit - 1].dump() if len(shown) > limit else ""
        return QuarantinePage(await self._rows(shown[:limit]), len(order), cursor)

    async def release(self, ids: Sequence[str]) -> int:
        if not ids:
            return 0
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.zrem(keys.QUARANTINE, *ids)
            pipeline.srem(keys.FAULTS, *ids)
            pipeline.delete(*map(_key, ids))
            removed, *_ = await call(pipeline.execute())
        return int(removed)

    async def _drop_oldest(self, surplus: int, faults: int) -> None:
        """Drop the oldest bodies that made no sense."""
        oldest = await call(self._redis.zrange(keys.QUARANTINE, 0, surplus + faults - 1))
        stays = await call(self._redis.smismember(keys.FAULTS, oldest))
        leaving = [name.decode() for name, fault in zip(oldest, stays, strict=True) if not fault]
        await self.release(leaving[:surplus])

    async def _rows(self, order: Sequence[Position]) -> list[QuarantineRow]:
        rows = list[QuarantineRow]()
        for (fault, ms, name), (source, stored, size) in zip(
            order, await self._fields(order, "source", "reason", size_of="body"), strict=True
        ):
            try:
                reason = self._values.opened(stored or b"", record_of(name, b"reason")).decode("utf-8", "replace")
            except Unsealable as error:
                reason = str(error)
            if source is not None:  # else it has just gone
                shown = None if self._values.sealer else size
                rows.append(QuarantineRow(name, source.decode(), reason, _time(ms), bool(fault), shown))
        return rows

    async def _fields(self, order: Sequence[Position], *fields: str, size_of: str = "") -> list[list[Any]]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for row in order:
                pipeline.hmget(_key(row.name), fields)
                if size_of:
                    pipeline.hstrlen(_key(row.name), size_of)
            answers = await call(pipeline.execute())
        return [[*each, size] for each, size in zip(answers[::2], answers[1::2], strict=True)] if size_of else answers


def record_of(name: str, part: bytes) -> str:
    """The record that a part of this body is sealed for."""
    return f"{name} {part.decode()}"


def _key(name: str) -> str:
    return f"{keys.PREFIX}quarantined:{name}"


def _time(ms: float) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
