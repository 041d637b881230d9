"""Parsing of documents into events, liberal about spelling, and of the events that the store keeps. Pure.

The canonical envelope, a flat document, one under `data` or `payload`: all name the same fact.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from pydantic_core import from_json, to_json

from relay.domain import documents
from relay.domain.batch_members import MOST, members_of
from relay.domain.documents import MAX_ID, mapping, rows
from relay.domain.events import CRITICAL, FAILED, STATUSES, TEXTS, Audience, Batch, Document, Event, Operation
from relay.domain.facts import facts, fill
from relay.domain.identity import event_name
from relay.domain.labels import labels_in
from relay.errors import InvalidEvent

MAX_ADDRESS = 254  # characters; RFC 5321 §4.5.3.1.3 without the brackets
MAX_LINK = 600  # characters
MAX_AUDIENCE = 30  # names of a kind that are read at all
SHOWN = 60  # characters of a longer one
CUT, UNPRINTABLE = "…", "\ufffd"
OF_CANCELLATION = (
    "cancellationTime", "reason", "progressAtCancellation", "phaseAtCancellation", "partialResults",
    "resourcesReleased", "cancelledBy",
)  # fmt: skip
PARTS = ("phase", "results", "error", "cancellation")
ENVELOPE = ("event", "eventType", "type", "eventId", "timestamp", "webhookId")  # the outer level names these


def parse(
    document: Document,
    *,
    source: str,
    received_at: datetime,
    default_event: str = "",  # what the address stands for, used when the body names no event
    delivery_id: str = "",  # the transport's signed id; without one the body's eventId or CloudEvents' id serves
    unsigned_id: str = "",  # serves where the body has none either; it must not be able to stand for another body
    platform: str = "",  # the name space of its source
    raw: bytes = b"",  # the body itself, which was decoded to `document`
    mapped: bool = False,  # a format made `document`
    quiet: bool = False,
) -> Event:
    """Parse a body; InvalidEvent names the field at fault."""
    envelope = _envelope(document)
    operation, batch = _operation(envelope), _batch(envelope)
    if operation is None and batch is None:
        raise InvalidEvent(
            "operation.operationId", "expected an operation with an operationId, or a batch with a batchId"
        )
    name = event_name(envelope, operation, batch, default_event)
    if name in ("batch.started", "batch.completed") and batch is None:
        raise InvalidEvent("batch.batchId", "expected the batch's id")
    about_batch = batch is not None and name.startswith("batch.")
    subject = batch if about_batch else operation
    parts: dict[str, Any] = {key: documents.part(envelope, key) for key in PARTS if key in envelope}
    if envelope.get("operation") is None and operation is not None:  # a flat document is its own part
        for key, event in (("results", "operation.completed"), ("cancellation", "operation.cancelled")):
            if not parts.get(key) and name == event:
                parts[key] = envelope
    elif operation is not None and name == "operation.cancelled" and not parts.get("cancellation"):
        stated = operation.document
        parts["cancellation"] = {key: stated[key] for key in OF_CANCELLATION if key in stated}
    # https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md: `data` has what it is about; `id`, `source`,
    # `type` and `time` stand around it (structured mode).
    cloud_event = document if "specversion" in document else {}
    stated_at = documents.time(envelope.get("timestamp"), "timestamp") or documents.moment(cloud_event.get("time"))
    return Event(
        id=delivery_id
        or documents.text(envelope, "eventId", MAX_ID)
        or documents.text(cloud_event, "id", MAX_ID)
        or unsigned_id,
        name=name,
        source=source,
        occurred_at=stated_at or received_at,
        received_at=received_at,
        tenant=documents.text(envelope, "tenantId", MAX_ID),
        project=documents.text(envelope, "projectId", MAX_ID),
        platform=platform,
        operation=operation,
        batch=batch,
        document=document,
        # A batch's events are the batch's own, also where the member that they tell of retries another run.
        original="" if about_batch else _original(envelope, operation),
        member_of=_batch_of(envelope, batch, operation),
        link=_link(subject.document) if subject else "",
        raw=b"" if b"\n" in raw else raw,  # what is laid out for people would take more room
        mapped=mapped,
        quiet=quiet,
        **parts,
    )


def critical_failures(batch: Event) -> Iterator[Event]:
    """Parse the first Critical failures that the end of a batch lists, each as an event of its own."""
    listed = rows(batch.batch.document.get("operations")) if batch.batch else []
    members = members_of(batch.members)
    critical = {id_ for id_, facts in members.items() if facts.get("priority") == CRITICAL}
    failed = (row for row in listed if row.get("status") in FAILED
              and (row.get("priority") == CRITICAL or f"{row.get('operationId')}" in critical))  # fmt: skip
    for row in islice(failed, MOST):
        document = {"event": "operation.failed", "timestamp": batch.occurred_at.isoformat(), "tenantId": batch.tenant,
                    "projectId": batch.project, "error": row.get("error"),
                    "operation": {**row, "batchId": batch.subject}}  # fmt: skip
        with suppress(InvalidEvent):
            yield parse(document, source=batch.source, received_at=batch.received_at, platform=batch.platform,
                        mapped=batch.mapped)  # fmt: skip


def dump(event: Event, lasting: Mapping[str, str] | None = None) -> bytes:
    """Write the event as the store's JSON line, with its document as it came. `lasting`: its facts, if at hand."""
    lasting = facts(event) if lasting is None else lasting
    if event.retry:  # which the document need not say
        lasting = {**lasting, "retry": f"{event.retry}"}
    if event.about_batch and event.operation and event.operation.priority:  # the member's, which may be known alone
        lasting = {**lasting, "priority": event.operation.priority}
    stated: dict[str, object] = {
        "id": event.id, "source": event.source, "name": event.name, "received_at": event.received_at.isoformat(),
        "known": lasting,
    }  # fmt: skip
    if event.spaces:
        stated["spaces"] = event.spaces
    if event.trace:
        stated["trace"] = event.trace
    if event.mapped:
        stated["mapped"] = True
    return b'%b,"document":%b}' % (to_json(stated)[:-1], event.raw or to_json(event.document))


