"""Which operation an id means, where several platforms, tenants or projects use it.

The first that used it has the plain name (`keys.operation`); it is marked `apart` once another one uses the id, whose
name has its space in it.
"""

from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from relay.domain.spaces import Space
from relay.errors import AmbiguousId
from relay.store import keys
from relay.store.client import call
from relay.store.partitions import Partitions

Facts = dict[str, str]
MOST = 1000  # spaces of one id that are looked at where a document does not say which


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
        meant = [facts for facts in await self._all(id_, first) if Space.of(facts).may_be(space)]
        if len(meant) > 1:
            raise AmbiguousId(id_, [Space.of(facts) for facts in meant])
        return meant[0] if meant else {"space": own}

    async def all(self, id_: str) -> list[Facts]:
        """What is known of each operation or batch with this id; `space` as in `resolved`."""
        first = await self._facts(id_, "")
        return await self._all(id_, first) if first.pop("apart", "") else [first] if first else []

    async def _all(self, id_: str, first: Facts) -> list[Facts]:
        name = keys.operation(id_)
        names = await call(self._redis.srandmember(self._partitions.of(name).key(f"spaces:{name}"), MOST))
        others = [(name.decode(), await self._facts(id_, name.decode())) for name in sorted(names)]
        return [*([first] if first else []), *(facts | {"space": name} for name, facts in others if facts)]
