"""Counts of duplicate events that were dropped, kept in the process. Pure."""

from dataclasses import dataclass

from relay.domain.events import Event

ROOM = 2000  # of operations, events and sources, between two calls of `take`; the others count for their source alone

Repeated = tuple[str, str, str, str]  # operation or batch, the space of its id, the event's name, its source


@dataclass(slots=True)
class Times:
    """Count, and the time of the last (seconds since the epoch)."""

    count: int
    last: float


class Repeats:
    """Duplicates since `take` was last called."""

    def __init__(self) -> None:
        self._times: dict[Repeated, Times] = {}
        self._sources: dict[str, int] = {}

    def add(self, event: Event) -> None:
        """Count an event that was dropped."""
        subject, source, now = event.subject, event.source, event.received_at.timestamp()
        key = (subject, event.space(subject), event.name, source)
        times = self._times.get(key)
        if times is not None:
            times.count += 1
            times.last = now
        elif len(self._times) < ROOM:
            self._times[key] = Times(1, now)
        self._sources[source] = self._sources.get(source, 0) + 1

    def take(self) -> tuple[dict[Repeated, Times], dict[str, int]]:
        """Return the counts by operation and by source, and begin anew."""
        counted, self._times, self._sources = (self._times, self._sources), {}, {}
        return counted
