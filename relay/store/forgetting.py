"""The bounds of the record of what was sent: how old its rows get, how many there are, and that they fill no Redis."""

from collections.abc import Sequence

from relay.engine.records import HISTORIES, history
from relay.store.queries.questions import EVERY
from relay.store.queries.reader import Span
from relay.store.store import Store

ALL = 1_000_000  # rows of all destinations, some 120 bytes each
LONGEST = 30 * 86_400.0  # seconds
FULL = 0.7  # of Redis's memory: from here on the oldest rows go, before anything else is refused
SHARE = 0.9  # of the rows that stay then, each time


class Forgetting:
    """Every failure is StoreUnavailable; the next call goes on where this ended."""

    def __init__(self, store: Store, bound: int = ALL) -> None:
        self._plain = store.plain
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
            cut = [name for name, length in lengths.items() if length > level]
            await self._plain.do(*(("XTRIM", history(name), "MAXLEN", "~", level) for name in cut))
            total = sum(min(length, level) for length in lengths.values())
        return total

    async def _expire(self, oldest: int) -> dict[str, int]:
        """Return how many rows are left of each destination. One whose newest row goes is forgotten with its rows."""
        [rows] = await self._plain.members([Span(HISTORIES, EVERY)])
        await self._plain.do(*(("XTRIM", history(name), "MINID", oldest) for name, _ in rows))
        # No decision reads this index, so it may be changed beside the owner.
        lengths = await self._plain.do(
            *(("XLEN", history(name)) for name, _ in rows), ("ZREMRANGEBYSCORE", HISTORIES, "-inf", f"({oldest}")
        )
        return {name: length for (name, _), length in zip(rows, lengths, strict=False) if length}


def _level(lengths: Sequence[int], bound: int) -> int:
    """The length to which the longest are cut, so that no more than `bound` rows are left in all."""
    left = bound
    for cut, length in enumerate(ordered := sorted(lengths)):
        share = left // (len(ordered) - cut)
        if length > share:
            return share
        left -= length
    return bound
