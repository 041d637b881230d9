"""The partition's time: Redis's, and what it is ahead of that since Redis's clock was set back.

It never goes back and never stands: a step back is added to what it is ahead, which shrinks by half a second a second.
A step forward takes what it is ahead away first, and is followed beyond that at once. While it is ahead, waits take up
to twice their time, and what is due by the calendar is early by as much as it is ahead.
"""

from collections.abc import Callable
from math import ceil

NOTED = 10_000  # ms; a smaller step back is not told
SHRINKS = 0.5


class PartitionClock:
    """`set_back`: by how many ms Redis's clock was set back, until that is asked for."""

    def __init__(self, monotonic: Callable[[], float], wall: Callable[[], float] | None = None) -> None:
        """`wall` takes the place of Redis's clock, for tests (seconds since the epoch): it runs by steps forward."""
        self._monotonic, self._wall = monotonic, wall
        self._heard = self._ahead = 0.0  # ms: Redis's time, and what the partition's was ahead
        self._at = 0.0  # when that was
        self._last = self.set_back = 0

    @property
    def ahead(self) -> int:
        """Return by how many ms more Redis has to keep what expires at a time of the partition's."""
        return ceil(max(0.0, self._ahead - SHRINKS * self._elapsed()))

    def now(self) -> int:
        """Return ms since the epoch."""
        if self._wall:
            self.hear(0)
        redis = self._heard + (0 if self._wall else self._elapsed())
        self._last = max(self._last, int(redis + max(0.0, self._ahead - SHRINKS * self._elapsed())))
        return self._last

    def hear(self, ms: int) -> None:
        """Take Redis's time from an answer that came just now. How long answers take adds up to nothing."""
        elapsed = self._elapsed()
        step = self._heard + elapsed - ms
        if self._wall:
            ms = int(self._wall() * 1000)
            step = max(0.0, self._heard - ms)
        if step >= NOTED:
            self.set_back += int(step)
        self._ahead = max(0.0, max(0.0, self._ahead - SHRINKS * elapsed) + step)
        self._heard, self._at = ms, self._monotonic()

    def begin(self, last: int, ms: int) -> None:
        """Go on from the time of the last commit of any owner, at Redis's time of now."""
        ms = int(self._wall() * 1000) if self._wall else ms
        self._heard, self._at, self._ahead, self._last = ms, self._monotonic(), max(0.0, last - ms), last
        self.set_back += last - ms if last - ms >= NOTED else 0

    def _elapsed(self) -> float:
        return (self._monotonic() - self._at) * 1000


def time_of(mark: str) -> int:
    """Return the partition's time of the commit that set this mark; 0 where there is none."""
    last = mark.rpartition(".")[2]
    return int(last) if last.isdecimal() else 0
