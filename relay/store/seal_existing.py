"""Seal what relay wrote before it had a key (`relay keys seal`), since with a key clear values are refused.

Nobody else may own the partition meanwhile: an owner has values in memory, and would write them anew. What is sealed
stays as it is, so a crash costs nothing and the next run goes on.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from relay.errors import RelayError, StoreUnavailable
from relay.store import keys
from relay.store.client import call
from relay.store.journal.inbox import entry_place
from relay.store.journal.lease import Lease
from relay.store.journal.scripts import Scripts
from relay.store.sealing import MARK, Sealer, is_sealed
from relay.store.sealing_keys import agree_on_keys
from relay.store.store import Store

PAGE = 500
PATIENCE = 15.0  # seconds until a process that ended counts as gone, at most
SCRATCH = keys.PREFIX + "sealing:"  # before the name of a stream: its rows, sealed
RUNNING = "a relay is running: stop every relay before its data is sealed"
# KEYS: a string, hash or list. ARGV: how it is read and written, what was read, what takes its place; where in it.
REPLACE = """#!lua flags=allow-oom
if redis.call(ARGV[1], KEYS[1], unpack(ARGV, 5)) ~= ARGV[3] then return 0 end
if ARGV[5] then redis.call(ARGV[2], KEYS[1], ARGV[5], ARGV[4]) else redis.call(ARGV[2], KEYS[1], ARGV[4], 'KEEPTTL') end
return 1
"""
# KEYS: a stream, and its rows, sealed. ARGV: the last row that was copied. Answers 0 where there are more by now.
SWAP = """#!lua flags=allow-oom
if redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1] ~= ARGV[1] then return 0 end
local left = redis.call('PTTL', KEYS[1])
redis.call('RENAME', KEYS[2], KEYS[1])
if left > 0 then redis.call('PEXPIRE', KEYS[1], left) end
return 1
"""
Row = dict[Any, Any]


class SealExisting:
    """RelayError while a relay runs; every other failure is StoreUnavailable."""

    def __init__(self, store: Store, sealer: Sealer, patience: float = PATIENCE) -> None:
        self._store = store
        self._redis: Any = store.redis
        self._sealer = sealer
        self._patience = patience
        self._lease = Lease(Scripts(store.redis), "sealing", time.monotonic)
        self._counts = Counter[str]()

    async def run(self) -> Counter[str]:
        """Seal everything, logins and links aside, which are deleted. Return how many there were of each."""
        try:
            mark = await self._own()
            await call(self._seal_all(mark))
            await agree_on_keys(self._store.plain, self._sealer)  # last: no start goes on from what is half sealed
        finally:
            await self._lease.give()
        return +self._counts

    async def _own(self) -> str:
        """Own the partition, beside no other process; return the mark of its last commit."""
        until = time.monotonic() + self._patience
        while True:
            taken = await self._lease.take()
            if taken and self._lease.living <= {self._lease.process}:
                return taken.mark
            if time.monotonic() > until:
                raise RelayError(RUNNING)
            await asyncio.sleep(0.2)

    async def _seal_all(self, mark: str) -> None:
        async for key in self._redis.scan_iter(match=f"{keys.PREFIX}*", count=PAGE):
            if self._lease.is_due and await self._lease.renew(mark) is None:
                raise StoreUnavailable(RUNNING)
            await self._seal(key.decode())

    async def _seal(self, key: str) -> None:
        """Seal it as relay/store/journal/writes.py does."""
        own = key.removeprefix(keys.PREFIX)
        if own.partition(":")[0] in keys.CLEAR:
            return
        match await self._redis.type(key):
            case b"string" if own.startswith("console:"):
                if not is_sealed(await self._redis.get(key) or MARK):
                    self._counts["deleted login"] += await self._redis.delete(key)
            case b"string":
                await self._replace(key, await self._redis.get(key), own)
            case b"hash":
                for field, text in (await self._redis.hgetall(key)).items():
                    await self._replace(key, text, f"{own}\0{field.decode()}", field)
            case b"list":
                for at, line in enumerate(await self._redis.lrange(key, 0, -1)):
                    await self._replace(key, line, own, at)
            case b"stream" if own == "inbox":
                await self._stream(key, b"entry", self._appended)
            case b"stream":
                await self._stream(key, b"r", lambda row: {b"r": self._sealer.seal(row[b"r"], own)})

    async def _replace(self, key: str, value: bytes | None, record: str, at: bytes | int | None = None) -> None:
        """Seal a string, or what stands there in a hash or a list, unless it has changed meanwhile."""
        if value is None or is_sealed(value):
            return
        inner = self._entry(value) if record.partition("\0")[0] in (keys.WAITING, keys.SET_ASIDE) else value
        verbs = ("GET", "SET") if at is None else ("LINDEX", "LSET") if isinstance(at, int) else ("HGET", "HSET")
        words = (*verbs, value, self._sealer.seal(inner, record), *(() if at is None else (at,)))
        self._counts["value"] += int(await self._redis.eval(REPLACE, 1, key, *words))

    async def _stream(self, name: str, field: bytes, sealed: Callable[[Row], Row]) -> None:
        """Copy the rows, each under its id, until none was added meanwhile. `field`: what is sealed of them."""
        scratch, last, clear = SCRATCH + name.removeprefix(keys.PREFIX), "", 0
        await self._redis.delete(scratch)
        while True:
            while rows := await call(self._redis.xrange(name, f"({last}" if last else "-", "+", PAGE)):
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for id_, row in rows:
                        is_clear = not is_sealed(row.get(field, b""))
                        clear += is_clear
                        pipeline.xadd(scratch, sealed(row) if is_clear else row, id=id_)
                    await pipeline.execute()
                last = rows[-1][0].decode()
            if not clear:
                await self._redis.delete(scratch)
                return
            if await self._redis.eval(SWAP, 2, name, scratch, last):
                self._counts["value"] += clear
                return

    def _appended(self, row: Row) -> Row:
        return {b"id": row[b"id"], b"entry": self._entry(row[b"id"] + b"\0" + row[b"entry"]).partition(b"\0")[2]}

    def _entry(self, appended: bytes) -> bytes:
        """Return an entry with its name, as it is kept in the inbox and afterwards, sealed."""
        name, _, content = appended.partition(b"\0")
        if is_sealed(content):
            return appended
        return name + b"\0" + self._sealer.seal(content, entry_place(name.decode("utf-8", "replace")))
