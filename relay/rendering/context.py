"""The names that templates know: plain data, cleaned, with every documented field there. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from relay.domain.events import WATCH_EVENTS, Event
from relay.domain.facts import merge_documents
from relay.domain.json_access import mapping, rows
from relay.rendering.batches import batch
from relay.rendering.digests import digest
from relay.rendering.json_access import between, iso, number, text, time
from relay.rendering.localized_values import Localizer
from relay.rendering.operations import address, operation
from relay.rendering.texts import clean, line, safe_url

_USER = re.compile(r"[UW][A-Z0-9]{2,20}")
OUTCOME_PARTS = ("results", "error", "cancellation")
# What relay's own watchdog says, where it says nothing.
STALLED = {"rule": "", "since": "", "seconds": None, "percentage": None, "phase": "", "lastEvent": "",
           "firstEstimate": "", "estimateMoved": 0, "deadline": "", "reminder": 0}  # fmt: skip
# What came of a button, likewise.
ACTION = {"name": "", "user": "", "userName": "", "ok": False, "unknown": False, "detail": "", "newOperationId": ""}
RECOVERED = {"rule": "", "seconds": None, "flapping": False}


def open_alarm(event: Event, history: Sequence[Event]) -> Mapping[str, Any]:
    """What relay's own watchdog last found and did not take back; nothing once the run is over.

    Decided by the order in which relay learned of it all: the sender's clock may be another.
    """
    found: Mapping[str, Any] = {}
    for other in (*history, event):
        if other.name in WATCH_EVENTS:
            found = mapping(other.document.get("stalled"))
        elif found.get("rule") == "silent":  # it is no more, before the watchdog says so
            found = {}
    return {} if event.terminal or event.about_batch else found


def context(
    event: Event, history: Sequence[Event], formats: Localizer, base_url: str, *, live: bool = False
) -> dict[str, Any]:
    """What one event, and what was known when it happened, give to a template.

    `live`: the present state is shown, so a run is stalled for as long as its alarm stands.

    `op`, `batch`, `results`, `artifacts`, `recommendations`, `error`, `cancellation`, `phase`, `event`, `links`
    and `doc`, the whole body as it came. `formats` is for the filters.
    """
    earlier = [other for other in history if other.occurred_at <= event.occurred_at and other != event]
    known = (*earlier, event)
    merged = clean(_merged(event, known))
    language = formats.language
    op = operation(event, known, merged, language, base_url)
    alarm = clean(open_alarm(event, history) if live else mapping(event.document.get("stalled")))
    if live and alarm:
        op |= {"status": "Stalled", "status_label": language.label("Stalled")}
        if event.name not in WATCH_EVENTS:  # an alarm stands, for instance overdue, and the run goes on
            since, lasting = time(alarm, "since"), alarm.get("seconds")
            alarm |= {"percentage": op["percentage"], "phase": op["phase"], "lastEvent": iso(event.occurred_at),
                      "seconds": between(since, event.occurred_at) if since else lasting}  # fmt: skip
    group = batch(event, language, base_url)
    outcome = mapping(merged.get("results"))
    return {
        "op": op,
        "batch": group,
        "results": _results(outcome),
        "artifacts": [_artifact(row, event, base_url) for row in rows(outcome.get("artifacts"))],
        "recommendations": [_recommendation(row, formats) for row in rows(outcome.get("recommendations"))],
        "error": _error(mapping(merged.get("error"))),
        "cancellation": _cancellation(mapping(merged.get("cancellation")), event, base_url) | _presser(event, known),
        "phase": _phase(mapping(merged.get("phase"))),
        "digest": digest(event, language, base_url),
        "stalled": {**STALLED, **alarm},
        "recovered": {**RECOVERED, **mapping(clean(event.document.get("recovered")))},
        "action": _action(mapping(event.document.get("action"))),
        "event": {
            "name": event.name,
            "label": language.label(event.name),
            "id": clean(event.id),
            "source": event.source,
            "occurred_at": event.occurred_at.isoformat(),
            "received_at": event.received_at.isoformat(),
            "tenant": line(clean(event.tenant)),
            "project": line(clean(event.project)),
        },
        "links": {"operation": op["tracking_url"], "batch": group["tracking_url"], "platform": safe_url(base_url)},
        "doc": clean(event.document),
        "now": formats.now.isoformat(),
        "formats": formats,
    }


def _merged(event: Event, known: Sequence[Event]) -> dict[str, Any]:
    """All that is known; in a batch's event the operation speaks for itself alone."""
    if event.about_batch:
        document = event.operation.document if event.operation else {}
        parts = {key: getattr(event, key) for key in ("results", "error") if getattr(event, key)}
        return {**document, **parts}
    merged = merge_documents(known)
    for key in OUTCOME_PARTS:  # an earlier attempt's failure is not this one's
        told = [getattr(other, key) for other in known if other.status == event.status and getattr(other, key)]
        merged[key] = told[-1] if told else {}
    if event.operation and not merged["error"] and (said := event.operation.document.get("error")):
        merged["error"] = said if isinstance(said, Mapping) else {"message": said}
    return {**merged, "phase": event.phase}