def load(line: str | bytes) -> Event:
    """Read the event that `dump` wrote."""
    stored = from_json(line)
    event = parse(
        stored["document"], source=stored["source"], delivery_id=stored["id"], default_event=stored["name"],
        received_at=datetime.fromisoformat(stored["received_at"]),
    )  # fmt: skip
    return fill(
        replace(
            event,
            name=stored["name"],
            original="",  # whose retry it is was decided then
            spaces=stored.get("spaces", {}),
            trace=stored.get("trace", ""),
            mapped=stored.get("mapped", False),
        ),
        stored["known"],
    )


def _envelope(document: Document) -> Document:
    """Return the level that holds event, operation and results, also within `data` or `payload`."""
    for key in ("data", "payload"):
        inner = document.get(key)
        if inner is not None and isinstance(inner, Mapping):
            names = {name: document[name] for name in ENVELOPE if name in document}
            outer = {name: value for name, value in document.items() if name not in {key, *names}}
            return {**outer, **inner, **names}
    return document


def _operation(envelope: Document) -> Operation | None:
    document = envelope.get("operation")
    if document is None:
        flat = envelope.get("operationId") or envelope.get("newOperationId")
        if flat is None:
            return None
        document = envelope
    if not isinstance(document, (dict, Mapping)):
        raise InvalidEvent("operation", "expected an object")
    number, progress = _progress(document)
    retry = document.get("retryNumber", envelope.get("retryNumber", 0))
    return Operation(
        id=documents.identifier(document, "operation", ("operationId", "id", "newOperationId")),
        status=documents.spelled(document, "status", STATUSES, "operation."),
        percentage=number,
        phase=documents.first_text(progress.get("currentPhase"), document.get("currentPhase")),
        phases_completed=documents.count(progress.get("phasesCompleted")),
        retry=documents.count(retry) or 0,
        started=documents.moment(progress.get("startTime"), document.get("startTime"), document.get("dateCreated")),
        estimate=documents.moment(progress.get("estimatedCompletion"), document.get("estimatedCompletion")),
        deadline=documents.moment(document.get("timeoutAt")),
        audience=_audience(document.get("notifications") or envelope.get("notifications")),
        document=document,
        **_texts(document),
    )


