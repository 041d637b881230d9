"""The bounds of the record of what was sent: how old its rows get, how many there are, and that they fill no Redis."""

from collections.abc import Mapping, Sequence

from relay.store import keys
from relay.store.client import call, write
from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition
from relay.store.queue import Store

ALL = 1_000_000  # rows of all destinations, some 120 bytes each
LONGEST = 30 * 86_400.0  # seconds
FULL = 0.7  # of Redis's memory: from here on the oldest rows go, before anything else is refused
SHARE = 0.9  # of the rows that stay then, each time

Stream = tuple[int, str]  # number of the partition, destination


class Forgetting:
    """Every failure is StoreUnavailable; the next call goes on where this ended."""

    def __init__(self, store: Store, bound: int = ALL) -> None:
        self._everywhere = Everywhere(store, partial=True)
        self._redis = store.redis
        self._bound = bound

    async def forget(self, now: float, retention: float, fullness: float = 0.0) -> int:
        """Rows older than `retention` (seconds) go, and of too many the oldest; those with most rows give first.

        `fullness` is the part of Redis's memory that is used. Answers how many rows are left.
        """
        oldest = int((now - min(retention, LONGEST)) * 1000)
        lengths = {
            stream: length
            for part in await self._everywhere.of_each(lambda partition: self._expire(partition, oldest))
            for stream, length in part.items()
        }
        total = sum(lengths.values())
        bound = min(self._bound, int(total * SHARE)) if fullness > FULL else self._bound
        if total > bound:
            level = _level(list(lengths.values()), bound)
            await self._everywhere.of_each(lambda partition: self._cut(partition, lengths, level))
            total = sum(min(length, level) for length in lengths.values())
        return total

    async def _expire(self, partition: Partition, oldest: int) -> dict[Stream, int]:
        """Return how many rows are left of each destination."""
        names = [name.decode() for name in await call(self._redis.zrange(partition.key(keys.HISTORIES), 0, -1))]
        if not names:
            return {}
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.xtrim(partition.key(f"history:{name}"), minid=oldest, approximate=False, limit=None)
                pipeline.xlen(partition.key(f"history:{name}"))
            answers = await write(self._redis, pipeline.execute())
        lengths = dict(zip(names, answers[1::2], strict=True))
        if gone := [name for name, length in lengths.items() if not length]:
            await write(self._redis, self._redis.zrem(partition.key(keys.HISTORIES), *gone))
        return {(partition.number, name): length for name, length in lengths.items() if length}

    async def _cut(self, partition: Partition, lengths: Mapping[Stream, int], level: int) -> None:
        long = [name for (number, name), length in lengths.items() if number == partition.number and length > level]
        if not long:
            return
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name in long:
                pipeline.xtrim(partition.key(f"history:{name}"), maxlen=level, approximate=True)
            await write(self._redis, pipeline.execute())


def _level(lengths: Sequence[int], bound: int) -> int:
    """The length to which the longest are cut, so that no more than `bound` rows are left in all."""
    left = bound
    for cut, length in enumerate(ordered := sorted(lengths)):
        share = left // (len(ordered) - cut)
        if length > share:
            return share
        left -= length
    return bound
