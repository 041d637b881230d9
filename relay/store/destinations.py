"""The destinations and addresses of the newest configuration, for all processes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from relay.store import keys
from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition

HELD_BACK = 180.0  # seconds; claim.lua looks at what it holds back each minute


class Destinations:
    """`Admin` says what each of these does. Every failure is StoreUnavailable."""

    def __init__(self, everywhere: Everywhere) -> None:
        self._everywhere = everywhere
        self._redis = everywhere.redis

    async def announce(
        self, addresses: Mapping[str, Sequence[str]], aware: Collection[int], channels: Mapping[str, str]
    ) -> set[int]:
        async def say(partition: Partition) -> int:
            if partition.number not in aware:
                before = await call(self._redis.hgetall(partition.key(keys.DESTINATIONS)))
                names = _rows(addresses, channels, [key.decode("utf-8", "replace") for key in before])
                async with self._redis.pipeline(transaction=True) as pipeline:
                    pipeline.delete(partition.key(keys.DESTINATIONS))
                    pipeline.hset(partition.key(keys.DESTINATIONS), mapping=names)
                    await call(pipeline.execute())
                await partition.run(
                    "parking", ["announced"]
                )  # a crash before this: the process that announced does both again
            return partition.number

        return {*aware, *await self._everywhere.of_each(say)}

    async def removed(self, now: float) -> list[tuple[str, str]]:

        async def held_back(partition: Partition) -> set[bytes]:
            row = await call(self._redis.hgetall(partition.key(keys.REMOVED)))
            stale = [name for name, at in row.items() if now - int(at) / 1000 > HELD_BACK]
            if stale:
                await call(self._redis.hdel(partition.key(keys.REMOVED), *stale))
            return {*row} - {*stale}

        names = {name for theirs in await self._everywhere.of_each(held_back) for name in theirs}
        places = sorted(name.decode("utf-8", "replace").partition("\0") for name in names)
        return [(destination, address) for destination, _, address in places]

    async def present(self, destination: str, channel: str) -> str:
        name = f"{destination}\0\0{channel}"
        found = await self._everywhere.each(lambda key: self._redis.hget(key(keys.DESTINATIONS), name))
        return next(filter(None, found), b"").decode("utf-8", "replace")


def _rows(addresses: Mapping[str, Sequence[str]], channels: Mapping[str, str], before: Sequence[str]) -> dict[Any, Any]:
    """Return the hash. Of a destination with several addresses nothing follows: one may have been taken out."""
    rows: dict[Any, Any] = {}
    for name, them in addresses.items():
        rows |= {f"{name}\0{address}": 1 for address in them}
        if len(them) > 1 or f"{name}\0\0" in before:
            rows[f"{name}\0\0"] = 1
        elif name in channels and them:
            rows[f"{name}\0\0{channels[name]}"] = them[0]
    return rows
