"""Status words of senders that no row of the source's format has: counted, and noticed until operators are told."""

from collections.abc import Iterable

from relay import metrics

MOST = 10  # that are noticed at a time
NOTICED = 60.0  # seconds
LONGEST = 40  # characters


class UnknownWords:
    """The words of the last minute, by source, with their times in seconds since the epoch."""

    def __init__(self) -> None:
        self._noticed: dict[tuple[str, str], float] = {}

    def add(self, source: str, unknown: Iterable[tuple[str, str]], at: float) -> None:
        """Notice those that a reading did not know, each behind its field."""
        for _, word in unknown:
            metrics.format_unknown.labels(source).inc()
            key = source, " ".join(word.split())[:LONGEST]
            self._noticed = {other: when for other, when in self._noticed.items() if 0 <= at - when < NOTICED}
            if key in self._noticed or len(self._noticed) < MOST:
                self._noticed[key] = at

    def noticed(self, now: float) -> list[tuple[str, str]]:
        return [key for key, at in self._noticed.items() if 0 <= now - at < NOTICED]
