"""What an operation ended with, and its other parts, as templates see them: every documented field is there. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from relay.domain.documents import mapping
from relay.domain.events import Event
from relay.rendering.json_access import iso, number, text, time
from relay.rendering.links import Base, address, for_people
from relay.rendering.localized_values import Localizer
from relay.rendering.texts import clean

_USER = re.compile(r"[UW][A-Z0-9]{2,20}")
# The result of a button, where none was pressed.
ACTION = {"name": "", "user": "", "userName": "", "ok": False, "unknown": False, "detail": "", "newOperationId": ""}


def results(document: Mapping[str, Any]) -> dict[str, Any]:
    summary = mapping(document.get("summary"))
    return {
        **document,
        "summary": summary,
        "variants": number(summary, "processVariants"),
        "anomalies": number(summary, "anomaliesDetected"),
    }


def artifact(row: Mapping[str, Any], event: Event, base: Base) -> dict[str, Any]:
    url = for_people(address(text(row, "downloadUrl", "url"), event, base))
    return {
        **row,
        "name": text(row, "name", "fileName", "type") or url,
        "type": text(row, "type"),
        "format": text(row, "format"),
        "size": row.get("size"),
        "url": url,
        "description": text(row, "description"),
        "expires_at": iso(time(row, "expiresAt", "downloadUrlExpiresAt", "urlExpiresAt")),
    }


def recommendation(row: Mapping[str, Any], formats: Localizer) -> dict[str, Any]:
    priority = text(row, "priority")
    return {
        **row,
        "text": text(row, "recommendation", "text", "title"),
        "category": text(row, "category"),
        "priority": priority,
        "priority_label": formats.language.label(priority),
        "effect": text(row, "expectedImprovement"),
    }


def error(document: Mapping[str, Any]) -> dict[str, Any]:
    message = document.get("message") or document.get("errorMessage") or document.get("detail")
    return {
        **document,
        "code": text(document, "code", "errorCode"),
        "message": message.strip() if isinstance(message, str) else "",
        "phase": text(document, "phase"),
        "retryable": document.get("retryable") if isinstance(document.get("retryable"), bool) else None,
    }


def cancellation(document: Mapping[str, Any], event: Event, base: Base) -> dict[str, Any]:
    partial = mapping(document.get("partialResults"))
    urls = partial.get("downloadUrls")
    listed = [url for url in urls if isinstance(url, str)] if isinstance(urls, list) else []
    available = partial.get("available")
    return {
        **document,
        "by": text(document, "cancelledBy"),
        "reason": text(document, "reason"),
        "partial": available if isinstance(available, bool) else None,
        "phases_kept": number(partial, "completedPhases"),
        "downloads": [whole for url in listed if (whole := for_people(address(url, event, base)))],
        "cost_saved": text(document, "resourcesReleased.costSaved"),
    }


def action(document: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a button, and who pressed it: a Slack id becomes a mention, as nobody but Slack wrote it."""
    action = {**ACTION, **mapping(clean({key: document[key] for key in ACTION if key in document}))}
    user = str(action["user"])
    mention = Markup(f"<@{user}>") if _USER.fullmatch(user) else ""  # noqa: S704 - an id and nothing else
    return action | {"by": mention}


def presser(event: Event, events: Sequence[Event]) -> dict[str, str]:
    """Who cancelled by a button: instead of the user of relay's token, and of a reason that only repeats it."""
    pressed = [other.pressed for other in events if other.pressed and other.status == event.status]
    if not pressed:
        return {}
    names = mapping(clean(pressed[-1]))
    return {"by": f"{text(names, 'realName', 'userName', 'user')} (Slack)", "reason": ""}


def phase(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **document,
        "name": text(document, "phaseName", "name"),
        "duration": document.get("duration"),
        "records": number(document, "recordsProcessed"),
        "results": mapping(document.get("results")),
    }
