"""Waiting deliveries of one operation or batch, by the queues of its addresses."""

from collections.abc import Collection

from relay.domain.facts import Space
from relay.store import keys
from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.timelines import Timelines

MOST = 100  # deliveries that are named of one queue
PARTS = ("", "/replies", "/held")

Place = tuple[str, str, str]  # the home of what is sent there, destination, address


class Lanes:
    """Reads them. Every failure is StoreUnavailable."""

    def __init__(self, store: Store, *, partial: bool = False) -> None:
        """`partial`: partitions that are away are left out."""
        self._everywhere = Everywhere(store, partial=partial)
        self._redis = store.redis
        self._timelines = Timelines(self._everywhere, store.spaces)

    async def waiting(self, subject: str, space: Space, places: Collection[Place]) -> dict[str, list[str]]:
        """The ids of its deliveries that wait, by destination, in their order; AmbiguousId as of `Admin.timeline`.

        Of a place whose home is not known each that it may have is named: where there is none, nothing waits.
        """
        subject, resolved = await self._timelines.meant(subject, space)
        if resolved is None:
            return {}
        named = [(keys.lane(home, subject, name, address, resolved), name) for home, name, address in sorted({*places})]

        async def ask(partition: Partition) -> dict[str, list[str]]:
            here = [(lane, name) for lane, name in named if self._everywhere.partitions.of(lane) is partition]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for lane, _ in here:
                    for part in PARTS:
                        pipeline.lrange(partition.key(f"lane:{lane}{part}"), 0, MOST - 1)
                answers = await call(pipeline.execute()) if here else []
            ids: dict[str, list[str]] = {}
            for number, names in enumerate(answers):
                ids.setdefault(here[number // len(PARTS)][1], []).extend(id_.decode() for id_ in names)
            return ids

        waits: dict[str, list[str]] = {}
        for answer in await self._everywhere.of_each(ask):
            for name, ids in answer.items():
                waits.setdefault(name, []).extend(ids)
        return {name: ids for name, ids in waits.items() if ids}
