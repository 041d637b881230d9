"""What is told together: an operation's newest state in a few words, and what many of them amount to. Pure.

An entry is plain data. A field that the event does not state is left out, so that a newer entry may be laid over an
older one of the same run: id, name, type, priority, status, path (the tracking address), error, at, started,
duration (seconds), percentage, phase, variants, anomalies, records, batch, total, done_count, failed_count, rule
(of the watchdog; empty: none holds any more) and retry.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from relay.domain.events import PRIORITIES, TERMINAL, Document, Event
from relay.domain.facts import merge_documents
from relay.domain.json_access import finite, mapping, rows

Entry = Mapping[str, Any]

FAILED = ("Failed", "Timeout")
MAX_ROWS = {"attention": 30, "done": 10, "running": 20}  # rows of each group that are shown; the others are counted
DAILY = timedelta(days=6)  # a window up to this long is called daily
SHOWN_DAYS = 7
LENGTHS = {"name": 200, "error": 300, "phase": 120, "path": 600, "type": 100}

_STARTED = ("startTime", "startedAt", "dateCreated", "retryAttemptDate", "batchStartTime")
_RECORDS = ("recordsAnalyzed", "recordsProcessed", "totalRecords")


def summarize(event: Event) -> dict[str, Any]:
    """What this event alone says of its operation or batch."""
    facts = _of_batch(event) if event.about_batch else _of_operation(event)
    watched = event.document.get("stalled")
    rule = watched.get("rule") if isinstance(watched, Mapping) else None
    if event.name in ("operation.stalled", "operation.recovered") or event.terminal:
        facts["rule"] = str(rule or "") if not event.terminal else ""
    facts |= {"id": event.subject, "status": event.status, "at": event.occurred_at.isoformat(), "retry": event.retry}
    said = {key: _text(value, LENGTHS[key]) if key in LENGTHS else value for key, value in facts.items()}
    return {key: value for key, value in said.items() if value not in ("", None) or key in ("rule", "status")}


def section_of(one: Entry) -> str:
    """Where it is shown: attention, done or running."""
    if one.get("status") in FAILED or (one.get("rule") and one.get("status") not in TERMINAL):
        return "attention"
    return "done" if one.get("status") in TERMINAL else "running"


def duration_of(one: Entry) -> float | None:
    """How long a run took that is over, in seconds."""
    if one.get("status") not in TERMINAL:
        return None
    if (stated := _number(one, "duration")) is not None:
        return stated
    started, ended = _moment(one.get("started")), _moment(one.get("at"))
    return (ended - started).total_seconds() if started and ended and ended >= started else None


def totals(entries: Sequence[Entry]) -> dict[str, Any]:
    """The four figures of a digest."""
    spans = [span for one in entries if one.get("status") == "Completed" and (span := duration_of(one)) is not None]
    return {
        "completed": sum(one.get("status") == "Completed" for one in entries),
        "failed": sum(one.get("status") in FAILED for one in entries),
        "overdue": sum(section_of(one) == "attention" and one.get("status") not in FAILED for one in entries),
        "median": median(spans) if spans else None,
    }


def per_day(entries: Iterable[Entry], zone: str) -> dict[str, tuple[int, int]]:
    """How many runs completed and failed on each day of this zone."""
    counts: dict[str, tuple[int, int]] = {}
    for one in entries:
        ended = _moment(one.get("at"))
        if ended and one.get("status") in ("Completed", *FAILED):
            day = ended.astimezone(ZoneInfo(zone)).date().isoformat()
            completed, failed = counts.get(day, (0, 0))
            well = one["status"] == "Completed"
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

    `before` is what `kept` made of the digest before it; `days` are the earlier runs per day.
    """
    groups: dict[str, list[Entry]] = {name: [] for name in MAX_ROWS}
    for one in entries:
        groups[section_of(one)].append(one)
    for name, order in _ORDERS.items():
        groups[name].sort(key=order)
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
        "entries": [dict(one) for name, most in MAX_ROWS.items() for one in groups[name][:most]],
        "totals": totals(entries) | {name: len(ones) for name, ones in groups.items()} | {"total": len(entries)},
        "before": before if before and before.get("daily") == daily else None,
        "days": _days(days or {}, new, end, zone) if kind == "digest" else [],
        "new_days": new,
        "held": held,
    }


def digest_baseline(document: Document) -> dict[str, Any]:
    """What the next digest needs to know of this one, once it was sent."""
    figures = {key: document["totals"][key] for key in ("completed", "failed", "overdue", "median")}
    return {"last": figures | {"to": document["to"], "daily": document["daily"]}, "days": document["new_days"]}


