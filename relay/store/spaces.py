"""Which operation an id means, where several platforms, tenants or projects use it.

The first that used it has the plain name (`keys.operation`); it is marked `apart` once another one uses the id, whose
name has its space in it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from redis.asyncio import Redis

from relay.domain.facts import NOWHERE, Space
from relay.errors import AmbiguousId
from relay.store import keys
from relay.store.client import call
from relay.store.partitions import Partitions

Facts = dict[str, str]
PAGE = 500  # names that are read, and looked up, at a time
ENOUGH = 2  # that an id may mean: from here on it means none


class Spaces:
    """`facts` gives what is known under an id in one space, as the store keeps it. Failures are StoreUnavailable."""

    def __init__(self, redis: Redis, partitions: Partitions, facts: Callable[[str, str], Awaitable[Facts]]) -> None:
        self._redis = redis
        self._partitions = partitions
        self._facts = facts

    async def resolved(self, id_: str, space: Space) -> Facts:
        """What is known of the operation or batch that this means; `space` is in it where that is not the id's first.

        Where nothing is known, `space` says under which name it begins. AmbiguousId where it could mean several.
        """
        first = await self._facts(id_, "")
        if not first.pop("apart", ""):
            return first if Space.of(first).may_be(space) else {"space": space.dump()}
        own = space.dump()
        if exact := await self._facts(id_, own):
            return exact | {"space": own}
        meant = [facts async for facts in self._each(id_, first, space)]
        if len(meant) > 1:
            raise AmbiguousId(id_, [Space.of(facts) for facts in meant])
        return meant[0] if meant else {"space": own}

    async def all(self, id_: str) -> list[Facts]:
        """What is known of each operation or batch with this id; `space` as in `resolved`."""
        first = await self._facts(id_, "")
        if first.pop("apart", ""):
            return [facts async for facts in self._each(id_, first, NOWHERE, most=None)]
        return [first] if first else []

    async def _each(self, id_: str, first: Facts, space: Space, most: int | None = ENOUGH) -> AsyncIterator[Facts]:
        """Those that `space` may mean, up to `most`: all names are looked at, however many there are.

        A name says no more of whose it is than what is known under it does, so one that cannot be meant is not read.
        """
        meant = 0
        if first and Space.of(first).may_be(space):
            yield first
            meant += 1
        names = [name for name in await self._names(id_) if Space.load(name).may_be(space)]
        for page in range(0, len(names), PAGE):
            rows = await asyncio.gather(*(self._facts(id_, name) for name in names[page : page + PAGE]))
            for name, facts in zip(names[page:], rows, strict=False):
                if facts and Space.of(facts).may_be(space):
                    yield facts | {"space": name}
                    meant += 1
            if most and meant >= most:
                return

    async def _names(self, id_: str) -> list[str]:
        """The spaces of all but the first with this id, in one order."""
        name, names, cursor = keys.operation(id_), set[str](), 0
        key = self._partitions.of(name).key(f"spaces:{name}")
        while True:
            cursor, page = await call(self._redis.sscan(key, cursor, count=PAGE))
            names.update(text.decode() for text in page)
            if not cursor:
                return sorted(names)
