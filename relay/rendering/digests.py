"""`digest` and `trouble`, events of relay's own about many runs, as templates see them. Pure."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from relay.domain.digest_entries import duration_of, ended_at, section_of
from relay.domain.digests import MAX_ROWS
from relay.domain.documents import mapping, rows
from relay.domain.events import OPERATOR_EVENTS, RESOLVED, TERMINAL, Event
from relay.domain.facts import Space
from relay.domain.jobs import found
from relay.domain.links import NO_LINKS, LinkTemplates
from relay.domain.outcomes import Usual
from relay.rendering.links import Base, row_link
from relay.rendering.localized_values import in_minutes, whole_minutes
from relay.rendering.texts import between, clean, cut, iso, number, text, time
from relay.rendering.translations import Language

MINUTE = 60.0
MAX_SPREAD = 100 * MINUTE
HALF_A_DAY = timedelta(hours=12)
ROUND_UPS = frozenset({"digest", "roundup"})  # events that tell of many operations
FIGURES = ("completed", "failed", "overdue", "median")


def digest(event: Event, language: Language, base: Base, templates: LinkTemplates = NO_LINKS) -> dict[str, Any]:
    """Return the values of a digest's document (`domain/digests.build_digest`); other events have every field, too."""
    document: Mapping[str, Any] = clean(event.document) if event.name in ROUND_UPS else {}
    totals, before = mapping(document.get("totals")), mapping(document.get("before"))
    entries = [
        (
            section_of(entry),
            _row(entry, language, time(document, "to")) | {"url": row_link(templates, entry, Space.of(entry), base)},
        )
        for entry in rows(document.get("entries"))
    ]
    groups = {name: _counted([row for where, row in entries if where == name]) for name in MAX_ROWS}
    shown = {name: group[-1]["upto"] if group else 0 for name, group in groups.items()}
    return {
        "kind": text(document, "kind"),
        "from": text(document, "from"),
        "to": text(document, "to"),
        "daily": document.get("daily") is not False,
        **{name: number(totals, name) or 0 for name in FIGURES if name != "median"},
        "median": number(totals, "median"),
        "change": {name: _change(totals, before, name) for name in FIGURES},
        "compared_to": text(before, "to"),
        **groups,
        **{f"all_{name}": max(int(number(totals, name) or 0), runs) for name, runs in shown.items()},
        **{f"more_{name}": max(int(number(totals, name) or 0) - runs, 0) for name, runs in shown.items()},
        "others": [cut(f"{name}", LONGEST_NAME) for name in document.get("others") or ()],
        "days": rows(document.get("days")),
        "held": int(number(document, "held") or 0),
        "total": int(number(totals, "total") or 0),
        "jobs": int(number(totals, "jobs") or 0),
        "over": int(number(totals, "over") or (number(totals, "completed") or 0) + (number(totals, "failed") or 0)),
        **_dates(document),
    }


def counts(event: Event, language: Language) -> str:
    """Return a digest in one line without any template: `Completed: 41, Failed: 2, Stalled: 1, Running: 3`."""
    totals = mapping(event.document.get("totals"))
    figures = {"Completed": "completed", "Failed": "failed", "Stalled": "overdue", "Running": "running"}
    parts = [(status, int(number(totals, name) or 0)) for status, name in figures.items()]
    return ", ".join(f"{language.label(status)}: {count}" for status, count in parts if count or status == "Completed")


def _counted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add `upto` to each, the number of runs that it and those before it stand for."""
    runs = 0
    for row in rows:
        runs += row["runs"]
        row["upto"] = runs
    return rows


def _dates(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return its days in its destination's zone; `week`, the calendar's, leaves out the half day before the end."""
    zone = ZoneInfo(text(document, "zone") or "UTC")
    start, end = (moment and moment.astimezone(zone) for moment in (time(document, "from"), time(document, "to")))
    if not start or not end:
        return {"first_day": "", "last_day": "", "day": "", "week": 0}
    last = (end - timedelta.resolution).date()
    return {"first_day": start.date().isoformat(), "last_day": last.isoformat(), "day": end.date().isoformat(),
            "week": (end - HALF_A_DAY).isocalendar().week}  # fmt: skip


