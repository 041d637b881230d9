"""Fields of an outcome's documents: times, durations, phases, the error's signature. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from relay.domain import fields
from relay.domain.causes import error_of, signature
from relay.domain.events import Event
from relay.domain.json_access import finite, mapping, rows
from relay.domain.outcomes import Outcome
from relay.domain.spans import seconds

MAX_PHASES = 30
MAX_NAME = 80  # characters of a phase's name
FOREVER = 32_503_680_000.0  # the year 3000: a later time stands for none
_STARTED = ("startTime", "startedAt", "retryAttemptDate", "batchStartTime")
_ENDED = ("completionTime", "endTime", "cancellationTime")
_LASTED = ("totalDuration", "duration")


def outcome_of(event: Event, run: str = "") -> Outcome:
    """Read an event as the outcome of the run."""
    parts = _stated_parts(event)
    results, _, operation, _ = parts
    started = _moment(parts, _STARTED)
    ended = _ended(event, parts)
    lasted = next(
        (span for part in (results, operation) for name in _LASTED if (span := span_of(part.get(name)))), None
    )
    if lasted is None and started is not None and ended >= started:
        lasted = ended - started
    priority = event.operation.priority if event.operation else ""
    phases = tuple(_phases(operation, results))
    return Outcome(run, event.status, ended, started, lasted, phases, signature(error_of(event)), priority)


def stated_end(event: Event) -> float | None:
    """Return the end of the run as its documents state it; the event's own time says when it was sent."""
    return _moment(_stated_parts(event), _ENDED)


def span_of(value: object) -> float | None:
    """Read seconds from a number, or from text like `45 minutes`."""
    number = finite(value)
    return seconds(value) if number is None else number if number >= 0 else None


def phase_seconds(row: Mapping[str, Any]) -> float | None:
    """Return the seconds that a finished phase took: by its times where both are stated, for its text is rounded."""
    started, ended = fields.moment(row.get("startTime")), fields.moment(row.get("endTime"))
    if started and ended and ended >= started:
        return (ended - started).total_seconds()
    return span_of(row.get("duration"))


def _stated_parts(event: Event) -> tuple[Mapping[str, Any], ...]:
    """Return the parts that state times: results, cancellation, operation, progress."""
    operation = mapping(event.operation.document if event.operation else None)
    return mapping(event.results), mapping(event.cancellation), operation, mapping(operation.get("progress"))


def _ended(event: Event, parts: Sequence[Mapping[str, Any]]) -> float:
    return _moment(parts, _ENDED) or _real(event.occurred_at.timestamp()) or event.received_at.timestamp()


def _moment(parts: Sequence[Mapping[str, Any]], names: Sequence[str]) -> float | None:
    for part in filter(None, parts):  # most of them are empty
        for name in names:
            stated = fields.moment(value) if (value := part.get(name)) is not None else None
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
