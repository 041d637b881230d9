"""Entries of digests: an operation's newest state in a few words. Pure.

An entry is plain data. A field that the event does not state is left out, so that a newer entry may be laid over an
older one of the same run: id, platform, tenant, project, name, type, priority, status, path (the tracking address),
error, at, started, created, ended (as it is stated, else empty), member_of (its batch), expected, duration (seconds),
percentage, phase, variants, anomalies, records, rule (what the watchdog found; empty: nothing), retry; of a batch
also batch, total, done_count, completed_count, failed_count and failing (the names of the first that failed).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from relay.domain.batch_members import Members, cause_line, members_of, none_succeeded, with_failed
from relay.domain.display import ELLIPSIS
from relay.domain.documents import finite, iso, mapping, moment, rows
from relay.domain.error_reader import brief, cause_of
from relay.domain.events import CRITICAL, FAILED, TERMINAL, Document, Event
from relay.domain.identity import by_cause, message_of
from relay.domain.jobs import alarm_in, found
from relay.domain.outcomes import stated_duration, stated_end

Entry = Mapping[str, Any]

LENGTHS = {"name": 200, "error": 300, "phase": 120, "path": 600, "type": 100, "platform": 128, "tenant": 128,
           "project": 128, "failing": 160, "member_of": 256}  # fmt: skip
FAILING = 3  # members of a batch that are named
MOST_CAUSES = 3  # of their failures
MOST_READ = 200  # errors of a batch, each of which differs

_iso = lru_cache(1024)(datetime.isoformat)  # when a run began is in each event of it
_STARTED = ("startTime", "startedAt", "batchStartTime")
_CREATED = ("dateCreated", "retryAttemptDate")
_RECORDS = ("recordsAnalyzed", "recordsProcessed", "totalRecords")


def summarize(event: Event) -> dict[str, Any]:
    """Return what this event alone states of its operation or batch."""
    entry = _of_batch(event) if event.about_batch else _of_operation(event)
    status = entry.get("status", event.status)
    entry |= _cleaned({"platform": event.platform, "tenant": event.tenant, "project": event.project})
    entry |= {"id": event.subject, "status": status, "at": event.occurred_at.isoformat(), "retry": event.retry}
    if status in TERMINAL:
        end = stated_end(event)
        entry |= {"rule": "", "ended": iso(end) if end else ""}
    elif event.name in ("operation.stalled", "operation.recovered"):
        alarm = alarm_in(event.document)
        entry["rule"] = found(alarm["rule"], alarm["by"]) if alarm.get("rule") else ""
    return entry


def section_of(entry: Entry) -> str:
    """Return the section: attention, recovered, done or running. A batch with failures needs attention."""
    if entry.get("recovered"):
        return "recovered"
    if went_wrong(entry) or entry.get("failed_count") or (entry.get("rule") and entry.get("status") not in TERMINAL):
        return "attention"
    return "done" if entry.get("status") in TERMINAL else "running"


def duration_of(entry: Entry) -> float | None:
    """Return the seconds that a run took which is over."""
    if entry.get("status") not in TERMINAL:
        return None
    if (stated := _number(entry, "duration")) is not None:
        return stated
    started, ended = moment(entry.get("started"), entry.get("created")), ended_at(entry)
    return (ended - started).total_seconds() if started and ended and ended >= started else None


def _of_operation(event: Event) -> dict[str, Any]:
    operation, results, error, terminal = event.operation, event.results, event.error, event.terminal
    texts: dict[str, object] = {"phase": event.phase_name or error.get("phase"), "member_of": event.member_of}
    entry: dict[str, Any] = {}
    if event.watch.get("batch"):  # the watchdog tells of one by the words of an operation
        entry["batch"] = True
    if operation:
        document = operation.document
        texts |= {"name": operation.name, "type": operation.type, "path": event.link}
        if operation.priority:
            entry["priority"] = operation.priority
        if operation.estimate and not terminal:
            entry["expected"] = _iso(operation.estimate)
        started = _first(_STARTED, mapping(document.get("progress")), document)
        if started or event.name == "operation.started":
            entry["started"] = started or _iso(event.occurred_at)
        if created := _first(_CREATED, document):
            entry["created"] = created
    if error and terminal:
        texts["error"] = brief(cause_of(message_of(error)))
    entry |= _cleaned(texts)
    if (percentage := event.percentage) is not None:
        entry["percentage"] = percentage
    if terminal:
        entry |= _stated(duration=stated_duration(results, operation.document if operation else {}))
    return entry | _figures(results) if results else entry


def _figures(results: Document) -> dict[str, Any]:
    summary = mapping(results.get("summary"))
    return _stated(
        variants=_number(summary, "processVariants"),
        anomalies=_number(summary, "anomaliesDetected"),
        records=_number(summary, *_RECORDS),
    )


def _of_batch(event: Event) -> dict[str, Any]:
    batch = event.batch
    document = batch.document if batch else {}
    stated = members_of(event.members)
    listed = rows(document.get("operations")) or ()
    members = with_failed(listed, stated if event.terminal else {})
    expected = moment(document.get("estimatedBatchCompletion"))
    statuses = [status for member in members if isinstance(status := member.get("status"), str)]
    failed = _failed_of([member for member in members if member.get("status") in FAILED], stated)
    total = _number(document, "totalOperations") or len(members)
    failed_all = event.status == "Completed" and none_succeeded(statuses, total)
    causes = causes_in_line([item for item in failed if item["error"]])
    texts = {"name": batch.name if batch else "", "path": event.link, "failing": _failing(failed)} | causes
    return _cleaned(texts) | _stated(
        batch=True,
        failing=causes.get("failing"),
        status="Failed" if failed_all else None,
        started=_first(_STARTED, document) or None,
        created=_first(_CREATED, document) or None,
        total=total or None,
        # A batch that lists none of its operations knows of those that failed alone.
        done_count=sum(status in TERMINAL for status in statuses) if listed else None,
        completed_count=statuses.count("Completed") if listed else None,
        failed_count=sum(status in FAILED for status in statuses) if members else None,
        expected=expected.isoformat() if expected else None,
    )


def _failed_of(members: Iterable[Document], own_facts: Members) -> list[dict[str, str]]:
    """Return name and cause of each failed operation, as the batch states them, or the operation's own events.

    Of errors that all differ the first ones are read: reading thousands would hold the event loop.
    """
    read: dict[str, str] = {}
    failed = []
    for member in members:
        facts = own_facts.get(f"{member.get('operationId')}", {})
        names = (member.get("operationName"), member.get("name"), facts.get("name"), member.get("operationKey"))
        error = member.get("error")
        error = next(iter(rows(error)), "") if isinstance(error, list) else error
        text = message_of(error) if isinstance(error, Mapping) else error if isinstance(error, str) else ""
        if text not in read and len(read) < MOST_READ:
            read[text] = brief(cause_of(text))
        name = next((name for name in names if isinstance(name, str) and name), "")
        priority = f"{member.get('priority') or facts.get('priority', '')}"
        failed.append({"name": name, "error": read.get(text) or facts.get("cause", ""), "priority": priority})
    return sorted(failed, key=lambda item: item["priority"] != CRITICAL)


def _failing(failed: Sequence[Mapping[str, str]]) -> str:
    """List the names of the first operations of a batch that failed."""
    names = [member["name"] for member in failed[:FAILING] if member["name"]]
    return ", ".join([*names, *([ELLIPSIS] if len(failed) > FAILING else [])])


def causes_in_line(failed: Sequence[Entry]) -> dict[str, str]:
    """Return `error`: the first causes. Of several each stands behind who has it, and no names stand beside them."""
    groups = by_cause(failed)
    lines = [cause_line(group, FAILING * (len(groups) > 1)).rstrip(".") for group in groups[:MOST_CAUSES]]
    return {"error": "; ".join(lines)} | ({"failing": ""} if len(groups) > 1 else {})


def ended_at(entry: Entry) -> datetime | None:
    """Return when it was over, as it is stated; else, and while it goes on, the time of its newest event."""
    return moment(entry.get("ended") if entry.get("status") in TERMINAL else None, entry.get("at"))


def went_wrong(entry: Entry) -> bool:
    """Return whether it ended in failure, its own or that of an operation of the batch."""
    status = entry.get("status")
    return status in FAILED or bool(status in TERMINAL and entry.get("failed_count"))


def _cleaned(texts: Mapping[str, object]) -> dict[str, Any]:
    cleaned = {}
    for key, text in texts.items():
        if text and isinstance(text, str) and (line := _line(text, LENGTHS[key])):
            cleaned[key] = line
    return cleaned


def _stated(**values: object) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _first(names: Sequence[str], *parts: Document) -> str:
    first = moment(*(document.get(name) for document in parts for name in names))
    return _iso(first) if first else ""


def _number(document: Document, *keys: str) -> float | None:
    return next((value for key in keys if (value := finite(document.get(key))) is not None), None)


@lru_cache(1024)  # events of a run, and runs of a job, say the same
def _line(text: str, limit: int) -> str:
    """Return one line of at most `limit` characters that Redis can keep."""
    line = " ".join(text.split())
    return (line if line.isascii() else line.encode("utf-8", "replace").decode())[:limit]