def _row(entry: Mapping[str, Any], language: Language, until: datetime | None) -> dict[str, Any]:
    """`until`: the end of the window."""
    status, name = text(entry, "status"), text(entry, "name")
    rule = "" if status in TERMINAL else found(text(entry, "rule"))
    common = _usual(entry)
    expected = time(entry, "expected") or _expected(entry, common)
    partial = status == "Completed" and bool(number(entry, "failed_count"))
    over = status in TERMINAL
    status = "Stalled" if rule or partial else status
    priority = text(entry, "priority")
    return {
        "id": text(entry, "id"),
        "project": text(entry, "project"),
        "name": name or _title(entry, language),
        "named": bool(name),
        "status": status,
        "status_label": language.of(text(entry, "type")).label(status),
        "priority": priority,
        "priority_label": language.label(priority),
        "urgent": priority in ("High", "Critical"),
        "type_label": language.label(text(entry, "type")),
        "partial": partial,
        "over": over,
        # Of a batch of which all failed for one cause: how many, its row has said.
        "error": language.cause(text(entry, "error").removeprefix(f"{number(entry, 'failed_count') or 0:g} × "))
        if status not in ("Completed", "Running")
        else "",
        "at": iso(ended_at(entry)) or "",
        "started_at": text(entry, "started", "created"),
        "expected_at": "" if over else iso(expected) or "",
        "late": bool(expected and until and expected < until),
        "runs": int(number(entry, "runs") or 1),
        "spread": _spread(number(entry, "shortest"), number(entry, "longest")),
        "duration": duration_of(entry),
        "usual": common.median if common else None,
        "unusual": _unusual(entry, common),
        "percentage": None if text(entry, "status") == "Completed" else number(entry, "percentage"),
        "phase": text(entry, "phase"),
        **{name: number(entry, name) for name in ("shortest", "longest", "variants", "anomalies", "records", "total")},
        **{name: number(entry, name) for name in ("done_count", "failed_count")},
        "completed_count": _completed(entry),
        "failing": text(entry, "failing"),
        "batch": entry.get("batch") is True,
        "rule": rule,
    }


def _title(entry: Mapping[str, Any], language: Language) -> str:
    if entry.get("batch") is True:
        return language.batch_title(number(entry, "total") or 0)
    return language.title(text(entry, "type"), text(entry, "id"))


def _usual(entry: Mapping[str, Any]) -> Usual | None:
    """Return what was usual for its job when the digest was made (relay/delivering/enrichment.py)."""
    stated = entry.get("usual")
    return Usual(*map(float, stated)) if isinstance(stated, list) and len(stated) == len(fields(Usual)) else None


def _expected(entry: Mapping[str, Any], common: Usual | None) -> datetime | None:
    """Return the end by its job's median, where the platform gives no estimate."""
    started = time(entry, "started", "created")
    return started + timedelta(seconds=common.median) if common and started else None


def _unusual(entry: Mapping[str, Any], common: Usual | None) -> bool:
    """Return whether it, or the quickest or longest of several, took clearly more or less than runs of its job."""
    if common is None or text(entry, "status") != "Completed":
        return False
    spans = [duration_of(entry), number(entry, "shortest"), number(entry, "longest")]
    return any(span is not None and common.verdict(span) != "usual" for span in spans)


def _completed(entry: Mapping[str, Any]) -> float | None:
    """Count the completed operations of a batch; an older entry has only those that are over, and that failed."""
    done = number(entry, "done_count")
    stated = number(entry, "completed_count")
    return stated if stated is not None or done is None else done - (number(entry, "failed_count") or 0)


def _spread(shortest: float | None, longest: float | None) -> float | str | None:
    """Return the durations of a row's runs, as the filter `duration` takes them."""
    if (
        shortest is None
        or longest is None
        or longest > MAX_SPREAD
        or not (in_minutes(shortest) and in_minutes(longest))
    ):
        return None
    low, high = whole_minutes(shortest), whole_minutes(longest)
    return f"{low}-{high} min" if low < high else low * MINUTE


def _change(totals: Mapping[str, Any], before: Mapping[str, Any], name: str) -> float | None:
    now, then = number(totals, name), number(before, name)
    return None if now is None or then is None else now - then


MOST_NAMED = 5  # destinations that a row names
LONGEST_NAME = 64  # characters of each
SAID = frozenset({"channel", "destination", "store"})  # whose reason is a sentence, and no code


def trouble(event: Event) -> dict[str, Any]:
    """Return a row for each thing that is wrong, or over, and `single` where it is one alone; none for other events."""
    document: Mapping[str, Any] = clean(event.document) if event.name in OPERATOR_EVENTS else {}
    listed = [_trouble_row(row) for row in rows(document.get("troubles"))]
    return {
        "over": event.name == RESOLVED,
        "rows": listed,
        "single": listed[0] if len(listed) == 1 else None,
        "standing": int(number(document, "standing") or 0),
    }


def _trouble_row(row: Mapping[str, Any]) -> dict[str, Any]:
    kind, name, reason = text(row, "kind"), text(row, "name"), text(row, "reason")
    destination, _, address = name.partition("/") if kind == "destination" else ("", "", "")
    listed = row.get("affected")
    affected = [cut(name, LONGEST_NAME) for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    since, until = text(row, "since"), text(row, "until")
    return {
        "kind": kind,
        "name": name,
        "destination": destination,
        "address": address,
        "since": since,
        "until": until,
        "throttled": text(row, "throttled"),
        "lasted": between(time(row, "since"), time(row, "until")),
        "reason": reason,
        "said": reason if kind in SAID else "",
        **{key: int(number(row, key) or 0) for key in ("count", "total", "lost")},
        "gone": row.get("gone") is True,
        "affected": affected[:MOST_NAMED],
        "more": len(affected) > MOST_NAMED,
    }
