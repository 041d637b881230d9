"""One question to each partition, for people: the answers of all, or of those that are there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from relay.store.client import call
from relay.store.partitions import Partition, Result
from relay.store.queue import Store


class Everywhere:
    """Every failure is StoreUnavailable."""

    def __init__(self, store: Store, *, partial: bool = False) -> None:
        """`partial`: partitions that are away are left out; else StoreUnavailable says that one is."""
        self.redis = store.redis
        self.sealer = store.sealer
        self.partitions = store.partitions
        self._partial = partial

    async def each(self, command: Callable[[Callable[[str], str]], Any]) -> list[Any]:
        """Return the answers of a plain command in each partition, made from the function that names a key there."""
        return await self.of_each(lambda partition: call(command(partition.key)))

    async def of_each(self, act: Callable[[Partition], Awaitable[Result]]) -> list[Result]:
        if self._partial:
            return [*(await self.partitions.each(act)).values()]
        return await asyncio.gather(*map(act, self.partitions))

    async def members(self, name: str) -> list[str]:
        """Return the members of the sets of this name, of all partitions."""
        sets = await self.each(lambda key: self.redis.smembers(key(name)))
        return sorted({member.decode() for members in sets for member in members})