def _of_operation(event: Event) -> dict[str, Any]:
    operation, document = event.operation, merge_documents([event])
    results = mapping(document.get("results"))
    summary = mapping(results.get("summary"))
    error = document.get("error")
    return {
        "name": operation.name if operation else "",
        "type": operation.type if operation else "",
        "priority": operation.priority if operation else "",
        "path": _path(document, event),
        "started": _started(document, mapping(document.get("progress"))),
        "duration": _number(results, "totalDuration", "duration") if event.terminal else None,
        "percentage": event.percentage,
        "phase": event.phase_name or mapping(error).get("phase"),
        "error": (error if isinstance(error, str) else mapping(error).get("message")) if event.terminal else "",
        "variants": _number(summary, "processVariants"),
        "anomalies": _number(summary, "anomaliesDetected"),
        "records": _number(summary, *_RECORDS),
    }


def _of_batch(event: Event) -> dict[str, Any]:
    batch = event.batch
    document = batch.document if batch else {}
    members = rows(document.get("operations"))
    statuses = [status for one in members if isinstance(status := one.get("status"), str)]
    return {
        "batch": True,
        "name": batch.name if batch else "",
        "path": _path(document, event),
        "started": _started(document),
        "total": _number(document, "totalOperations") or len(members) or None,
        "done_count": sum(status in TERMINAL for status in statuses) if members else None,
        "failed_count": sum(status in FAILED for status in statuses) if members else None,
    }


def _worst_first(one: Entry) -> tuple[int, int, float]:
    return -_rank(one), [*FAILED, *[one.get("status")]].index(one.get("status")), -_stamp(one)


def _best_first(one: Entry) -> tuple[Any, ...]:
    results = tuple(-(one.get(name) or 0) for name in ("anomalies", "variants", "records"))
    return one.get("status") != "Completed", not one.get("batch"), *results, -_stamp(one)


def _rank(one: Entry) -> int:
    priority = one.get("priority") or "Normal"
    return PRIORITIES.index(priority) if priority in PRIORITIES else 1


def _stamp(one: Entry) -> float:
    moment = _moment(one.get("at"))
    return moment.timestamp() if moment else 0.0


_ORDERS = {
    "attention": _worst_first,
    "done": _best_first,
    "running": lambda one: (-_rank(one), -_stamp(one)),
}


def _days(
    earlier: Mapping[str, tuple[int, int]], new: Mapping[str, tuple[int, int]], end: float, zone: str
) -> list[dict[str, Any]]:
    """The last seven days up to the end of the window; none if relay did not see a run in any of them before."""
    last = datetime.fromtimestamp(end, ZoneInfo(zone)).date()
    dates = [(last - timedelta(days=back)).isoformat() for back in reversed(range(SHOWN_DAYS))]
    if not any(day in earlier or day in new for day in dates):
        return []
    counts = []
    for day in dates:
        before, added = earlier.get(day, (0, 0)), new.get(day, (0, 0))
        counts.append({"date": day, "completed": before[0] + added[0], "failed": before[1] + added[1]})
    return counts


def _path(document: Document, event: Event) -> str:
    path = document.get("trackingUrl")
    if not isinstance(path, str):
        return ""
    for name, value in (("{tenantId}", event.tenant), ("{projectId}", event.project)):
        path = path.replace(name, quote(value.encode("utf-8", "replace"), safe="")) if value else path
    return path


def _started(*documents: Document) -> str:
    found = (_moment(document.get(name)) for document in reversed(documents) for name in _STARTED)
    return next((moment.isoformat() for moment in found if moment), "")


def _number(document: Document, *keys: str) -> float | None:
    return next((value for key in keys if (value := finite(document.get(key))) is not None), None)


def _text(value: object, most: int) -> str:
    """One line of at most so many characters that Redis can keep."""
    line = " ".join(value.split()) if isinstance(value, str) else ""
    return line.encode("utf-8", "replace").decode()[:most]


def _moment(said: object) -> datetime | None:
    try:
        stated = datetime.fromisoformat(said) if isinstance(said, str) else None
        moment = (stated if stated.tzinfo else stated.replace(tzinfo=UTC)).astimezone(UTC) if stated else None
    except (ValueError, OverflowError):
        return None
    # At the ends of the calendar, where platforms put "never", no zone has a wall clock to show.
    return moment if moment and date.min.year < moment.year < date.max.year else None


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
