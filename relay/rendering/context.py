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
# The alarm of an event that has none.
STALLED = {"rule": "", "since": "", "seconds": None, "percentage": None, "phase": "", "lastEvent": "",
           "firstEstimate": "", "estimateMoved": 0, "deadline": "", "reminder": 0, "last": False}  # fmt: skip
# The result of a button, where none was pressed.
ACTION = {"name": "", "user": "", "userName": "", "ok": False, "unknown": False, "detail": "", "newOperationId": ""}
RECOVERED = {"rule": "", "seconds": None, "flapping": False}


def open_alarm(event: Event, history: Sequence[Event]) -> Mapping[str, Any]:
    """The watchdog's open alarm, if any; none once the run has ended.

    Decided by the order in which relay received the events, since the sender's clock may be wrong.
    """
    alarm: Mapping[str, Any] = {}
    for other in (*history, event):
        if other.name in WATCH_EVENTS:
            alarm = mapping(other.document.get("stalled"))
        elif alarm.get("rule") == "silent":  # any event ends that alarm, before the watchdog reports it
            alarm = {}
    return {} if event.terminal or event.about_batch else alarm


def context(
    event: Event, history: Sequence[Event], formats: Localizer, base_url: str, *, live: bool = False
) -> dict[str, Any]:
    """The values that a template gets for one event, with all that was known when it happened.

    `live`: the present state is shown, so a run is stalled for as long as its alarm is open.

    `op`, `batch`, `results`, `artifacts`, `recommendations`, `error`, `cancellation`, `phase`, `event`, `links`
    and `doc`, the whole body as it came. `formats` is for the filters.
    """
    earlier = [other for other in history if other.occurred_at <= event.occurred_at and other != event]
    events = (*earlier, event)
    merged = clean(_merged(event, events))
    language = formats.language
    op = operation(event, events, merged, language, base_url)
    alarm = clean(open_alarm(event, history) if live else mapping(event.document.get("stalled")))
    if live and alarm:
        op |= {"status": "Stalled", "status_label": language.label("Stalled")}
        if event.name not in WATCH_EVENTS:  # the alarm, for instance overdue, stays open while the run goes on
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
        "cancellation": _cancellation(mapping(merged.get("cancellation")), event, base_url) | _presser(event, events),
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


def _merged(event: Event, events: Sequence[Event]) -> dict[str, Any]:
    """The events' documents merged; in a batch's event, the document of its operation alone."""
    if event.about_batch:
        document = event.operation.document if event.operation else {}
        parts = {key: getattr(event, key) for key in ("results", "error") if getattr(event, key)}
        return {**document, **parts}
    merged = merge_documents(events)
    for key in OUTCOME_PARTS:  # not the failure of an earlier attempt
        values = [getattr(other, key) for other in events if other.status == event.status and getattr(other, key)]
        merged[key] = values[-1] if values else {}
    if event.operation and not merged["error"] and (error := event.operation.document.get("error")):
        merged["error"] = error if isinstance(error, Mapping) else {"message": error}
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
    message = document.get("message") or document.get("errorMessage") or document.get("detail")
    return {
        **document,
        "code": text(document, "code", "errorCode"),
        "message": message.strip() if isinstance(message, str) else "",
        "phase": text(document, "phase"),
        "retryable": document.get("retryable") if isinstance(document.get("retryable"), bool) else None,
    }


def _cancellation(document: Mapping[str, Any], event: Event, base_url: str) -> dict[str, Any]:
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
        "downloads": [whole for url in listed if (whole := address(url, event, base_url))],
        "cost_saved": text(document, "resourcesReleased.costSaved"),
    }


def _action(document: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a button, and who pressed it: a Slack id becomes a mention, as nobody but Slack wrote it."""
    action = {**ACTION, **mapping(clean({key: document[key] for key in ACTION if key in document}))}
    user = str(action["user"])
    mention = Markup(f"<@{user}>") if _USER.fullmatch(user) else ""  # noqa: S704 - an id and nothing else
    return action | {"by": mention}


def _presser(event: Event, events: Sequence[Event]) -> dict[str, str]:
    """Who cancelled by a button: instead of the user of relay's token, and of a reason that only repeats it."""
    pressed = [other.pressed for other in events if other.pressed and other.status == event.status]
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
