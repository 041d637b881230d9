"""Outcomes of a job's runs, in the few values that later runs are compared with, and what is usual by them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from operator import attrgetter
from statistics import median
from typing import NamedTuple

Phases = tuple[tuple[str, float], ...]  # names and seconds, in their order

CERTAIN = 10  # successes from which on an unusual duration raises an alarm
LONGER, SOONER = 60.0, 30.0  # seconds: a run that is off by less raises none
MIN_SUCCESSES = 5  # from which on a duration is usual
TOLERANCE, SLIGHTLY = 0.1, 10.0  # of the median, and seconds: what is off by less is as usual
_STATED = ("started", "duration", "phases", "error", "priority")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one run of a job. Times are seconds since the epoch."""

    run: str  # which run of which operation
    status: str
    ended: float
    started: float | None = None
    duration: float | None = None  # seconds
    phases: Phases = ()
    error: str = ""  # its signature (relay/domain/causes.py)
    priority: str = ""

    def filled(self, earlier: "Outcome") -> "Outcome":
        """Fill in what an earlier report of the same run's end stated, where this one does not."""
        stated = {name: getattr(self, name) for name in _STATED if getattr(self, name) not in (None, "", ())}
        return replace(earlier, status=self.status, ended=self.ended, **stated)

    @property
    def succeeded(self) -> bool:
        return self.status == "Completed"

    @property
    def failed(self) -> bool:
        """Return whether it failed. A cancelled run neither succeeded nor failed."""
        return self.status in ("Failed", "Timeout")


class Comparison(NamedTuple):
    """Comparison of an outcome with the recorded ends of its operation's runs (relay/domain/run_ends.py)."""

    before: str  # the ends that it was compared with
    after: str  # and with it
    decisive: bool = False  # it is of another run than its time and the platform's count say
    differs: tuple[str, ...] = ()  # what it states otherwise than the end that it is another report of
    completes: str = ""  # it completed, and this is the status with which the same run had failed


def before(ends: Sequence[Outcome], run: str, moment: float) -> tuple[Outcome, ...]:
    """Return the ends before this run's own; while it goes on, before this moment. Oldest first."""
    ordered = of_runs(ends)
    until = next((end.ended for end in ordered if end.run == run), moment)
    return tuple(end for end in ordered if end.ended <= until and end.run != run)


def of_runs(ends: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Return one outcome of each run, oldest first.

    Of several outcomes of a run the last counts: `ends` are in the order in which they were reported.
    """
    newest: dict[str, Outcome] = {}
    for end in ends:
        newest[end.run] = end.filled(newest[end.run]) if end.run in newest else end
    return tuple(sorted(newest.values(), key=attrgetter("ended")))


@dataclass(frozen=True, slots=True)
class Usual:
    """Usual duration in seconds: the 10th, 50th and 90th percentile of the successes."""

    low: float
    median: float
    high: float

    @property
    def tolerance(self) -> float:
        """Return the seconds beyond `low` and `high` that are still usual: two of ten runs are outside of them."""
        return max(TOLERANCE * self.median, SLIGHTLY)

    def verdict(self, seconds: float) -> str:
        if seconds > self.high + self.tolerance:
            return "slow"
        return "quick" if seconds < self.low - self.tolerance else "usual"


@dataclass(frozen=True, slots=True)
class Streaks:
    """Runs that ended alike directly before, the newest last. Cancelled runs are passed over."""

    failures: tuple[Outcome, ...]  # in a row, up to now
    successes: int  # in a row, up to now; where this is more than 0 there are no failures


def usual(ends: Iterable[Outcome]) -> Usual | None:
    """Return None with fewer than five successes of known duration."""
    lasted = _lasted(ends)
    if len(lasted) < MIN_SUCCESSES:
        return None
    return Usual(quantile(lasted, 0.1), median(lasted), quantile(lasted, 0.9))


def slow_after(ends: Iterable[Outcome], percent: float) -> float | None:
    """Return the seconds after which a run is slow: p95 of ten successes or more, and `percent` of it on top."""
    lasted = _lasted(ends)
    if len(lasted) < CERTAIN:
        return None
    p95 = quantile(lasted, 0.95)
    return p95 + max(p95 * percent / 100, LONGER)


def too_quick(ends: Iterable[Outcome], seconds: float | None, percent: float | None) -> bool:
    """Return whether a completed run took less than `percent` of p5 of ten successes: it may have done nothing."""
    lasted = _lasted(ends)
    if seconds is None or percent is None or len(lasted) < CERTAIN:
        return False
    p5 = quantile(lasted, 0.05)
    return seconds < p5 * percent / 100 and p5 - seconds >= SOONER


def usual_phases(ends: Iterable[Outcome]) -> dict[str, float]:
    """Return the median seconds of each phase that five successes state, by its name."""
    spans: dict[str, list[float]] = {}
    for end in ends:
        for name, seconds in end.phases if end.succeeded else ():
            spans.setdefault(name, []).append(seconds)
    return {name: median(lasted) for name, lasted in spans.items() if len(lasted) >= MIN_SUCCESSES}


def streaks(ends: Sequence[Outcome]) -> Streaks:
    """Return the streak up to now; `ends` are oldest first."""
    newest_first = [end for end in reversed(ends) if end.succeeded or end.failed]
    failures = [*takewhile(lambda end: end.failed, newest_first)]
    successes = sum(1 for _ in takewhile(lambda end: end.succeeded, newest_first))
    return Streaks(tuple(reversed(failures)), successes)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the quantile of sorted values, interpolated between the two nearest."""
    position = share * (len(values) - 1)
    below = int(position)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (position - below)


def _lasted(ends: Iterable[Outcome]) -> list[float]:
    """List the durations of the successes, the shortest first."""
    return sorted(end.duration for end in ends if end.succeeded and end.duration is not None)


def iso(moment: float | None) -> str:
    """Write a moment as templates get it; empty for none."""
    return datetime.fromtimestamp(moment, UTC).isoformat() if moment is not None else ""
