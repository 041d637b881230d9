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
from relay.store.sealing import QUARANTINE, Sealer, opened

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


class Quarantine:
    """`Admin` says what each of these does. Every failure is StoreUnavailable."""

    def __init__(self, redis: Redis, sealer: Sealer | None = None) -> None:
        self._redis = redis
        self._sealer = sealer

    async def keep(self, source: str, body: bytes, headers: Mapping[str, str], reason: str, *, fault: bool) -> str:
        if fault and await self.faults() >= QUARANTINE_LENGTH:
            raise NoRoom(f"the quarantine is full: relay itself failed on {QUARANTINE_LENGTH} events")
        seconds, micros = await call(self._redis.time())
        name = "q-" + digest("quarantine", source, body.hex()).hex()[:16]
        key = f"{keys.PREFIX}quarantined:{name}"
        async with self._redis.pipeline(transaction=True) as pipeline:
            content: dict[Any, Any] = {
                "reason": reason.encode("utf-8", "replace"),
                "headers": json.dumps(dict(headers)).encode(),
            }
            content |= {"body": body}
            if self._sealer is not None:
                seal = self._sealer.seal
                content = {part: seal(text, QUARANTINE, record_of(name, part)) for part, text in content.items()}
            pipeline.hset(key, mapping={"source": source, "fault": int(fault), **content})
            (pipeline.sadd if fault else pipeline.srem)(keys.FAULTS, name)
            pipeline.zadd(keys.QUARANTINE, {name: seconds * 1000 + micros // 1000})
            pipeline.zcard(keys.QUARANTINE)
            pipeline.scard(keys.FAULTS)
            *_, everything, faults = await call(pipeline.execute())
        if (surplus := everything - faults - QUARANTINE_LENGTH) > 0:
            await self._drop_oldest(surplus, faults)
        return name

    async def _drop_oldest(self, surplus: int, faults: int) -> None:
        """Drop the oldest bodies that made no sense."""
        oldest = await call(self._redis.zrange(keys.QUARANTINE, 0, surplus + faults - 1))
        stays = await call(self._redis.smismember(keys.FAULTS, oldest))
        leaving = [name.decode() for name, fault in zip(oldest, stays, strict=True) if not fault]
        await self.release(leaving[:surplus])

    async def faults(self) -> int:
        return int(await call(self._redis.scard(keys.FAULTS)))

    async def newest(self, limit: int) -> list[Quarantined]:
        names = await call(self._redis.zrevrange(keys.QUARANTINE, 0, -1))
        faults = await call(self._redis.smembers(keys.FAULTS))
        names.sort(key=lambda name: name not in faults)
        return [body for body in [await self.named(name.decode()) for name in names[:limit]] if body]

    async def size(self) -> int:
        return int(await call(self._redis.zcard(keys.QUARANTINE)))

    async def named(self, name: str) -> Quarantined | None:
        row = await call(self._redis.hgetall(f"{keys.PREFIX}quarantined:{name}"))
        at = await call(self._redis.zscore(keys.QUARANTINE, name))
        if not row or at is None:
            return None
        try:
            reason, headers, body = (
                opened(self._sealer, row[part], QUARANTINE, record_of(name, part.decode())) for part in PARTS
            )
        except Unsealable as error:  # it stays, and costs no other its place in a list
            reason, headers, body = str(error).encode(), b"{}", b""
        return Quarantined(
            id=name,
            source=row[b"source"].decode(),
            reason=reason.decode("utf-8", "replace"),
            headers=json.loads(headers),
            body=body,
            at=datetime.fromtimestamp(float(at) / 1000, UTC),
            fault=row.get(b"fault") == b"1",
        )

    async def release(self, ids: Sequence[str]) -> int:
        if not ids:
            return 0
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.zrem(keys.QUARANTINE, *ids)
            pipeline.srem(keys.FAULTS, *ids)
            pipeline.delete(*(f"{keys.PREFIX}quarantined:{name}" for name in ids))
            removed, *_ = await call(pipeline.execute())
        return int(removed)


def record_of(name: str, part: str) -> str:
    """The record that a part of this body is sealed for."""
    return f"{name} {part}"
