"""Keep counts and show them."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest

Label = str


class Prepared:
    """Counts under labels that are known, and a last one that each call names: each is looked up once."""

    def __init__(self, counter: Counter, *labels: Label) -> None:
        self._counter, self._labels = counter, labels
        self._counts: dict[str, Callable[[], None]] = {}

    def __call__(self, last: Label) -> None:
        count = self._counts.get(last)
        if count is None:
            count = self._counts[last] = self._counter.labels(*self._labels, last).inc
        count()


def begin_at_nought(counter: Counter, labels: Iterable[Sequence[Label]]) -> None:
    """Show these before anything is counted: of a series that begins with 1 Prometheus sees no increase."""
    for values in labels:
        counter.labels(*values)


class Tally:
    """Measurements under one label since they were last handed on, by the bounds of a histogram."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: list[float]) -> None:
        self._bounds = bounds
        self.counts, self.total = [0] * len(bounds), 0.0

    def observe(self, amount: float) -> None:
        self.counts[bisect_left(self._bounds, amount)] += 1
        self.total += amount

    def taken(self) -> Iterator[tuple[int, int]]:
        """The number of each bucket that has something, and how much; it begins anew."""
        counts, self.counts, self.total = self.counts, [0] * len(self.counts), 0.0
        return ((bucket, count) for bucket, count in enumerate(counts) if count)


class Tallied:
    """A histogram with one label, measured with every event: counted in plain numbers, and handed on together.

    `Histogram.observe` takes 0.6 us; this takes 0.1. prometheus_client has no public
    way to hand on many at once, so this knows where a histogram keeps them; tests/test_metrics.py compares the two.
    """

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._tallies: dict[Label, Tally] = {}
        _TALLIED.append(self)

    def of(self, label: Label) -> Tally:
        """The same one each time."""
        if label not in self._tallies:
            self._tallies[label] = Tally(self._histogram.labels(label)._upper_bounds)
        return self._tallies[label]

    def hand_on(self) -> None:
        for label, tally in self._tallies.items():
            child, total = self._histogram.labels(label), tally.total
            for bucket, count in tally.taken():
                child._buckets[bucket].inc(count)
            if total:
                child._sum.inc(total)


_TALLIED: list[Tallied] = []


def hand_on() -> None:
    """Show what was measured since the last time: once a second, and before a scrape."""
    for tallied in _TALLIED:
        tallied.hand_on()


def exposition(registry: CollectorRegistry = REGISTRY) -> bytes:
    """Everything counted, in the text format of `CONTENT_TYPE_LATEST`."""
    hand_on()
    return generate_latest(registry)
