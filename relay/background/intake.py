"""How much of what each source sends is refused, by the counts that are kept anyway. Looked at now and then, never per
event; each process sees its own requests."""

from collections import deque
from collections.abc import Iterator, Mapping

from relay import metrics
from relay.policy.causes import REFUSED, Cause

WINDOW = 900.0  # seconds that are looked at
LEAST = 10  # refused requests of a source in this time: a few are everyday
SHARE = 0.2  # of its requests
TAKEN = frozenset({"accepted", "duplicate", "late"})
REFUSALS = frozenset({
    "malformed", "unsigned", "too_slow", "too_large", "unsupported", "invalid", "rate_limited", "unavailable", "fault",
})  # fmt: skip

Counts = Mapping[tuple[str, str], float]  # by source and outcome


class Intake:
    """The counts of the last quarter of an hour, as of each look."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Counts]] = deque()

    def causes(self, now: float) -> list[Cause]:
        """The sources of which more is refused than is everyday; `reason` is why most of it was."""
        totals = counts()
        while self._looks and not 0 <= now - self._looks[0][0] <= WINDOW:
            self._looks.popleft()
        self._looks.append((now, totals))
        begin, before = self._looks[0]
        new = {key: count - before.get(key, 0.0) for key, count in totals.items()}
        return [*_refusing(new, begin)]


def counts() -> dict[tuple[str, str], float]:
    """By source and outcome, since this process began."""
    return {
        (sample.labels["source"], sample.labels["outcome"]): sample.value
        for metric in metrics.events.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


def _refusing(counts: Counts, since: float) -> Iterator[Cause]:
    for source in sorted({source for source, _ in counts if source}):
        own = {outcome: int(count) for (name, outcome), count in counts.items() if name == source}
        refused = {outcome: count for outcome, count in own.items() if outcome in REFUSALS}
        count, total = sum(refused.values()), sum(own.get(outcome, 0) for outcome in TAKEN | REFUSALS)
        if count >= LEAST and count > SHARE * total:
            yield Cause(REFUSED, source, since, max(refused, key=refused.__getitem__), count, total)