def _results(document: Mapping[str, Any]) -> dict[str, Any]:
    summary = mapping(document.get("summary"))
    return {
        **document,
        "summary": summary,
        "variants": number(summary, "processVariants"),
        "anomalies": number(summary, "anomaliesDetected"),
    }


def _artifact(row: Mapping[str, Any], event: Event, base_url: str) -> dict[str, Any]:
    url = address(text(row, "downloadUrl", "url"), event, base_url)
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


def _recommendation(row: Mapping[str, Any], formats: Localizer) -> dict[str, Any]:
    priority = text(row, "priority")
    return {
        **row,
        "text": text(row, "recommendation", "text", "title"),
        "category": text(row, "category"),
        "priority": priority,
        "priority_label": formats.language.label(priority),
        "effect": text(row, "expectedImprovement"),
    }


def _error(document: Mapping[str, Any]) -> dict[str, Any]:
    said = document.get("message") or document.get("errorMessage") or document.get("detail")
    return {
        **document,
        "code": text(document, "code", "errorCode"),
        "message": said.strip() if isinstance(said, str) else "",
        "phase": text(document, "phase"),
        "retryable": document.get("retryable") if isinstance(document.get("retryable"), bool) else None,
    }


def _cancellation(document: Mapping[str, Any], event: Event, base_url: str) -> dict[str, Any]:
    partial = mapping(document.get("partialResults"))
    urls = partial.get("downloadUrls")
    listed = [one for one in urls if isinstance(one, str)] if isinstance(urls, list) else []
    available = partial.get("available")
    return {
        **document,
        "by": text(document, "cancelledBy"),
        "reason": text(document, "reason"),
        "partial": available if isinstance(available, bool) else None,
        "phases_kept": number(partial, "completedPhases"),
        "downloads": [whole for url in listed if (whole := address(url, event, base_url))],
        "cost_saved": text(document, "resourcesReleased.costSaved"),
    }


def _action(document: Mapping[str, Any]) -> dict[str, Any]:
    """What came of a button, and who pressed it: in Slack an id calls them, and is no text that anybody wrote."""
    told = {**ACTION, **mapping(clean({key: document[key] for key in ACTION if key in document}))}
    user = str(told["user"])
    called = Markup(f"<@{user}>") if _USER.fullmatch(user) else ""  # noqa: S704 - an id and nothing else
    return told | {"by": called}


def _presser(event: Event, known: Sequence[Event]) -> dict[str, str]:
    """Who cancelled by a button, in place of the token's user, and of the reason that says the same."""
    pressed = [other.pressed for other in known if other.pressed and other.status == event.status]
    if not pressed:
        return {}
    names = mapping(clean(pressed[-1]))
    return {"by": f"{text(names, 'realName', 'userName', 'user')} (Slack)", "reason": ""}


def _phase(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **document,
        "name": text(document, "phaseName", "name"),
        "duration": document.get("duration"),
        "records": number(document, "recordsProcessed"),
        "results": mapping(document.get("results")),
    }
