"""Outcomes of a job's runs: read from an event's documents, compared with earlier ones. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter
from statistics import median
from typing import Any

from relay.domain import documents
from relay.domain.documents import finite, mapping, parse_duration, rows
from relay.domain.events import Event, Outcome
from relay.domain.identity import error_of, signature

MIN_SUCCESSES = 5  # from which on a duration is usual
LONGER = 300.0  # seconds that a run may take beyond the usual, at least
QUICK, SOONER, CERTAIN = 0.5, 30.0, 10  # of what is usual at least, seconds, and successes: sooner may be wrong
TOLERANCE, SLIGHTLY = 0.1, 10.0  # of the median, and seconds: what is off by less is as usual
MAX_PHASES = 30
MAX_NAME = 80  # characters of a phase's name
FOREVER = 32_503_680_000.0  # the year 3000: a later time stands for none
_STARTED = ("startTime", "startedAt", "retryAttemptDate", "batchStartTime")
_ENDED = ("completionTime", "endTime", "cancellationTime")


def before(ends: Sequence[Outcome], run: str, moment: float) -> tuple[Outcome, ...]:
    """Return the ends before this run's own; while it goes on, before this moment. Oldest first."""
    ordered = of_runs(ends)
    until = next((end.ended for end in ordered if end.run == run), moment)
    return tuple(end for end in ordered if end.ended <= until and end.run != run)


def of_runs(ends: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Return one outcome of each run, oldest first; of several, in their order, the last counts."""
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


def late_after(ends: Iterable[Outcome]) -> float | None:
    """Return the seconds after which a run is late: what the slowest of the usual ones took, and half as much again."""
    normal = usual(ends)
    return normal.high + max(normal.high / 2, LONGER) if normal else None


def too_quick(ends: Iterable[Outcome], seconds: float) -> bool:
    """Return whether a completed run took less than half of p5 of ten successes: it may have done nothing."""
    lasted = _lasted(ends)
    if len(lasted) < CERTAIN:
        return False
    p5 = quantile(lasted, 0.05)
    return seconds < p5 * QUICK and p5 - seconds >= SOONER


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


def outcome_of(event: Event, run: str = "") -> Outcome:
    """Read an event as the outcome of the run."""
    parts = _stated_parts(event)
    results, _, operation, _ = parts
    started = _moment(parts, _STARTED)
    ended = end_of(event)
    lasted = stated_duration(results, operation) or None
    if lasted is None and started is not None and ended >= started:
        lasted = ended - started
    priority = event.operation.priority if event.operation else ""
    phases = tuple(_phases(operation, results))
    return Outcome(run, event.status, ended, started, lasted, phases, signature(error_of(event)), priority)


def end_of(event: Event) -> float:
    """Return the end of the run: as it is stated, or when the event was sent."""
    return stated_end(event) or _real(event.occurred_at.timestamp()) or event.received_at.timestamp()


def stated_end(event: Event) -> float | None:
    """Return the end of the run as its documents state it; the event's own time says when it was sent."""
    return _moment(_stated_parts(event), _ENDED)


def stated_duration(results: Mapping[str, Any], operation: Mapping[str, Any]) -> float | None:
    """Return the seconds that a run took, as its documents state it."""
    stated = (
        results.get("totalDuration"), operation.get("totalDuration"),
        mapping(results.get("performance")).get("totalExecutionTime"), results.get("duration"),
        operation.get("duration"),
    )  # fmt: skip
    return next((span for value in stated if value is not None and (span := span_of(value)) is not None), None)


def span_of(value: object) -> float | None:
    """Read seconds from a number, or from text like `45 minutes`."""
    number = finite(value)
    return parse_duration(value) if number is None else number if number >= 0 else None


def phase_seconds(row: Mapping[str, Any]) -> float | None:
    """Return the seconds that a finished phase took: by its times where both are stated, for its text is rounded."""
    started, ended = documents.moment(row.get("startTime")), documents.moment(row.get("endTime"))
    if started and ended and ended >= started:
        return (ended - started).total_seconds()
    return span_of(row.get("duration"))


def _stated_parts(event: Event) -> tuple[Mapping[str, Any], ...]:
    """Return the parts that state times: results, cancellation, operation, progress."""
    operation = mapping(event.operation.document if event.operation else None)
    return mapping(event.results), mapping(event.cancellation), operation, mapping(operation.get("progress"))


def _moment(parts: Sequence[Mapping[str, Any]], names: Sequence[str]) -> float | None:
    for part in filter(None, parts):  # most of them are empty
        for name in names:
            stated = documents.moment(value) if (value := part.get(name)) is not None else None
            if stated and (moment := _real(stated.timestamp())):
                return moment
    return None


def _real(moment: float) -> float | None:
    """Return None for the times that platforms write where there is none: the first of year 1, the last of 9999."""
    return moment if 0.0 < moment < FOREVER else None


def _phases(operation: Mapping[str, Any], results: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    listed = rows(operation.get("phases")) or rows(results.get("phaseResults"))
    for row in listed[:MAX_PHASES]:
        name = row.get("phaseName") or row.get("name")
        if row.get("status") not in (None, "Completed") or not isinstance(name, str) or not name.strip():
            continue
        if (lasted := phase_seconds(row)) is not None:
            yield phase_name(name), lasted


def phase_name(name: str) -> str:
    """Normalise a phase's name, by which phases are compared."""
    return " ".join(name.split())[:MAX_NAME]
