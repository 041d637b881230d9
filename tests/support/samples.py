"""One event for every message, made from the API's own documents, and the extremes: bare, hostile, maximal."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

from relay.events import Event
from relay.parsing import parse
from tests.support.events import seed

TENANT, PROJECT = "tenant-1", "project-1"
BASE_URL = "https://mining.example.com"

HOSTILE = (
    "<!channel> <@U012AB3CD> <#C012AB3CD|x> <https://evil.example|click> &lt;!here&gt; {{7*7}} {% raw %} ${7*7}"
    " \"quotes\" 'single' <script>alert(1)</script><img src=x onerror=alert(1)> *bold* _italic_ ~gone~ `code`"
    " \u202eesrever\u202c zero\u200bwidth \ufeff\u2066isolate\u2069 👩‍🔬 :tada:\r\nBcc: evil@example.com"
    "\n> quoted\n```block```"
)


def envelope(event: str, timestamp: str, **parts: Any) -> dict[str, Any]:
    return {
        "eventId": f"evt-{event}", "event": event, "timestamp": timestamp,
        "tenantId": TENANT, "projectId": PROJECT, **parts,
    }  # fmt: skip


def bodies() -> dict[str, dict[str, Any]]:
    """A body for every message, by the message's name; together they are the life of one run, and of one batch."""
    start, status = seed("start-operation.response"), seed("operation-status.response")
    results, cancellation = seed("operation-results.response"), seed("cancel-operation.response")
    thin = {key: start[key] for key in ("operationId", "operationType", "operationName", "trackingUrl", "priority",
                                        "dateCreated", "timeoutAt")}  # fmt: skip
    progress = status["progress"] | {"percentage": 72}
    error = {
        "code": "SOURCE_TIMEOUT", "message": "The SAP extractor did not answer for 300 s.",
        "phase": "Machine Learning Analysis", "retryable": True,
    }  # fmt: skip
    phase = status["phases"][1]
    return {
        "operation.started": envelope("operation.started", "2024-01-20T11:15:00Z", operation=start),
        "operation.phase.completed": envelope(
            "operation.phase.completed", "2024-01-20T11:38:00Z", phase=phase,
            operation=status | {"progress": {"percentage": 45, "phasesCompleted": 2, "totalPhases": 3}},
        ),
        "operation.progress": envelope(
            "operation.progress", "2024-01-20T11:41:15Z", operation=status | {"trackingUrl": start["trackingUrl"]}
        ),
        "operation.cancelled": envelope(
            "operation.cancelled", "2024-01-20T11:42:00Z", operation=thin | {"status": "Cancelled"},
            cancellation=cancellation,
        ),
        "operation.paused": envelope(
            "operation.paused", "2024-01-20T11:45:00Z", operation=thin | {"status": "Running"}, reason="Maintenance"
        ),
        "operation.failed": envelope(
            "operation.failed", "2024-01-20T11:52:00Z", error=error,
            operation=thin | {"status": "Failed", "progress": progress},
        ),
        "operation.completed": envelope(
            "operation.completed", "2024-01-20T12:03:00Z", results=results, operation=thin | {"status": "Completed"}
        ),
        "operation.timeout": envelope(
            "operation.failed", "2024-01-20T13:15:00Z", error=error | {"code": "TIMEOUT"},
            operation=thin | {"status": "Timeout", "progress": progress},
        ),
        "batch.started": envelope(
            "batch.started", "2024-01-20T12:05:00Z", batch=batch("Running", "Pending", "Pending")
        ),
        "batch.operation.completed": envelope(
            "batch.operation.completed", "2024-01-20T12:20:00Z",
            batch=batch("Completed", "Running", "Pending") | {"status": "Running"},
            operation={
                "operationId": "op-prep-890e8400-e29b-41d4-a716-446655440000", "operationName": "Data Preparation",
                "operationType": "DataEnrichment", "status": "Completed", "duration": "15 minutes",
                "recordsProcessed": 89420,
            },
        ),
        "batch.completed": envelope(
            "batch.completed", "2024-01-20T13:22:00Z",
            batch=batch("Completed", "Failed", "Pending") | {"status": "Completed"},
        ),
    }  # fmt: skip


def batch(*statuses: str) -> dict[str, Any]:
    document = seed("submit-batch.response")
    for member, status in zip(document["operations"], statuses, strict=True):
        member["status"] = status
    return document


def event_of(body: dict[str, Any]) -> Event:
    return parse(body, source="async-operations", received_at=datetime.fromisoformat(body["timestamp"]))


def messages(change: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body) -> dict[str, Event]:
    """Every message's event; `change` is applied to each body."""
    return {name: event_of(change(body)) for name, body in bodies().items()}


def history_of(name: str, events: dict[str, Event]) -> tuple[Event, ...]:
    """What is known when this message's event arrives: what came before it and did not end the run."""
    event = events[name]
    earlier = [other for other in events.values() if other.subject == event.subject and not other.terminal]
    return (*(other for other in earlier if other.occurred_at < event.occurred_at), event)


def bare(body: dict[str, Any]) -> dict[str, Any]:
    """No more than a sender must say."""
    kept = {"event": body["event"], "timestamp": body["timestamp"]}
    if "batch" in body:
        kept["batch"] = {"batchId": body["batch"]["batchId"], "status": body["batch"]["status"]}
    if "operation" in body:
        kept["operation"] = {"operationId": body["operation"]["operationId"], "status": body["operation"].get("status")}
    return kept


def hostile(body: dict[str, Any]) -> dict[str, Any]:
    """The same event with everything hostile in every text that is free."""
    return _everywhere(body, lambda text: f"{HOSTILE} {text}")


def maximal(body: dict[str, Any]) -> dict[str, Any]:
    """As long and as many as they may be: names, phases, files, operations."""
    grown = _everywhere(body, lambda text: f"{text} 🔬 & <{'W' * 200}>")
    operation = grown.get("operation", {})
    if "phases" in operation:
        operation["phases"] = [dict(operation["phases"][0], phaseName=f"Phase {n}") for n in range(60)]
    if "results" in grown:
        file = grown["results"]["artifacts"][0] | {"downloadUrl": f"https://api.example.com/{'d' * 1900}"}
        grown["results"]["artifacts"] = [dict(file, name=f"File {n} {'n' * 300}") for n in range(50)]
        grown["results"]["recommendations"] *= 25
        grown["results"]["summary"] |= {f"figureNumber{n}": n * 1_000_003 for n in range(60)}
    if "error" in grown:
        grown["error"]["message"] = "Traceback & <more>\n" * 500
    if "batch" in grown:
        member = grown["batch"]["operations"][1]
        grown["batch"]["operations"] += [
            dict(member, operationId=f"op-{n}", operationKey="k" * 200) for n in range(300)
        ]
    return grown


FIXED = {"event", "eventId", "timestamp", "status", "priority", "operationId", "batchId", "tenantId", "projectId",
         "trackingUrl", "operationKey", "dependencies"}  # fmt: skip


def _everywhere(body: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    def walk(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: walk(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [walk(item, key) for item in value]
        free = isinstance(value, str) and key not in FIXED and not key.endswith(("Time", "Completion", "At", "Created"))
        return change(value)[: 128 if key == "operationType" else 990] if free else value

    changed: dict[str, Any] = walk(deepcopy(body), "")
    return changed
