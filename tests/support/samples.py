"""One event for every message, made from the API's own documents, and the extremes: bare, hostile, maximal."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from relay.domain.events import Event
from relay.domain.jobs import Job, Start
from relay.domain.links import LinkTemplates
from relay.domain.parsing import parse
from relay.policy.missing import Missing, alarm, recovery
from relay.rendering import RenderOptions
from relay.rendering.samples import minimal as bare  # noqa: F401 - asked for here
from relay.rendering.samples import with_past
from tests.support.events import seed
from tests.support.extremes import hostile, maximal  # noqa: F401

Body = dict[str, Any]

TENANT, PROJECT = "tenant-1", "project-1"
BASE_URL = "https://mining.example.com"
# Where people look: an address of the API is none.
LINKS = LinkTemplates(
    operation=BASE_URL + "/{tenantId}/{projectId}/runs/{operationId}",
    batch=BASE_URL + "/{tenantId}/{projectId}/batches/{batchId}",
    runbook="https://wiki.example.com/runbooks/{errorCode}",
    runs=BASE_URL + "/{tenantId}/{projectId}/runs",
)
PAGES = (f"{BASE_URL}/{TENANT}/{PROJECT}/", "https://wiki.example.com/runbooks/")
OPTIONS = RenderOptions(BASE_URL, links=LINKS)


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
            "operation.completed", "2024-01-20T12:03:00Z", results=results,
            operation=thin | {"status": "Completed", "phases": finished(status["phases"])},
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


def finished(phases: list[Body]) -> list[Body]:
    """The phases once the last two are over as well."""
    over = (("2024-01-20T11:38:00Z", "2024-01-20T11:58:00Z"), ("2024-01-20T11:58:00Z", "2024-01-20T12:03:00Z"))
    ends = [{"phaseName": row["phaseName"], "status": "Completed", "startTime": start, "endTime": end}
            for row, (start, end) in zip(phases[-2:], over, strict=True)]  # fmt: skip
    return [*phases[:-2], *ends]


def watchdog_bodies() -> dict[str, dict[str, Any]]:
    """Return what relay itself says of a run that does not go on, rule by rule, and that goes on again."""
    operation = bodies()["operation.progress"]["operation"]
    stalled = {
        "rule": "silent", "by": "progress", "since": "2024-01-20T12:31:00Z", "seconds": 1920, "running": 6300,
        "percentage": 67, "phase": "Machine Learning Analysis", "lastEvent": "2024-01-20T12:52:00Z",
        "rhythm": 40, "firstEstimate": "2024-01-20T12:15:00Z", "estimateMoved": 3, "deadline": "2024-01-20T13:00:00Z",
        "reminder": 0,
    }  # fmt: skip
    found = {
        f"operation.stalled.{by}": envelope(
            "operation.stalled", "2024-01-20T13:03:00Z", operation=operation, stalled=stalled | {"by": by} | details
        )
        for by, details in {
            "events": {"since": "2024-01-20T12:52:00Z", "seconds": 660},
            "progress": {},
            "estimate": {"rule": "late", "since": "2024-01-20T12:15:00Z", "seconds": 2880},
            "limit": {"rule": "late", "since": "2024-01-20T13:00:00Z", "seconds": 180},
            "history": {"rule": "late", "since": "2024-01-20T12:30:00Z", "seconds": 1980},
        }.items()
    }
    job = Job("", TENANT, PROJECT, "ProcessMiningAnalysis", "Comprehensive Customer Journey Analysis")
    expected, told_at, began = (datetime.fromisoformat(f"2024-01-20T{clock}:00Z").timestamp()
                                for clock in ("06:30", "07:00", "07:12"))  # fmt: skip
    missing = Missing(job, expected, expected - 86_400, told_at, "Critical")
    found |= {
        "operation.stalled.missing": dict(alarm(missing, told_at).document),
        "operation.recovered.missing": dict(recovery(missing, Start(began, "op-1"), began + 30).document),
    }
    recovered = {"rule": "silent", "by": "progress", "seconds": 1920}
    return found | {
        "operation.recovered": envelope(
            "operation.recovered", "2024-01-20T13:06:00Z", operation=operation, recovered=recovered
        )
    }


def batch(*statuses: str) -> dict[str, Any]:
    document = seed("submit-batch.response")
    for member, status in zip(document["operations"], statuses, strict=True):
        member["status"] = status
    return document


def event_of(body: dict[str, Any]) -> Event:
    source = "relay" if "job" in body else "async-operations"
    event = parse(body, source=source, received_at=datetime.fromisoformat(body["timestamp"]))
    return with_past(event)


def messages(change: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body) -> dict[str, Event]:
    """Every message's event; `change` is applied to each body."""
    return {name: event_of(change(body)) for name, body in bodies().items()}


def history_of(name: str, events: dict[str, Event]) -> tuple[Event, ...]:
    """Return what is known when this message's event arrives: what came before it and did not end the run."""
    event = events[name]
    earlier = [other for other in events.values() if other.subject == event.subject and not other.terminal]
    return (*(other for other in earlier if other.occurred_at < event.occurred_at), event)
