"""Seal what relay wrote before it had a key (`relay keys seal`), since with a key clear values are refused.

A value is replaced only as it was read, so relay may run meanwhile; what is sealed stays as
it is, so a crash costs nothing and the next run goes on. Short texts are left to time (relay/store/sealing.py).
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from redis.asyncio import Redis

from relay.store import keys
from relay.store.audit import sealed_row
from relay.store.client import call, write
from relay.store.owners import at_owner
from relay.store.quarantine import PARTS, record_of
from relay.store.sealing import BODY, COPY, LAST_BODY, QUARANTINE, RESULTS, SILENCE, TRIAL, Sealer, is_sealed
from relay.store.sealing_keys import agree_on_keys
from relay.store.signing_keys import SigningKeys
from relay.store.store import Store

PAGE = 500
STRINGS = {"found": RESULTS, "copy": COPY, "console": TRIAL, "body": LAST_BODY}
SCRATCH = ":sealing"  # behind the name of a stream: its rows, sealed
META = (b"via", b"over", b"of")  # fields of a row of the audit trail that stay clear
# KEYS: a string or a hash. ARGV: the field, '' for a string; what was read; what takes its place.
REPLACE = """#!lua flags=allow-oom
if ARGV[1] == '' then
  if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 0 end
  redis.call('SET', KEYS[1], ARGV[3], 'KEEPTTL')
else
  if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
"""
# KEYS: a stream, and its rows, sealed. ARGV: the last row that was copied. Answers 0 where there are more by now.
SWAP = """#!lua flags=allow-oom
if redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1] ~= ARGV[1] then return 0 end
redis.call('RENAME', KEYS[2], KEYS[1])
return 1
"""


class SealExisting:
    """Counts the values by what they are. Every failure is StoreUnavailable."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._redis = store.redis
        self._sealer = sealer
        self._counts = Counter[str]()

    async def run(self) -> Mapping[str, int]:
        """Seal everything, logins and links aside, which are deleted."""
        self._counts["signing key"] += await SigningKeys(self._store).seal_clear()
        for stream in (keys.AUDIT, keys.AUDIT_STRANGERS):
            self._counts["audit"] += await self._audit(stream)
        async for key in self._keys(keys.PREFIX):
            await self._seal(keys.PREFIX, key)
        await agree_on_keys(self._redis, self._sealer)  # last: until then no start goes on from what is half sealed
        return +self._counts

    async def _keys(self, prefix: str) -> AsyncIterator[str]:
        cursor = 0
        while True:
            cursor, page = await call(at_owner(self._redis, prefix, partial(_scan, cursor, f"{prefix}*")))
            for key in page:
                yield key.decode()
            if not cursor:
                return

    async def _seal(self, prefix: str, key: str) -> None:
        own = key.removeprefix(prefix)
        kind, _, name = own.partition(":")
        if kind == "operation":
            for field, body in (await call(self._redis.hgetall(key))).items():
                if field.startswith(b"doc:"):
                    await self._replace(key, field, body, BODY, name)
        elif kind == "delivery":
            event, operation = [(text or b"").decode() for text in await self._fields(key, "event", "operation")]
            if event:
                event = f"{prefix}event:{event}"
                await self._replace(event, b"body", await call(self._redis.hget(event, "body")), BODY, operation)
        elif kind == "quarantined":
            for part, text in zip(PARTS, await self._fields(key, *PARTS), strict=True):
                await self._replace(key, part, text, QUARANTINE, record_of(name, part.decode()))
        elif own == "silences":
            for id_, text in (await call(self._redis.hgetall(key))).items():
                await self._replace(key, id_, text, SILENCE, id_.decode())
        elif kind in STRINGS:
            await self._seal_string(key, kind, name)

    async def _seal_string(self, key: str, kind: str, name: str) -> None:
        if name.startswith(("session:", "link:")):
            stored = await call(self._redis.get(key))
            if stored and not is_sealed(stored):
                self._counts["deleted login"] += await write(self._redis, self._redis.delete(key))
        elif kind != "console" or name.startswith("tested:"):
            record = name if kind == "copy" else key
            await self._replace(key, b"", await call(self._redis.get(key)), STRINGS[kind], record)

    async def _fields(self, key: str, *names: Any) -> list[bytes | None]:
        return list(await call(self._redis.hmget(key, names)))

    async def _replace(self, key: str, field: bytes, value: bytes | None, kind: str, record: str) -> None:
        if value and not is_sealed(value):
            words = field, value, self._sealer.seal(value, kind, record)
            self._counts[kind] += int(await write(self._redis, self._redis.eval(REPLACE, 1, key, *words)))

    async def _audit(self, name: str) -> int:
        """Copy the rows, each under its id, until none was added meanwhile."""
        scratch, last, clear = name + SCRATCH, "", 0
        await write(self._redis, self._redis.delete(scratch))
        while True:
            while rows := await call(self._redis.xrange(name, f"({last}" if last else "-", "+", PAGE)):
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for id_, row in rows:
                        clear += b"sealed" not in row
                        pipeline.xadd(scratch, self._sealed(name, row), id=id_)
                    await write(self._redis, pipeline.execute())
                last = rows[-1][0].decode()
            if not clear:
                await write(self._redis, self._redis.delete(scratch))
                return 0
            if await write(self._redis, self._redis.eval(SWAP, 2, name, scratch, last)):
                return clear

    def _sealed(self, name: str, row: Mapping[bytes, bytes]) -> dict[Any, Any]:
        if b"sealed" in row:
            return dict(row)
        texts = {key.decode(): value.decode("utf-8", "replace") for key, value in row.items() if key not in META}
        return {"sealed": sealed_row(self._sealer, name, texts), **{key: row[key] for key in META if key in row}}


async def _scan(cursor: int, pattern: str, node: Redis) -> Any:
    return await node.scan(cursor, match=pattern, count=PAGE)
