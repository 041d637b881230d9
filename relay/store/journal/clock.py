"""The partition's time: Redis's, brought on by the monotonic clock, and never below what it was."""

from collections.abc import Callable

SET_BACK = 10_000  # ms; a smaller step is waited out


class PartitionClock:
    """`set_back`: by how many ms Redis's clock was set back since that was last asked."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._heard = 0  # Redis's time
        self._at = 0.0  # when that was
        self._last = 0
        self._set_back = 0

    def now(self) -> int:
        """Return ms since the epoch; no more than Redis's own clock says."""
        elapsed = int((self._monotonic() - self._at) * 1000)
        self._last = max(self._last, self._heard + elapsed)
        return self._last

    def hear(self, ms: int) -> None:
        """Take Redis's time from an answer that came just now."""
        self._heard, self._at = ms, self._monotonic()
        if ms < self._last - SET_BACK:
            self._set_back += self._last - ms
            self._last = ms

    def begin(self, last: int) -> None:
        """Go on where the partition's owner before was, or where the data was written."""
        self._last, self._set_back = last, 0

    def take_set_back(self) -> int:
        step, self._set_back = self._set_back, 0
        return step
