"""Names of events: the one of a document that states none or contradicts its status, and patterns with `*`. Pure."""

import re
from fnmatch import fnmatchcase

from relay.domain.events import (
    BATCH_EVENTS,
    OPERATION_EVENTS,
    STATUSES,
    TERMINAL,
    WATCH_EVENTS,
    Batch,
    Document,
    Operation,
)  # fmt: skip
from relay.errors import InvalidEvent

EVENT_OF_STATUS = {
    "Initiated": "operation.started", "Running": "operation.progress", "Completed": "operation.completed",
    "Failed": "operation.failed", "Timeout": "operation.failed", "Cancelled": "operation.cancelled",
}  # fmt: skip
BATCH_EVENT_OF_STATUS = dict.fromkeys(TERMINAL, "batch.completed") | {"Initiated": "batch.started"}
# The statuses under which an address's default event is believed; otherwise the status decides.
ADDRESS_STATUSES = {
    "operation.started": {"Initiated", "Running"}, "operation.progress": {"Running"},
    "operation.phase.completed": {"Running"}, "operation.completed": {"Completed"},
    "operation.failed": {"Failed", "Timeout"}, "operation.cancelled": {"Cancelled"},
}  # fmt: skip

PATTERN = r"[A-Za-z*][\w.:*-]{0,127}"  # of event names
KNOWN_EVENTS = frozenset({*OPERATION_EVENTS, *BATCH_EVENTS, *WATCH_EVENTS})
KNOWN_TYPES = (*BATCH_EVENTS, *OPERATION_EVENTS)  # batch.operation.completed before operation.completed
_NAME = re.compile(r"[A-Za-z][\w.:-]{0,127}", re.ASCII)


def event_name(envelope: Document, operation: Operation | None, batch: Batch | None, default: str) -> str:
    """The event's name; `default` is what the address stands for. InvalidEvent if nothing says which event it is."""
    for key in ("event", "eventType", "type"):
        name = envelope.get(key)
        if name is None:
            continue
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidEvent(key, "expected the event's name, for instance operation.progress")
        name = _unprefixed(name) if "specversion" in envelope else name
        status = operation.status if operation else ""
        if name in ("operation.started", "operation.progress") and status in TERMINAL:
            return EVENT_OF_STATUS[status]  # the run is over: the last progress is its outcome
        return name
    implied = _event_of_batch(batch, default) if operation is None else _event_of_operation(operation, batch, default)
    if not implied:
        raise InvalidEvent("event", "expected the event's name under event, eventType or type")
    return implied


def _unprefixed(name: str) -> str:
    """`com.example.operation.progress` is `operation.progress`: a type begins with whose it is."""
    return next((event for event in KNOWN_TYPES if name.endswith(f".{event}")), name)


def _event_of_batch(batch: Batch | None, default: str) -> str:
    status = batch.status if batch else ""
    by_status = BATCH_EVENT_OF_STATUS.get(status, "")
    return by_status if status == "Initiated" or not default.startswith("batch.") else default


def _event_of_operation(operation: Operation, batch: Batch | None, default: str) -> str:
    """The address's event where the status allows it, else the status's: a run that failed did not complete."""
    if default == "batch.operation.completed":
        return default if operation.terminal or not operation.status else EVENT_OF_STATUS.get(operation.status, default)
    if default.startswith("batch."):
        if batch:
            return default
        default = ""  # a lone operation at a batch's address tells of itself
    if operation.status and operation.status not in ADDRESS_STATUSES.get(default, STATUSES):
        return EVENT_OF_STATUS.get(operation.status, default)
    return default or EVENT_OF_STATUS.get(operation.status, "")


def matches_event(pattern: str, event: str) -> bool:
    """Return whether a rule's pattern matches an event's name.

    `*` stands for any part of the name of an event that relay knows. An unknown event may concern anyone, so it matches
    only patterns that name it.
    """
    return pattern == event or (event in KNOWN_EVENTS and fnmatchcase(event, pattern))


def known_events(pattern: str) -> tuple[str, ...]:
    """Return the events that relay knows and this pattern matches."""
    return tuple(name for name in sorted(KNOWN_EVENTS) if matches_event(pattern, name))