def _texts(document: Document) -> dict[str, str]:
    return {
        name: labels_in(document.get(text.key)) if text.labels
        else documents.spelled(document, text.key, text.words, "operation.") if text.words
        else documents.text(document, text.key, text.limit, "operation.")
        for name, text in TEXTS.items()
    }  # fmt: skip


def _audience(notifications: object) -> Audience | None:
    """Read the audience that `notifications` ask for; None if there is none. Values that are no text are ignored."""
    if notifications is None or not isinstance(notifications, Mapping):
        return None
    slack = mapping(notifications.get("slack"))
    called = [name for name in _names(slack.get("mentionUsers")) if is_whole(name)]
    audience = Audience(_names(notifications.get("email")), _names(slack.get("channel")), tuple(called))
    return audience if audience != Audience() else None


def _names(value: object) -> tuple[str, ...]:
    """Return a text or the texts of a list, each once; what can be no address is marked, and shown as refused."""
    listed = value if isinstance(value, list) else [value]
    names = [_shown(name.strip()) for name in listed if isinstance(name, str)]
    return tuple(dict.fromkeys(filter(None, names)))[:MAX_AUDIENCE]


def _shown(name: str) -> str:
    if len(name) > MAX_ADDRESS:
        name = f"{name[:SHOWN]}{CUT}"
    return name if name.isprintable() else "".join(sign if sign.isprintable() else UNPRINTABLE for sign in name)


def is_whole(name: str) -> bool:
    """Return whether it is as the sender wrote it: neither cut nor with signs that cannot be shown."""
    return UNPRINTABLE not in name and CUT not in name


def _batch(envelope: Document) -> Batch | None:
    document = envelope.get("batch")
    if document is None:
        if envelope.get("batchId") is None:
            return None
        document = envelope
    if not isinstance(document, Mapping):
        raise InvalidEvent("batch", "expected an object")
    return Batch(
        id=documents.identifier(document, "batch", ("batchId", "id")),
        name=documents.text(document, "batchName", 1000, "batch."),
        status=documents.spelled(document, "status", STATUSES, "batch."),
        document=document,
    )


def _original(envelope: Document, operation: Operation | None) -> str:
    if operation is None:
        return ""
    original = documents.id_or_none(operation.document.get("originalOperationId", envelope.get("originalOperationId")))
    return original if original != operation.id else ""


def _link(document: Document) -> str:
    link = document.get("trackingUrl")
    return link if isinstance(link, str) and len(link) <= MAX_LINK else ""  # a part of an address leads nowhere


def _batch_of(envelope: Document, batch: Batch | None, operation: Operation | None) -> str:
    """Return the batch that the operation is a part of."""
    if batch or operation is None:
        return batch.id if batch else ""
    return documents.id_or_none(operation.document.get("batchId", envelope.get("batchId")))


def _progress(document: Document) -> tuple[float | None, Document]:
    """Return the percentage, clamped to 0..100, and the progress object; the API gives both spellings."""
    value = document.get("progress")
    progress = mapping(value)
    number = progress.get("percentage") if value is None or progress or isinstance(value, Mapping) else value
    if number is None:
        return None, progress
    if isinstance(number, bool) or not isinstance(number, int | float):
        path = "operation.progress.percentage" if progress else "operation.progress"
        raise InvalidEvent(path, "expected a number from 0 to 100, or an object with percentage")
    return min(max(float(number), 0.0), 100.0), progress
