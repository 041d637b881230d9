"""What an outcome says of its run's end: times, phases, the error's signature. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from relay.domain import fields
from relay.domain.causes import error_of, signature
from relay.domain.ends import End
from relay.domain.events import Event
from relay.domain.json_access import finite, mapping, rows
from relay.domain.spans import seconds

MOST_PHASES = 30
LONGEST_NAME = 80  # characters of a phase's name
FOREVER = 32_503_680_000.0  # the year 3000: a later time stands for none
_STARTED = ("startTime", "startedAt", "retryAttemptDate", "batchStartTime")
_ENDED = ("completionTime", "endTime", "cancellationTime")
_LASTED = ("totalDuration", "duration")


def end_of(event: Event, run: str = "") -> End:
    """What an outcome says of its run's end."""
    places = _places(event)
    results, _, operation, _ = places
    started = _moment(places, _STARTED)
    ended = _ended(event, places)
    lasted = next(
        (span for part in (results, operation) for name in _LASTED if (span := span_of(part.get(name)))), None
    )
    if lasted is None and started is not None and ended >= started:
        lasted = ended - started
    return End(
        run,
        event.status,
        ended,
        started,
        lasted,
        (*_phases(operation, results),),
        signature(error_of(event)),
        event.operation.priority if event.operation else "",
    )


def ended(event: Event) -> float:
    """When the run ended of which this outcome tells: of its end, this alone."""
    return _ended(event, _places(event))


def stated_end(event: Event) -> float | None:
    """Return the end of the run as its documents state it; the event's own time says when it was sent."""
    return _moment(_places(event), _ENDED)


def span_of(value: object) -> float | None:
    """Seconds, from a number or from text like `45 minutes`."""
    number = finite(value)
    return seconds(value) if number is None else number if number >= 0 else None


def phase_seconds(row: Mapping[str, Any]) -> float | None:
    """How long a phase lasted that is over: by its times where both are stated, for its text is rounded."""
    begun, ended = fields.moment(row.get("startTime")), fields.moment(row.get("endTime"))
    if begun and ended and ended >= begun:
        return (ended - begun).total_seconds()
    return span_of(row.get("duration"))


def _places(event: Event) -> tuple[Mapping[str, Any], ...]:
    """Where times are stated: the results, the cancellation, the operation and its progress."""
    operation = mapping(event.operation.document if event.operation else None)
    return mapping(event.results), mapping(event.cancellation), operation, mapping(operation.get("progress"))


def _ended(event: Event, places: Sequence[Mapping[str, Any]]) -> float:
    return _moment(places, _ENDED) or _real(event.occurred_at.timestamp()) or event.received_at.timestamp()


def _moment(places: Sequence[Mapping[str, Any]], names: Sequence[str]) -> float | None:
    for part in filter(None, places):  # most of them are empty
        for name in names:
            stated = fields.moment(value) if (value := part.get(name)) is not None else None
            if stated and (moment := _real(stated.timestamp())):
                return moment
    return None


def _real(moment: float) -> float | None:
    """None for what platforms write for no time at all, as the first day of year 1 or the last of year 9999."""
    return moment if 0.0 < moment < FOREVER else None


def _phases(operation: Mapping[str, Any], results: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    listed = rows(operation.get("phases")) or rows(results.get("phaseResults"))
    for row in listed[:MOST_PHASES]:
        name = row.get("phaseName") or row.get("name")
        if row.get("status") not in (None, "Completed") or not isinstance(name, str) or not name.strip():
            continue
        if (lasted := phase_seconds(row)) is not None:
            yield phase_name(name), lasted


def phase_name(name: str) -> str:
    """As phases are compared by it."""
    return " ".join(name.split())[:LONGEST_NAME]
