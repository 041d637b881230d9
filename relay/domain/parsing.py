"""From bytes to an event: strict about JSON, liberal about spelling. Pure.

The canonical envelope, a flat document, one under `data` or `payload`: all name the same fact.
"""

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from relay.domain.events import (
    BATCH_EVENTS,
    OPERATION_EVENTS,
    PRIORITIES,
    STATUSES,
    TERMINAL,
    Audience,
    Batch,
    Document,
    Event,
    Operation,
)
from relay.domain.facts import facts, fill
from relay.domain.json_access import mapping
from relay.errors import InvalidEvent, NotJson

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

MAX_ID = 256
MAX_ADDRESS = 254  # characters; RFC 5321 §4.5.3.1.3 without the brackets
MAX_AUDIENCE = 30  # names of a kind that are read at all
ENVELOPE = ("event", "eventType", "type", "eventId", "timestamp", "webhookId")  # the outer level names these
KNOWN_TYPES = (*BATCH_EVENTS, *OPERATION_EVENTS)  # batch.operation.completed before operation.completed
_NAME = re.compile(r"[A-Za-z][\w.:-]{0,127}", re.ASCII)
_SPELLINGS = {spelling.casefold(): spelling for spelling in (*STATUSES, *PRIORITIES)}


MAX_DEPTH = 32
MAX_INTEGER = 2**63


