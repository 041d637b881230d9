"""What the demo plays: operations made from the documents of the Async Operations API, event by event."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

ANALYSIS, ENRICHMENT = "op-ff0e8400-e29b-41d4-a716-446655440000", "op-gg1e8400-e29b-41d4-a716-446655440000"
BATCH = "batch-567e8400-e29b-41d4-a716-446655440000"

Document = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One request of the platform, and what it shows."""

    says: str
    document: Document
    source: str = "async-operations"
    answers: str = "accepted"  # what relay should answer


def document(name: str) -> Document:
    """One of the API's documents, for instance `operation-status`."""
    loaded: Document = json.loads((files("relay.demo") / "documents" / f"{name}.json").read_text("utf-8"))
    return loaded


def story(now: datetime) -> Iterator[Step]:
    """The steps in the order of their sending; times in the documents are around `now`."""
    analysis, enrichment = Run(_analysis(now), now), Run(_enrichment(now), now)
    yield Step("an analysis starts", analysis.event("started", 0, status="Initiated"))
    yield Step("an enrichment starts", enrichment.event("started", 0, status="Initiated"))
    yield Step("progress", analysis.event("progress", 12))
    yield Step("progress", enrichment.event("progress", 18))
    yield Step("progress", analysis.event("progress", 15))
    yield Step("progress", analysis.event("progress", 38))
    yield Step("a phase ends", analysis.event("phase.completed", 40, phase=analysis.operation["phases"][0]))
    yield Step("progress", enrichment.event("progress", 41))
    redelivered = analysis.event("progress", 67)
    yield Step("progress", redelivered)
    yield Step("the same delivery again", redelivered, answers="duplicate")
    yield Step("an older event, late", analysis.event("progress", 55), answers="late")
    error = {"code": "SOURCE_TIMEOUT", "message": "The CRM extractor did not answer for 300 s.",
             "phase": "Data Enrichment", "retryable": True}  # fmt: skip
    yield Step("the enrichment fails", enrichment.event("failed", 41, status="Failed", error=error))
    yield Step("progress", analysis.event("progress", 90))
    results = document("operation-results") | {"completionTime": _iso(now)}
    yield Step("the analysis completes", analysis.event("completed", 100, status="Completed", results=results))
    yield Step("its callback says so too", results, source="completion", answers="duplicate")
    yield Step("progress after completion", analysis.event("progress", 95), answers="late")
    yield from _batch(now)


class Run:
    """One operation's events, each in the canonical envelope."""

    def __init__(self, operation: Document, now: datetime) -> None:
        self.operation = operation
        self._now = now
        self._sent = 0

    def event(self, name: str, percentage: int, status: str = "Running", **parts: Any) -> Document:
        self._sent += 1
        progress = self.operation["progress"] | {"percentage": percentage}
        if status != "Running":
            progress = {key: value for key, value in progress.items() if not key.startswith("estimated")}
        return {
            "eventId": f"evt-{self.operation['operationId'][3:11]}-{self._sent}",
            "event": f"operation.{name}",
            "timestamp": _iso(self._now + timedelta(seconds=self._sent)),
            "tenantId": "acme",
            "projectId": "order-to-cash",
            "operation": self.operation | {"status": status, "progress": progress},
            **parts,
        }


def _analysis(now: datetime) -> Document:
    operation = document("operation-status")
    begun = now - timedelta(minutes=43)
    operation["progress"] |= {"startTime": _iso(begun), "estimatedCompletion": _iso(now + timedelta(minutes=17))}
    tracking = document("start-operation")["trackingUrl"]
    return operation | {
        "dateCreated": _iso(begun),
        "timeoutAt": _iso(begun + timedelta(hours=2)),
        "trackingUrl": tracking,
    }


def _enrichment(now: datetime) -> Document:
    begun = now - timedelta(minutes=12)
    return {
        "operationId": ENRICHMENT,
        "operationType": "DataEnrichment",
        "operationName": "Sales Data Processing",
        "priority": "Critical",
        "dateCreated": _iso(begun),
        "trackingUrl": "/api/{tenantId}/{projectId}/async/operation/" + ENRICHMENT,
        "progress": {
            "currentPhase": "Data Enrichment",
            "phasesCompleted": 1,
            "totalPhases": 2,
            "startTime": _iso(begun),
        },
        "execution": {"processedRecords": 36_660, "totalRecords": 89_420, "processingRate": "3055 records/minute"},
    }


def _batch(now: datetime) -> Iterator[Step]:
    batch = document("submit-batch") | {
        "batchStartTime": _iso(now),
        "estimatedBatchCompletion": _iso(now + timedelta(minutes=80)),
    }
    operations: list[Document] = batch["operations"]

    def event(name: str, **parts: Any) -> Document:
        done = sum(operation["status"] == "Completed" for operation in operations)
        return {
            "eventId": f"evt-batch-{name}-{done}",
            "event": name,
            "timestamp": _iso(now + timedelta(seconds=30 + done)),
            "tenantId": "acme",
            "batch": batch | {"operations": [dict(operation) for operation in operations]} | parts.pop("batch", {}),
            **parts,
        }

    yield Step("a batch of three starts", event("batch.started"))
    for number, operation in enumerate(operations):
        operation["status"] = "Completed"
        for following in operations[number + 1 : number + 2]:
            following["status"] = "Running"
        yield Step(f"{number + 1} of 3 done", event("batch.operation.completed", operation=_member(operation),
                                                    batch={"status": "Running"}))  # fmt: skip
    yield Step("the batch is complete", event("batch.completed", batch={"status": "Completed"}))


def _member(operation: Document) -> Document:
    return {"operationName": operation["operationKey"], **operation}


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
