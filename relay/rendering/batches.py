"""`batch`: several operations as templates see them: what is done, what failed, and what waits for it. Pure."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from relay.domain.documents import rows
from relay.domain.events import TERMINAL, Event
from relay.domain.links import NO_LINKS, LinkTemplates
from relay.rendering.json_access import between, iso, number, span, text, time
from relay.rendering.links import Base, address, of_event, run_link
from relay.rendering.texts import clean, shown_id
from relay.rendering.translations import Language

DOCUMENTED = ("batchId", "batchName", "batchDescription", "operations", "totalOperations", "estimatedBatchDuration",
              "estimatedBatchCompletion", "batchStartTime", "trackingUrl")  # fmt: skip
COUNTS = {"Completed": "completed", "Failed": "failed", "Timeout": "failed", "Cancelled": "cancelled",
          "Running": "running"}  # fmt: skip

# As of an event that has no batch, which most are.
NO_BATCH: Mapping[str, Any] = {
    **dict.fromkeys(DOCUMENTED),
    "id": "", "name": "", "description": "", "status": "", "status_label": "", "operations": [], "total": 0, "done": 0,
    **dict.fromkeys(("completed", "failed", "cancelled", "running", "waiting", "not_started"), 0),
    "failures": [], "failures_first": [], "under_way": [], "blocked": [], "percentage": None, "started_at": None,
    "finished_at": None, "duration": None, "estimated_completion": None, "estimated_duration": None, "tracking_url": "",
}  # fmt: skip
CAUSES = ("error.message", "error.errorMessage", "error.detail", "error")
MAX_COUNTED = 50  # failures for which it is counted what waits for them; no message shows more


def batch(event: Event, language: Language, base: Base, templates: LinkTemplates = NO_LINKS) -> dict[str, Any]:
    """The event's batch; its keys are there, and empty, for an event that has none."""
    own = event.batch
    if own is None:
        return dict(NO_BATCH)
    document: Mapping[str, Any] = clean(own.document)
    status = clean(event.status) if event.about_batch else text(document, "status")
    over = status in TERMINAL
    members = _members(event, document, language)
    waiting = [member for member in members if member["status"] not in COUNTS]
    for member in waiting if over else ():
        member["status_label"] = language.label("NotStarted")
    origin = of_event(templates, event)
    for member in members:
        values = origin | {"operationId": member["id"], "type": text(member, "operationType"), "name": member["name"],
                           "status": member["status"]}  # fmt: skip
        member["url"] = run_link(templates, values, address(text(member, "trackingUrl"), event, base))
    done = sum(member["status"] in TERMINAL for member in members)
    counts = Counter(COUNTS.get(member["status"]) for member in members)
    started = time(document, "batchStartTime", "startTime", "dateCreated")
    finished = time(document, "completionTime", "endTime") or event.occurred_at
    failures = [member for member in members if COUNTS.get(member["status"]) == "failed"]
    key = shown_id(own.id)
    return {
        **dict.fromkeys(DOCUMENTED),
        **document,
        "id": key,
        "name": text(document, "batchName") or key,
        "description": text(document, "batchDescription"),
        "status": status,
        "status_label": language.label(status),
        "operations": members,
        "total": number(document, "totalOperations") or len(members),
        "done": done,
        **{name: counts[name] for name in ("completed", "failed", "cancelled", "running")},
        "waiting": 0 if over else len(waiting),
        "not_started": len(waiting) if over else 0,  # and never will
        "failures": failures,
        "failures_first": [*failures, *(member for member in members if COUNTS.get(member["status"]) != "failed")],
        "under_way": [member for member in members if COUNTS.get(member["status"]) == "running"],
        "blocked": [member for member in members if member["blocked_by"]],
        "percentage": 100 * done / len(members) if members else None,
        "started_at": iso(started),
        "finished_at": iso(finished) if over else None,
        "duration": between(started, finished) if over else None,
        "estimated_completion": iso(time(document, "estimatedBatchCompletion", "estimatedCompletion")),
        "estimated_duration": span(document, "estimatedBatchDuration", "estimatedDuration"),
        "tracking_url": address(text(document, "trackingUrl"), event, base),
    }


def _members(event: Event, document: Mapping[str, Any], language: Language) -> list[dict[str, Any]]:
    """The operations in their order. The one that this event is about has the status that the event gives it."""
    operation = event.operation
    members: list[dict[str, Any]] = []
    for row in rows(document.get("operations")):
        key = text(row, "operationId", "id")
        own = operation if operation and clean(operation.id) == key else None
        status = clean(own.status if own else "") or text(row, "status")
        named = own.name if own else ""
        members.append({
            **row,
            "id": key,
            "key": text(row, "operationKey") or key,
            "name": clean(named) or text(row, "operationName", "name", "operationKey") or key,
            "status": status,
            "status_label": language.label(status),
            "cause": text({"error": clean(event.error or own.document.get("error"))} if own else row, *CAUSES),
            "duration": span(row, "duration", "totalDuration"),
            "blocks": 0,
            "blocked_by": [],
            "waits_for": _texts(row.get("dependencies")),
        })  # fmt: skip
    names = {member["key"]: member["name"] for member in members}
    for member in members:
        member["depends_on"] = [names.get(key, key) for key in member["waits_for"]]
    failed = [member for member in members if COUNTS.get(member["status"]) == "failed"]
    for member in failed[:MAX_COUNTED]:
        blocked = _blocked(member["key"], members)
        member["blocks"] = len(blocked)
        for other in blocked:
            other["blocked_by"].append(member["name"])
    return members


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []


def _blocked(key: str, members: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The operations that are not over and depend on this one, directly or through others."""
    waiting: dict[str, list[dict[str, Any]]] = {}
    for member in members:
        for name in member["waits_for"]:
            waiting.setdefault(name, []).append(member)
    reached, front = {key}, [key]
    blocked = []
    while front:
        for member in waiting.get(front.pop(), []):
            if member["key"] not in reached:
                reached.add(member["key"])
                front.append(member["key"])
                if member["status"] not in TERMINAL:
                    blocked.append(member)
    return blocked
