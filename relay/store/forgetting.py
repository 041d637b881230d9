"""The bounds of the record of what was sent: how old its rows get, how many there are, and that they fill no Redis."""

from collections.abc import Sequence

from relay.engine.records import HISTORIES, history
from relay.store import keys
from relay.store.client import call, write
from relay.store.store import Store

ALL = 1_000_000  # rows of all destinations, some 120 bytes each
LONGEST = 30 * 86_400.0  # seconds
FULL = 0.7  # of Redis's memory: from here on the oldest rows go, before anything else is refused
SHARE = 0.9  # of the rows that stay then, each time


class Forgetting:
    """Every failure is StoreUnavailable; the next call goes on where this ended."""

    def __init__(self, store: Store, bound: int = ALL) -> None:
        self._redis = store.redis
        self._bound = bound

    async def forget(self, now: float, retention: float, fullness: float = 0.0) -> int:
        """Rows older than `retention` (seconds) go, and of too many the oldest; those with most rows give first.

        `fullness` is the part of Redis's memory that is used. Answers how many rows are left.
        """
        lengths = await self._expire(int((now - min(retention, LONGEST)) * 1000))
        total = sum(lengths.values())
        bound = min(self._bound, int(total * SHARE)) if fullness > FULL else self._bound
        if total > bound:
            level = _level(list(lengths.values()), bound)
            await self._cut([name for name, length in lengths.items() if length > level], level)
            total = sum(min(length, level) for length in lengths.values())
        return total

    async def _expire(self, oldest: int) -> dict[str, int]:
        """Return how many rows are left of each destination. One whose newest row goes is forgotten with its rows."""
        names = [name.decode() for name in await call(self._redis.zrange(keys.PREFIX + HISTORIES, 0, -1))]
        if not names:
            return {}
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.xtrim(keys.PREFIX + history(name), minid=oldest, approximate=False, limit=None)
                pipeline.xlen(keys.PREFIX + history(name))
            # No decision reads this index, so it may be changed beside the owner.
            pipeline.zremrangebyscore(keys.PREFIX + HISTORIES, "-inf", f"({oldest}")
            answers = await write(self._redis, pipeline.execute())
        return {name: length for name, length in zip(names, answers[1:-1:2], strict=True) if length}

    async def _cut(self, names: Sequence[str], level: int) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.xtrim(keys.PREFIX + history(name), maxlen=level, approximate=True)
            if names:
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
