"""Entries of digests: an operation's newest state in a few words, and what many of them amount to. Pure.

An entry is plain data. A field that the event does not state is left out, so that a newer entry may be laid over an
older one of the same run: id, tenant, project, name, type, priority, status, path (the tracking address), error, at,
started, expected, duration (seconds), percentage, phase, variants, anomalies, records, rule (of the watchdog; empty:
none holds any more), retry; of a batch also batch, total, done_count, completed_count, failed_count and failing (the
names of the first that failed).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from relay.domain.events import PRIORITIES, TERMINAL, Document, Event
from relay.domain.gathering import gathered
from relay.domain.json_access import finite, mapping, rows
from relay.domain.outcomes import span_of
from relay.domain.text import ELLIPSIS

Entry = Mapping[str, Any]

FAILED = ("Failed", "Timeout")
MAX_ROWS = {"attention": 30, "done": 10, "running": 20}  # rows of each group that are shown; the others are counted
DAILY = timedelta(days=6)  # a window up to this long is called daily
SHOWN_DAYS = 7
LENGTHS = {"name": 200, "error": 300, "phase": 120, "path": 600, "type": 100, "platform": 128, "tenant": 128,
           "project": 128, "failing": 160}  # fmt: skip
FAILING = 3  # members of a batch that are named

_STARTED = ("startTime", "startedAt", "dateCreated", "retryAttemptDate", "batchStartTime")
_NAMES = ("operationName", "name", "operationKey", "operationId")
_RECORDS = ("recordsAnalyzed", "recordsProcessed", "totalRecords")


def summarize(event: Event) -> dict[str, Any]:
    """What this event alone says of its operation or batch."""
    entry, status = _of_batch(event) if event.about_batch else _of_operation(event), event.status
    entry |= _cleaned({"platform": event.platform, "tenant": event.tenant, "project": event.project})
    entry |= {"id": event.subject, "status": status, "at": event.occurred_at.isoformat(), "retry": event.retry}
    if status in TERMINAL:
        entry["rule"] = ""
    elif event.name in ("operation.stalled", "operation.recovered"):
        watched = event.document.get("stalled")
        entry["rule"] = str((watched.get("rule") if isinstance(watched, Mapping) else None) or "")
    return entry


def section_of(entry: Entry) -> str:
    """Where it is shown: attention, done or running. A batch with failures is nothing that is done."""
    if _went_wrong(entry) or entry.get("failed_count") or (entry.get("rule") and entry.get("status") not in TERMINAL):
        return "attention"
    return "done" if entry.get("status") in TERMINAL else "running"


def duration_of(entry: Entry) -> float | None:
    """How long a run took that is over, in seconds."""
    if entry.get("status") not in TERMINAL:
        return None
    if (stated := _number(entry, "duration")) is not None:
        return stated
    started, ended = _moment(entry.get("started")), _moment(entry.get("at"))
    return (ended - started).total_seconds() if started and ended and ended >= started else None


def totals(entries: Sequence[Entry]) -> dict[str, Any]:
    """The figures of a digest. A batch is one run, which failed if one of its operations did."""
    completed = [entry for entry in entries if entry.get("status") == "Completed" and not _went_wrong(entry)]
    spans = [span for entry in completed if (span := duration_of(entry)) is not None]
    return {
        "completed": len(completed),
        "failed": sum(map(_went_wrong, entries)),
        "overdue": sum(bool(entry.get("rule")) and entry.get("status") not in TERMINAL for entry in entries),
        "over": sum(entry.get("status") in TERMINAL for entry in entries),
        "median": median(spans) if spans else None,
    }


def per_day(entries: Iterable[Entry], zone: str) -> dict[str, tuple[int, int]]:
    """How many runs completed and failed on each day of this zone."""
    counts: dict[str, tuple[int, int]] = {}
    for entry in entries:
        ended = _moment(entry.get("at"))
        if ended and entry.get("status") in ("Completed", *FAILED):
            day = ended.astimezone(ZoneInfo(zone)).date().isoformat()
            completed, failed = counts.get(day, (0, 0))
            well = not _went_wrong(entry)
            counts[day] = completed + well, failed + (not well)
    return counts


def build_digest(
    kind: str,
    start: float,
    end: float,
    entries: Sequence[Entry],
    *,
    zone: str = "UTC",
    held: int = 0,
    before: Document | None = None,
    days: Mapping[str, tuple[int, int]] | None = None,
) -> dict[str, Any]:
    """The document of a digest or a round-up, as its event carries it: the rows that are shown, all figures.

    `before` is what `digest_baseline` made of the digest before it; `days` are the earlier runs per day.
    """
    groups: dict[str, list[Entry]] = {name: [] for name in MAX_ROWS}
    for entry in entries:
        groups[section_of(entry)].append(entry)
    for name, order in _ORDERS.items():
        groups[name].sort(key=order)
    # What was held stands for its message: each run has a row. Of more than anybody reads, those of one job have one.
    shown = groups | ({"done": gathered(groups["done"], duration_of)} if kind in ("digest", "overflow") else {})
    daily = timedelta(seconds=end - start) <= DAILY
    new = per_day(entries, zone) if kind == "digest" else {}
    return {
        "event": "roundup" if kind != "digest" else "digest",
        "kind": kind,
        "from": _iso(start),
        "to": _iso(end),
        "timestamp": _iso(end),
        "zone": zone,
        "daily": daily,
        "entries": [dict(entry) for name, most in MAX_ROWS.items() for entry in shown[name][:most]],
        "totals": totals(entries) | {name: len(group) for name, group in groups.items()} | {"total": len(entries)},
        "before": before if before and before.get("daily") == daily else None,
        "days": _days(days or {}, new, (start if not daily else end, end), zone) if kind == "digest" else [],
        "new_days": new,
        "held": held,
    }


def digest_baseline(document: Document) -> dict[str, Any]:
    """What the next digest needs to know of this one, once it was sent."""
    figures = {key: document["totals"][key] for key in ("completed", "failed", "overdue", "median")}
    return {"last": figures | {"to": document["to"], "daily": document["daily"]}, "days": document["new_days"]}


def _of_operation(event: Event) -> dict[str, Any]:
    operation, results, error, terminal = event.operation, event.results, event.error, event.terminal
    texts: dict[str, object] = {"phase": event.phase_name or error.get("phase")}
    entry: dict[str, Any] = {}
    if event.watch.get("batch"):  # the watchdog tells of one by the words of an operation
        entry["batch"] = True
    if operation:
        document = operation.document
        texts |= {"name": operation.name, "type": operation.type, "path": _path(document, event)}
        if operation.priority:
            entry["priority"] = operation.priority
        if operation.estimate and not terminal:
            entry["expected"] = operation.estimate.isoformat()
        if started := _started(document, mapping(document.get("progress"))):
            entry["started"] = started
    if error and terminal:
        texts["error"] = error.get("message")
    entry |= _cleaned(texts)
    if (percentage := event.percentage) is not None:
        entry["percentage"] = percentage
    return entry | _figures(results, terminal=terminal) if results else entry


def _figures(results: Document, *, terminal: bool) -> dict[str, Any]:
    summary = mapping(results.get("summary"))
    spans = (span_of(results.get(name)) for name in ("totalDuration", "duration"))
    return _stated(
        duration=next((span for span in spans if span is not None), None) if terminal else None,
        variants=_number(summary, "processVariants"),
        anomalies=_number(summary, "anomaliesDetected"),
        records=_number(summary, *_RECORDS),
    )


def _of_batch(event: Event) -> dict[str, Any]:
    batch = event.batch
    document = batch.document if batch else {}
    members = rows(document.get("operations"))
    statuses = [status for member in members if isinstance(status := member.get("status"), str)]
    texts = {"name": batch.name if batch else "", "path": _path(document, event), "failing": _failing(members)}
    return _cleaned(texts) | _stated(
        batch=True,
        started=_started(document) or None,
        total=_number(document, "totalOperations") or len(members) or None,
        done_count=sum(status in TERMINAL for status in statuses) if members else None,
        completed_count=statuses.count("Completed") if members else None,
        failed_count=sum(status in FAILED for status in statuses) if members else None,
        expected=_in_utc(str(document.get("estimatedBatchCompletion") or "")) or None,
    )


def _failing(members: Sequence[Document]) -> str:
    """The names of the first operations of a batch that failed."""
    failed = [member for member in members if member.get("status") in FAILED]
    names = (next((member[key] for key in _NAMES if member.get(key)), "") for member in failed[:FAILING])
    rest = [ELLIPSIS] if len(failed) > FAILING else []
    return ", ".join([*(name for name in names if isinstance(name, str) and name), *rest])


def _went_wrong(entry: Entry) -> bool:
    """Whether it is over and not as it should be: it failed, or an operation of the batch did."""
    status = entry.get("status")
    return status in FAILED or bool(status in TERMINAL and entry.get("failed_count"))


def _cleaned(texts: Mapping[str, object]) -> dict[str, Any]:
    return {key: line for key, text in texts.items() if text and (line := _text(text, LENGTHS[key]))}


def _stated(**values: object) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _worst_first(entry: Entry) -> tuple[int, int, float]:
    status = entry.get("status")
    return -_rank(entry), [*FAILED, status].index(status), -_stamp(entry)


def _best_first(entry: Entry) -> tuple[Any, ...]:
    results = tuple(-(entry.get(name) or 0) for name in ("anomalies", "variants", "records"))
    return entry.get("status") != "Completed", not entry.get("batch"), *results, -_stamp(entry)


def _rank(entry: Entry) -> int:
    priority = entry.get("priority") or "Normal"
    return PRIORITIES.index(priority) if priority in PRIORITIES else 1


def _stamp(entry: Entry) -> float:
    moment = _moment(entry.get("at"))
    return moment.timestamp() if moment else 0.0


_ORDERS = {
    "attention": _worst_first,
    "done": _best_first,
    "running": lambda entry: (-_rank(entry), -_stamp(entry)),
}


def _days(
    earlier: Mapping[str, tuple[int, int]],
    new: Mapping[str, tuple[int, int]],
    window: tuple[float, float],
    zone: str,
) -> list[dict[str, Any]]:
    """The last seven days up to the end of the window, and the day on which a week begins, as the week's heading says.

    None if there were runs on one of them alone: that is said better in words.
    """
    first, last = (datetime.fromtimestamp(moment, ZoneInfo(zone)).date() for moment in window)
    shown = min(max((last - first).days + 1, SHOWN_DAYS), SHOWN_DAYS + 1)
    dates = [(last - timedelta(days=back)).isoformat() for back in reversed(range(shown))]
    if sum(day in earlier or day in new for day in dates) < 2:
        return []
    counts = []
    for day in dates:
        before, added = earlier.get(day, (0, 0)), new.get(day, (0, 0))
        counts.append({"date": day, "completed": before[0] + added[0], "failed": before[1] + added[1]})
    return counts


def _path(document: Document, event: Event) -> str:
    path = document.get("trackingUrl")
    if not isinstance(path, str) or len(path) > LENGTHS["path"]:  # a part of an address leads nowhere
        return ""
    for name, value in (("{tenantId}", event.tenant), ("{projectId}", event.project)):
        path = path.replace(name, quote(value.encode("utf-8", "replace"), safe="")) if value else path
    return path


def _started(*documents: Document) -> str:
    for document in reversed(documents):
        for name in _STARTED:
            if (value := document.get(name)) and isinstance(value, str) and (started := _in_utc(value)):
                return started
    return ""


def _in_utc(text: str) -> str:
    """Return the time in UTC; '' if it is none."""
    moment = _moment(text)
    return moment.isoformat() if moment else ""


def _number(document: Document, *keys: str) -> float | None:
    return next((value for key in keys if (value := finite(document.get(key))) is not None), None)


def _text(value: object, limit: int) -> str:
    """One line of at most so many characters that Redis can keep."""
    line = " ".join(value.split()) if isinstance(value, str) else ""
    return line.encode("utf-8", "replace").decode()[:limit]


def _moment(value: object) -> datetime | None:
    try:
        stated = datetime.fromisoformat(value) if isinstance(value, str) else None
        moment = (stated if stated.tzinfo else stated.replace(tzinfo=UTC)).astimezone(UTC) if stated else None
    except (ValueError, OverflowError):
        return None
    # At the ends of the calendar, where platforms put "never", no zone has a wall clock to show.
    return moment if moment and date.min.year < moment.year < date.max.year else None


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
