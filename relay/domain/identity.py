"""Fingerprints of facts, equal for events that report the same, from any source and however often. Pure."""

import json
from hashlib import sha256
from typing import Any

from relay.domain.events import IMPLIED_STATUS, WATCH_EVENTS, Event
from relay.domain.json_access import mapping

# Where documents count what is done: an integer in one of these objects, or one of these fields of the operation.
COUNTING = ("progress", "execution")
COUNTS = ("processedRecords", "recordsProcessed", "totalRecords")


def fingerprint(event: Event) -> str:
    """Return the fact as text: equal facts count once."""
    whose = event.subject if event.about_batch else event.own_id  # a retry's facts are its own
    space = [event.space(whose)] if event.space(whose) else []
    return json.dumps([whose, event.name, event.status, _detail(event), event.retry, *space], ensure_ascii=False)


def _detail(event: Event) -> Any:
    """Return what distinguishes two facts of one name and status within one run."""
    if event.action:
        return event.id
    if event.name not in IMPLIED_STATUS:
        return _by_itself(event)
    operation = event.operation
    match event.name:
        case "operation.phase.completed":
            return event.phase_name or f"{operation.phases_completed if operation else ''}"
        case name if name in WATCH_EVENTS and (part := mapping(event.document.get(name.partition(".")[2]))):
            return " ".join(str(part.get(key, "")) for key in ("rule", "episode", "reminder"))
        case "batch.operation.completed" if operation:
            return f"{operation.id} {operation.status} {operation.retry}"
        case name if IMPLIED_STATUS[name] != "Running":
            return ""
    return _progress(event)


def _by_itself(event: Event) -> list[str]:
    """Identify an event whose name relay does not know by its sender's id, else by its document."""
    if event.id:
        return [event.source, event.producer, event.id]
    return [sha256(json.dumps(event.document, sort_keys=True).encode()).hexdigest()]


def _progress(event: Event) -> list[Any]:
    """Return how far the run is: by percentage and phase; without a percentage by its counts, else by its time."""
    operation = event.operation
    phases = operation.phases_completed if operation and not event.about_batch else None
    reached = [event.phase_name, phases]
    if event.percentage is not None:
        return [f"{event.percentage:g}", *reached]
    undated = event.id and not event.dated  # it would be another fact whenever it is sent again
    return [*reached, _counts(event) or (event.id if undated else event.occurred_at.isoformat())]


def _counts(event: Event) -> dict[str, int]:
    if event.operation is None or event.about_batch:
        return {}
    document = event.operation.document
    counts = {
        name: value for part in COUNTING for name, value in mapping(document.get(part)).items() if type(value) is int
    }
    counts |= {name: document[name] for name in COUNTS if type(document.get(name)) is int}
    return dict(sorted(counts.items()))
