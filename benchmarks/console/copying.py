"""Operations that relay wrote, many times over: each copy has its own names and times, and every other byte the same.

What is copied is what relay's scripts have left in Redis, so a copy is what they would have written for it. Names and
times are as long in a copy, so what is packed around them stays true. Its own are not the times within documents, and
the digests of its events' ids.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Any, cast

from redis.asyncio import Redis

from benchmarks.console import world
from relay.store import keys
from relay.store.history_rows import NAME, VALUES
from relay.store.jobs import KEPT
from relay.store.packing import unpack
from relay.store.run_names import PART

OF_ONE = {"received": 3, "events": 3, "accepted": 11, "delivered": 10, "held:no_rule": 1}  # in the ledger
# Milliseconds since the epoch, as scripts pack them and as digits; of 2017 to 2033.
_PACKED_MS = re.compile(rb"\xcf\x00\x00\x01[\x60-\xd0][\x00-\xff]{3}[\x00-\xff]", re.DOTALL)
_DIGITS_MS = re.compile(rb"(?<!\d)1[5-9]\d{11}(?!\d)")
_RUN = re.compile(rb'\["([0-9a-f]{16}):')
ROWS = 2000  # commands that travel together


@dataclass(frozen=True, slots=True)
class Kept:
    """What Redis has of one operation: its keys with their kinds, values and milliseconds to live, and its names."""

    number: int
    values: Mapping[bytes, tuple[str, Any, int]]
    names: Sequence[bytes]  # 16 bytes each
    over: float  # ms


class Copier:
    """Makes `copies` of each operation of these numbers, spread over `spread` milliseconds before it."""

    def __init__(self, redis: Redis, numbers: Sequence[int], copies: int, spread: float) -> None:
        self._redis = redis
        self._numbers = numbers
        self._copies = copies
        self._spread = spread
        self._owner = {bytes.fromhex(keys.operation(world.subject(number))): number for number in numbers}

    async def copy(self) -> None:
        """All that belongs to them: keys, rows of streams, ends of jobs, the ledger."""
        names = await self._copy_streams()
        async for kept in self._kept(names):
            await self._copy_keys(kept)
        await self._copy_ends()
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name, count in OF_ONE.items():
                pipeline.hincrby(f"{keys.PREFIX}ledger", name, count * (self._copies - 1) * len(self._numbers))
            await pipeline.execute()

    async def _copy_streams(self) -> Mapping[int, set[bytes]]:
        """Returns the names that rows have, by operation: its own, its deliveries' and its live messages'."""
        names: dict[int, set[bytes]] = {number: {name} for name, number in self._owner.items()}
        streams = [key async for key in self._redis.scan_iter(f"{keys.PREFIX}history:*", count=1000)]
        for key in [*streams, f"{keys.PREFIX}operations".encode()]:
            entries: Any = await self._redis.xrange(key)
            rows = [(int(id_.split(b"-")[0]), row[b"r"]) for id_, row in entries]
            made = list(rows)
            for ms, row in rows:
                own = _names_in(row)
                number = self._owner.get(own[0]) if own else None
                if number is not None:
                    names[number].update(own)
                    made += [(ms - self._shift(number, copy), self._changed(row, number, own, copy))
                             for copy in range(1, self._copies)]  # fmt: skip
            made.sort()
            ttl = await self._redis.pttl(key)
            await self._redis.delete(key)
            await self._send(("XADD", key, id_, "r", row) for id_, row in _numbered(made))
            await self._redis.pexpire(key, ttl)
        return names

    async def _kept(self, names: Mapping[int, set[bytes]]) -> AsyncIterator[Kept]:
        by_name = {name.hex().encode(): number for number, own in names.items() for name in own}
        owned: dict[int, list[bytes]] = {}
        async for key in self._redis.scan_iter(count=1000):
            kind, _, name = key.removeprefix(keys.PREFIX.encode()).partition(b":")
            if kind in (b"operation", b"log", b"ids", b"thread") and (number := by_name.get(name)) is not None:
                owned.setdefault(number, []).append(key)
        for number, some in owned.items():
            over = await self._redis.zscore(f"{keys.PREFIX}over", keys.operation(world.subject(number)))
            values = {key: await self._value(key) for key in some}
            yield Kept(number, values, sorted(names[number]), over or 0.0)

    async def _value(self, key: bytes) -> tuple[str, Any, int]:
        redis: Any = self._redis
        kind = (await redis.type(key)).decode()
        read = {"hash": redis.hgetall, "set": redis.smembers}
        value = await (read[kind](key) if kind in read else redis.lrange(key, 0, -1))
        return kind, value, await redis.pttl(key)

    async def _copy_keys(self, kept: Kept) -> None:
        await self._send(command for copy in range(1, self._copies) for command in self._copied(kept, copy))

    async def _copy_ends(self) -> None:
        """How the runs of a job ended: those of the copies stand before its own."""
        runs = {name.hex()[:PART].encode(): number for name, number in self._owner.items()}
        async for key in self._redis.scan_iter(f"{keys.PREFIX}job:*", count=1000):
            ends: Any = await self._redis.lrange(key, 0, -1)
            made = list[bytes]()
            for end in ends:
                number = next((runs[run] for run in _RUN.findall(end) if run in runs), None)
                if number is not None:
                    own = bytes.fromhex(keys.operation(world.subject(number)))
                    made += [
                        self._changed(end, number, [], copy).replace(
                            own.hex()[:PART].encode(), self._named(own, number, copy).hex()[:PART].encode()
                        )
                        for copy in reversed(range(1, self._copies))
                    ]
            if made:
                async with self._redis.pipeline() as pipeline:
                    pipeline.lpush(key, *reversed(made))
                    pipeline.ltrim(key, -KEPT, -1)
                    await pipeline.execute()

    def _copied(self, kept: Kept, copy: int) -> Iterator[Sequence[Any]]:
        def change(value: bytes) -> bytes:
            return self._changed(value, kept.number, kept.names, copy)

        for key, (kind, value, ttl) in kept.values.items():
            new = change(key)
            if kind == "hash":
                yield "HSET", new, *(change(part) for pair in value.items() for part in pair)
            else:
                yield "RPUSH" if kind == "list" else "SADD", new, *map(change, value)
            if ttl > 0:
                yield "PEXPIRE", new, ttl
        if kept.over:
            name = change(keys.operation(world.subject(kept.number)).encode())
            yield "ZADD", f"{keys.PREFIX}over", kept.over - self._shift(kept.number, copy), name

    def _shift(self, number: int, copy: int) -> int:
        """Milliseconds by which a copy was earlier."""
        return int(self._spread * (copy + number % 97 / 97) / self._copies) if copy else 0

    def _changed(self, value: bytes, number: int, names: Sequence[bytes], copy: int) -> bytes:
        """What has the names and times of the copy, wherever the operation's own were."""
        value = value.replace(world.mark(number).encode(), world.mark(number, copy).encode())
        for name in names:
            new = self._named(name, number, copy)
            value = value.replace(name, new).replace(name.hex().encode(), new.hex().encode())
        shift = self._shift(number, copy)
        value = _PACKED_MS.sub(lambda ms: b"\xcf" + (int.from_bytes(ms[0][1:]) - shift).to_bytes(8), value)
        return _DIGITS_MS.sub(lambda ms: b"%d" % (int(ms[0]) - shift), value)

    def _named(self, name: bytes, number: int, copy: int) -> bytes:
        if name in self._owner:
            return bytes.fromhex(keys.operation(world.subject(number, copy)))
        return name[:1] + blake2b(name + b"%d" % copy, digest_size=NAME - 1).digest()

    async def _send(self, commands: Iterator[Sequence[Any]]) -> None:
        while some := [*islice(commands, ROWS)]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for command in some:
                    pipeline.execute_command(*command)
                await pipeline.execute()


def _names_in(row: bytes) -> list[bytes]:
    """The operation's, and of a delivery its own and its live message's; all that a row of a stream has."""
    if len(row) == NAME:
        return [row]
    values: dict[str, Any] = dict(zip(VALUES, unpack(row, cast("Any", bytes)), strict=False))
    names = [values.get(field, b"") for field in ("operation", "id", "lane")]
    return [name for name in names if len(name) == NAME]


def _numbered(rows: Sequence[tuple[int, bytes]]) -> Iterator[tuple[str, bytes]]:
    """With the ids that a stream gives them."""
    last, count = 0, 0
    for ms, row in rows:
        count = count + 1 if ms == last else 0
        last = ms
        yield f"{ms}-{count}", row