def decode(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`, if every reader would read the same in it; raises NotJson.

    Stricter than the standard library: no duplicate keys, NaN, Infinity, lone surrogates, integers over
    64 bits, byte order marks, or more than `MAX_DEPTH` levels.
    """
    try:
        from_json(raw, allow_inf_nan=False)  # Rust: bounded depth, and strict UTF-8 with whole surrogate pairs
        document = json.loads(raw, object_pairs_hook=_unique, parse_int=_integer, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    if not isinstance(document, dict):
        raise NotJson("expected an object at the top")
    if _deeper_than(document, MAX_DEPTH):
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("an object has the same key twice")
    return unique


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(number := int(digits)) >= MAX_INTEGER:
        raise ValueError("an integer needs more than 64 bits")
    return number


def _finite(digits: str) -> float:
    if (number := float(digits)) in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _deeper_than(document: object, limit: int) -> bool:
    level = [document]
    for _ in range(limit):
        level = [child for value in level if isinstance(value, dict | list)
                 for child in (value.values() if isinstance(value, dict) else value)]  # fmt: skip
        if not level:
            return False
    return any(isinstance(value, dict | list) for value in level)


def parse(
    document: Document,
    *,
    source: str,
    received_at: datetime,
    default_event: str = "",
    delivery_id: str = "",
    unsigned_id: str = "",
) -> Event:
    """The event that a body tells of; InvalidEvent names the field that keeps it from being one.

    `default_event` is what the address stands for, used when the body names no event.
    `delivery_id` is the transport's signed id (webhook-id); without one the body's eventId or CloudEvents' id serves.
    `unsigned_id` serves where the body has none either; it must not be able to stand for another body.
    """
    envelope = _envelope(document)
    operation, batch = _operation(envelope), _batch(envelope)
    if operation is None and batch is None:
        raise InvalidEvent(
            "operation.operationId", "expected an operation with an operationId, or a batch with a batchId"
        )
    name = _event_name(envelope, operation, batch, default_event)
    if name in ("batch.started", "batch.completed") and batch is None:
        raise InvalidEvent("batch.batchId", "expected the batch's id")
    parts = {key: _part(envelope, key) for key in ("phase", "results", "error", "cancellation")}
    if envelope.get("operation") is None and operation is not None:  # a flat document is its own part
        for key, event in (("results", "operation.completed"), ("cancellation", "operation.cancelled")):
            if not parts[key] and name == event:
                parts[key] = envelope
    return Event(
        id=delivery_id or _text(envelope, "eventId", MAX_ID) or _cloud_event_id(document) or unsigned_id,
        name=name,
        source=source,
        occurred_at=_time(envelope.get("timestamp"), "timestamp") or _cloud_event_time(document) or received_at,
        received_at=received_at,
        tenant=_text(envelope, "tenantId", MAX_ID),
        project=_text(envelope, "projectId", MAX_ID),
        operation=operation,
        batch=batch,
        document=document,
        # A batch's events are the batch's own, also where the member that they tell of retries another run.
        original="" if batch and name.startswith("batch.") else _original(envelope, operation),
        member_of=_batch_of(envelope, batch, operation),
        **parts,
    )


def dump(event: Event) -> str:
    """The event as one JSON line: what the store keeps."""
    return json.dumps(
        {"id": event.id, "source": event.source, "name": event.name, "received_at": event.received_at.isoformat(),
         "known": facts(event), "document": event.document},
        ensure_ascii=False, separators=(",", ":"),
    )  # fmt: skip


def load(line: str | bytes) -> Event:
    """The event that `dump` wrote."""
    kept = json.loads(line)
    event = parse(
        kept["document"], source=kept["source"], delivery_id=kept["id"], default_event=kept["name"],
        received_at=datetime.fromisoformat(kept["received_at"]),
    )  # fmt: skip
    return fill(replace(event, name=kept["name"], original=""), kept["known"])  # whose retry it is was decided then


def _envelope(document: Document) -> Document:
    """The level on which event, operation and results stand; `data` and `payload` are looked into."""
    for key in ("data", "payload"):
        inner = document.get(key)
        if isinstance(inner, Mapping):
            names = {name: document[name] for name in ENVELOPE if name in document}
            outer = {name: value for name, value in document.items() if name not in {key, *names}}
            return {**outer, **inner, **names}
    return document


def _event_name(envelope: Document, operation: Operation | None, batch: Batch | None, default: str) -> str:
    for key in ("event", "eventType", "type"):
        said = envelope.get(key)
        if said is None:
            continue
        if not isinstance(said, str) or not _NAME.fullmatch(said):
            raise InvalidEvent(key, "expected the event's name, for instance operation.progress")
        said = _unprefixed(said) if "specversion" in envelope else said
        status = operation.status if operation else ""
        if said in ("operation.started", "operation.progress") and status in TERMINAL:
            return EVENT_OF_STATUS[status]  # the run is over: the last progress is its outcome
        return said
    named = _event_of_batch(batch, default) if operation is None else _event_of_operation(operation, batch, default)
    if not named:
        raise InvalidEvent("event", "expected the event's name under event, eventType or type")
    return named


# https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md: what it is about is in `data`; `id`, `source`,
# `type` and `time` stand around it (structured mode).
def _cloud_event_id(document: Document) -> str:
    return _text(document, "id", MAX_ID) if "specversion" in document else ""


def _cloud_event_time(document: Document) -> datetime | None:
    return _moment(document.get("time")) if "specversion" in document else None


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


def _operation(envelope: Document) -> Operation | None:
    document = envelope.get("operation")
    if document is None:
        flat = envelope.get("operationId") or envelope.get("newOperationId")
        if flat is None:
            return None
        document = envelope
    if not isinstance(document, Mapping):
        raise InvalidEvent("operation", "expected an object")
    number, progress = _progress(document)
    retry = document.get("retryNumber", envelope.get("retryNumber", 0))
    return Operation(
        id=_id(document, "operation", ("operationId", "id", "newOperationId")),
        type=_text(document, "operationType", 128, "operation."),
        name=_text(document, "operationName", 1000, "operation."),
        status=_spelled(document, "status", "operation."),
        priority=_spelled(document, "priority", "operation."),
        percentage=number,
        phase=_first_text(progress.get("currentPhase"), document.get("currentPhase")),
        phases_completed=_count(progress.get("phasesCompleted")),
        retry=_count(retry) or 0,
        started=_moment(progress.get("startTime"), document.get("startTime"), document.get("dateCreated")),
        estimate=_moment(progress.get("estimatedCompletion"), document.get("estimatedCompletion")),
        deadline=_moment(document.get("timeoutAt")),
        audience=_audience(document.get("notifications") or envelope.get("notifications")),
        document=document,
    )


def _audience(said: object) -> Audience | None:
    """Whom `notifications` ask for; None if for nobody. What is no text asks for nobody either."""
    if not isinstance(said, Mapping):
        return None
    slack = mapping(said.get("slack"))
    audience = Audience(_names(said.get("email")), _names(slack.get("channel")), _names(slack.get("mentionUsers")))
    return audience if audience != Audience() else None


def _names(said: object) -> tuple[str, ...]:
    """One text or a list of them, each once, none longer than an address may be."""
    listed = said if isinstance(said, list) else [said]
    texts = [one.strip() for one in listed if isinstance(one, str) and len(one) <= MAX_ADDRESS and one.isprintable()]
    return tuple(dict.fromkeys(filter(None, texts)))[:MAX_AUDIENCE]


def _batch(envelope: Document) -> Batch | None:
    document = envelope.get("batch")
    if document is None:
        if envelope.get("batchId") is None:
            return None
        document = envelope
    if not isinstance(document, Mapping):
        raise InvalidEvent("batch", "expected an object")
    return Batch(
        id=_id(document, "batch", ("batchId", "id")),
        name=_text(document, "batchName", 1000, "batch."),
        status=_spelled(document, "status", "batch."),
        document=document,
    )


def _original(envelope: Document, operation: Operation | None) -> str:
    """The operation that this one retries; an odd id is none."""
    if operation is None:
        return ""
    said = operation.document.get("originalOperationId", envelope.get("originalOperationId"))
    return said if isinstance(said, str) and 0 < len(said) <= MAX_ID and said != operation.id else ""


def _batch_of(envelope: Document, batch: Batch | None, operation: Operation | None) -> str:
    """The batch that the operation is a part of; an odd id is none."""
    if batch or operation is None:
        return batch.id if batch else ""
    said = operation.document.get("batchId", envelope.get("batchId"))
    return said if isinstance(said, str) and 0 < len(said) <= MAX_ID else ""


def _progress(document: Document) -> tuple[float | None, Document]:
    """The percentage, clamped to 0..100, and the progress object; the API gives both spellings."""
    said = document.get("progress")
    progress = mapping(said)
    number = progress.get("percentage") if isinstance(said, Mapping) else said
    if number is None:
        return None, progress
    if isinstance(number, bool) or not isinstance(number, int | float):
        place = "operation.progress.percentage" if progress else "operation.progress"
        raise InvalidEvent(place, "expected a number from 0 to 100, or an object with percentage")
    return min(max(float(number), 0.0), 100.0), progress


def _id(document: Document, place: str, keys: tuple[str, ...]) -> str:
    for key in keys:
        said = document.get(key)
        if said is None:
            continue
        if isinstance(said, int) and not isinstance(said, bool):
            said = str(said)
        if not isinstance(said, str) or not said.strip() or len(said) > MAX_ID:
            raise InvalidEvent(f"{place}.{key}", f"expected an id of 1 to {MAX_ID} characters")
        return said
    raise InvalidEvent(f"{place}.{keys[0]}", "expected the id")


def _text(document: Document, key: str, limit: int, place: str = "") -> str:
    said = document.get(key)
    if said is None:
        return ""
    if not isinstance(said, str) or len(said) > limit:
        raise InvalidEvent(f"{place}{key}", f"expected text of at most {limit} characters")
    return said


def _spelled(document: Document, key: str, place: str) -> str:
    said = _text(document, key, 64, place)
    return _SPELLINGS.get(said.casefold(), said)


def _first_text(*values: object) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000 else None


def _part(envelope: Document, key: str) -> Document:
    said = envelope.get(key)
    if isinstance(said, Mapping):
        return said
    # The API's phase-less documents and some senders give a name or a message instead of an object.
    return {{"phase": "phaseName", "error": "message"}.get(key, "text"): said} if isinstance(said, str) and said else {}


def _moment(*said: object) -> datetime | None:
    """The first of these that is a time; what is none is only shown."""
    for one in said:
        with contextlib.suppress(InvalidEvent):
            if (moment := _time(one, "")) is not None:
                return moment
    return None


def _time(said: object, place: str) -> datetime | None:
    """An ISO 8601 time, UTC where it names no zone."""
    if said is None:
        return None
    if isinstance(said, str):
        try:
            parsed = datetime.fromisoformat(said)
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise InvalidEvent(place, "expected an ISO 8601 time, for instance 2024-01-20T11:40:00Z")
