"""`digest`: many runs in one message, as templates see them: what needs somebody, what is done, what goes on. Pure."""

from collections.abc import Mapping
from typing import Any

from relay.domain.events import TERMINAL, Event
from relay.domain.json_access import mapping, rows
from relay.domain.links import NO_LINKS, LinkTemplates
from relay.domain.summaries import MAX_ROWS, duration_of, section_of
from relay.rendering.json_access import number, text
from relay.rendering.links import row_link
from relay.rendering.texts import clean
from relay.rendering.translations import Language

ROUND_UPS = frozenset({"digest", "roundup"})  # events that tell of many operations
FIGURES = ("completed", "failed", "overdue", "median")


def digest(event: Event, language: Language, base_url: str, templates: LinkTemplates = NO_LINKS) -> dict[str, Any]:
    """What the event's document tells (`summaries.build_digest`); every field is there for other events too."""
    document: Mapping[str, Any] = clean(event.document) if event.name in ROUND_UPS else {}
    totals, before = mapping(document.get("totals")), mapping(document.get("before"))
    entries = [
        (section_of(entry), _row(entry, language) | {"url": row_link(templates, entry, event, base_url)})
        for entry in rows(document.get("entries"))
    ]
    groups = {name: [row for where, row in entries if where == name] for name in MAX_ROWS}
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
        **{f"more_{name}": max(int(number(totals, name) or 0) - len(ones), 0) for name, ones in groups.items()},
        "days": [dict(day) for day in rows(document.get("days"))],
        "held": int(number(document, "held") or 0),
        "total": int(number(totals, "total") or 0),
    }


def counts(event: Event, language: Language) -> str:
    """A digest in one line without any template: `Completed: 41, Failed: 2, Stalled: 1, Running: 3`."""
    totals = mapping(event.document.get("totals"))
    figures = {"Completed": "completed", "Failed": "failed", "Stalled": "overdue", "Running": "running"}
    parts = [(status, int(number(totals, name) or 0)) for status, name in figures.items()]
    return ", ".join(f"{language.label(status)}: {count}" for status, count in parts if count or status == "Completed")


def _row(entry: Mapping[str, Any], language: Language) -> dict[str, Any]:
    status = text(entry, "status")
    rule = "" if status in TERMINAL else text(entry, "rule")
    status = "Stalled" if rule else status
    priority = text(entry, "priority")
    return {
        "id": text(entry, "id"),
        "name": text(entry, "name", "id"),
        "status": status,
        "status_label": language.label(status),
        "priority": priority,
        "priority_label": language.label(priority),
        "urgent": priority in ("High", "Critical"),
        "type_label": language.label(text(entry, "type")),
        "error": text(entry, "error") if status not in ("Completed", "Running") else "",
        "at": text(entry, "at"),
        "started_at": text(entry, "started"),
        "duration": duration_of(entry),
        "percentage": None if status == "Completed" else number(entry, "percentage"),
        "phase": text(entry, "phase"),
        **{name: number(entry, name) for name in ("variants", "anomalies", "records", "total")},
        **{name: number(entry, name) for name in ("done_count", "failed_count")},
        "batch": entry.get("batch") is True,
        "rule": rule,
    }


def _change(totals: Mapping[str, Any], before: Mapping[str, Any], name: str) -> float | None:
    now, then = number(totals, name), number(before, name)
    return None if now is None or then is None else now - then
