"""What is usual for a job, from the ends of its runs: how long it takes, and how often it fails in a row. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import median

from relay.domain.ends import End

CERTAIN = 10  # successes from which on another duration is worth an alarm
LONGER, SOONER = 60.0, 30.0  # seconds: a run that is off by less raises none
LEAST = 5  # successes from which on something is usual
TOLERANCE, SLIGHTLY = 0.1, 10.0  # of the median, and seconds: what is off by less is as usual


@dataclass(frozen=True, slots=True)
class Usual:
    """Seconds: the tenth, the middle and the ninetieth of a hundred successes."""

    low: float
    median: float
    high: float

    @property
    def tolerance(self) -> float:
        """Two of ten runs are below `low` or above `high`: only what is clearly beyond them is worth a word."""
        return max(TOLERANCE * self.median, SLIGHTLY)

    def verdict(self, seconds: float) -> str:
        if seconds > self.high + self.tolerance:
            return "slow"
        return "quick" if seconds < self.low - self.tolerance else "usual"


@dataclass(frozen=True, slots=True)
class Streaks:
    """What went directly before, the newest last. Cancelled runs are passed over."""

    failures: tuple[End, ...]  # in a row, up to now
    successes: int  # in a row, up to now; where this is more than 0 there are no failures


def usual(ends: Iterable[End]) -> Usual | None:
    """Return None with fewer than five successes of known duration."""
    lasted = _lasted(ends)
    if len(lasted) < LEAST:
        return None
    return Usual(quantile(lasted, 0.1), median(lasted), quantile(lasted, 0.9))


def slow_after(ends: Iterable[End], percent: float) -> float | None:
    """The seconds after which a run takes too long: p95 of ten successes or more, and so much of it."""
    lasted = _lasted(ends)
    if len(lasted) < CERTAIN:
        return None
    most = quantile(lasted, 0.95)
    return most + max(most * percent / 100, LONGER)


def too_quick(ends: Iterable[End], seconds: float | None, percent: float | None) -> bool:
    """Whether a completed run took less than this part of p5 of ten successes: it may have had nothing to do."""
    lasted = _lasted(ends)
    if seconds is None or percent is None or len(lasted) < CERTAIN:
        return False
    least = quantile(lasted, 0.05)
    return seconds < least * percent / 100 and least - seconds >= SOONER


def usual_phases(ends: Iterable[End]) -> dict[str, float]:
    """The median of each phase that five successes tell of, by its name."""
    spans: dict[str, list[float]] = {}
    for end in ends:
        for name, seconds in end.phases if end.succeeded else ():
            spans.setdefault(name, []).append(seconds)
    return {name: median(lasted) for name, lasted in spans.items() if len(lasted) >= LEAST}


def streaks(ends: Sequence[End]) -> Streaks:
    """`ends` in the order of time."""
    newest_first = [end for end in reversed(ends) if end.succeeded or end.failed]
    failures = [*takewhile(lambda end: end.failed, newest_first)]
    successes = sum(1 for _ in takewhile(lambda end: end.succeeded, newest_first))
    return Streaks(tuple(reversed(failures)), successes)


def quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values, between the two nearest where it falls between them."""
    position = share * (len(values) - 1)
    below = int(position)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (position - below)


def _lasted(ends: Iterable[End]) -> list[float]:
    """How long the successes took, the shortest first."""
    return sorted(end.duration for end in ends if end.succeeded and end.duration is not None)
