"""The partition's time: Redis's, brought on by the monotonic clock, and never below what it was."""

from collections.abc import Callable

SET_BACK = 10_000  # ms; a smaller step is waited out


class PartitionClock:
    """`set_back`: by how many ms Redis's clock was set back, until a commit has taken that into account."""

    def __init__(self, monotonic: Callable[[], float], wall: Callable[[], float] | None = None) -> None:
        """`wall` takes the place of Redis's clock, for tests (seconds since the epoch)."""
        self._monotonic, self._wall = monotonic, wall
        self._heard = 0  # Redis's time
        self._at = 0.0  # when that was
        self._last = 0
        self.set_back = 0

    def now(self) -> int:
        """Return ms since the epoch; no more than Redis's own clock says."""
        if self._wall:
            self.hear(0)
        elapsed = int((self._monotonic() - self._at) * 1000) if not self._wall else 0
        self._last = max(self._last, self._heard + elapsed)
        return self._last

    def hear(self, ms: int) -> None:
        """Take Redis's time from an answer that came just now."""
        if self._wall:
            ms = int(self._wall() * 1000)
        self._heard, self._at = ms, self._monotonic()
        if ms < self._last - SET_BACK:
            self.set_back += self._last - ms
            self._last = ms

    def begin(self, last: int, ms: int) -> None:
        """Go on from the time of the last commit of any owner, at Redis's time of now."""
        self._last, self.set_back = last, 0
        self.hear(ms)
