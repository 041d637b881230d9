"""`batch`, several operations as templates see them, and what of them failed for one cause. Pure."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from relay.domain.batch_members import members_of, none_succeeded, with_failed
from relay.domain.documents import rows
from relay.domain.error_reader import cause_of
from relay.domain.events import TERMINAL, Event
from relay.domain.identity import by_cause
from relay.domain.links import NO_LINKS, LinkTemplates
from relay.rendering.links import Base, address, of_event, run_link
from relay.rendering.texts import between, clean, iso, number, shown_id, span, text, time
from relay.rendering.translations import Language

BATCH_FIELDS = ("batchId", "batchName", "batchDescription", "operations", "totalOperations", "estimatedBatchDuration",
              "estimatedBatchCompletion", "batchStartTime", "trackingUrl")  # fmt: skip
COUNTS = {"Completed": "completed", "Failed": "failed", "Timeout": "failed", "Cancelled": "cancelled",
          "Running": "running"}  # fmt: skip
CAUSES = ("error.message", "error.errorMessage", "error.detail", "error")
NOT_STARTED = "NotStarted"
MAX_NAMED = 20  # operations of a batch that are all named; of a larger one, those that did not complete
MAX_COUNTED = 50  # failures for which it is counted what waits for them; no message shows more


def batch(event: Event, language: Language, base: Base, templates: LinkTemplates = NO_LINKS) -> dict[str, Any]:
    """Return the event's batch; its keys are there, and empty, for an event that has none."""
    document: Mapping[str, Any] = clean(event.batch.document) if event.batch else {}
    status = clean(event.status) if event.about_batch else text(document, "status")
    over = status in TERMINAL
    members = _members(event, document, language)
    total = number(document, "totalOperations") or len(members)
    if status == "Completed" and none_succeeded([member["status"] for member in members], total):
        status = "Failed"
    waiting = [member for member in members if member["status"] not in COUNTS]
    for member in members if over else ():
        member["blocks"] = 0  # nothing waits for it any more
    for member in waiting if over else ():
        member |= {"status": NOT_STARTED, "status_label": language.label(NOT_STARTED)}
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
    key = shown_id(event.batch.id) if event.batch else ""
    name = text(document, "batchName")
    others = [member for member in members if COUNTS.get(member["status"]) != "failed"]
    return {
        **dict.fromkeys(BATCH_FIELDS),
        **document,
        "id": key,
        "name": name or (language.batch_title(total) if key else ""),
        "named": bool(name),
        "description": text(document, "batchDescription"),
        "status": status,
        "status_label": language.label(status),
        "operations": members,
        "listed": bool(rows(document.get("operations"))),
        "total": total,
        "done": done,
        **{name: counts[name] for name in ("completed", "failed", "cancelled", "running")},
        "waiting": 0 if over else len(waiting),
        "not_started": len(waiting) if over else 0,  # and never will
        "failures": failures,
        "failures_first": [*failures, *others],
        "causes": [_cause(group, [] if over else members) for group in by_cause(failures)],
        "others": [member for member in others if len(members) <= MAX_NAMED or member["status"] != "Completed"],
        "under_way": [member for member in members if COUNTS.get(member["status"]) == "running"],
        "blocked": [member for member in members if member["blocked_by"]],
        "percentage": 100 * done / len(members) if members else None,
        "started_at": iso(started),
        "finished_at": iso(finished) if over else None,
        "duration": between(started, finished) if over else None,
        "estimated_completion": iso(time(document, "estimatedBatchCompletion", "estimatedCompletion")),
        "estimated_duration": span(document, "estimatedBatchDuration", "estimatedDuration"),
        "tracking_url": address(clean(event.link) if event.about_batch else text(document, "trackingUrl"), event, base),
    }


def _cause(group: list[dict[str, Any]], members: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what failed for one cause, in the words of the first; what waits for several of it counts once."""
    names = [member["name"] for member in group]
    blocked = [member for member in members if not {*names}.isdisjoint(member["blocked_by"])]
    return {**group[0], "count": len(group), "members": group, "names": names, "blocks": len(blocked)}


def _members(event: Event, document: Mapping[str, Any], language: Language) -> list[dict[str, Any]]:
    """List the operations. The one that this event is about has the status that the event gives it."""
    operation = event.operation
    members: list[dict[str, Any]] = []
    own_facts: Mapping[str, Mapping[str, str]] = clean(members_of(event.members))
    for row in with_failed(rows(document.get("operations")) or (), own_facts if event.status in TERMINAL else {}):
        key = text(row, "operationId", "id")
        needs = row.get("dependencies")
        this = operation if operation and clean(operation.id) == key else None
        status = clean(this.status if this else "") or text(row, "status")
        facts = own_facts.get(key, {})
        kind = clean(this.type if this else "") or text(row, "operationType", "type") or facts.get("type", "")
        stated = {"error": clean(event.error or this.document.get("error"))} if this else row
        if COUNTS.get(status) == "failed" and not stated.get("error") and facts.get("cause"):
            stated = {"error": facts["cause"]}
        members.append({
            **row,
            **stated,
            "id": key,
            "key": text(row, "operationKey") or key,
            "name": clean(this.name if this else "") or text(row, "operationName", "name") or facts.get("name")
            or text(row, "operationKey") or language.title(kind, key, alone=True),
            "status": status,
            "status_label": language.label(status),
            "cause": language.cause(cause_of(text(stated, *CAUSES))),
            "duration": span(row, "duration", "totalDuration"),
            "blocks": 0,
            "blocked_by": [],
            "waits_for": [name for name in needs if isinstance(name, str)] if isinstance(needs, list | tuple) else [],
        })  # fmt: skip
    failed = [member for member in members if COUNTS.get(member["status"]) == "failed"]
    for member in failed[:MAX_COUNTED]:
        blocked = _blocked(member["key"], members)
        member["blocks"] = len(blocked)
        for other in blocked:
            other["blocked_by"].append(member["name"])
    return members


def _blocked(key: str, members: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """List the operations that are not over and depend on this one, directly or through others."""
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
