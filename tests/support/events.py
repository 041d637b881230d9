"""Events made from the API's own documents: start from a good one and change one thing."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from relay.domain.events import Event
from relay.domain.parsing import parse

SEED = Path(__file__).parents[1] / "data" / "seed"
RECEIVED = datetime(2024, 1, 20, 11, 40, tzinfo=UTC)


@cache
def _text(name: str) -> str:
    return (SEED / f"{name}.json").read_text("utf-8")


def seed(name: str) -> dict[str, Any]:
    """One of the API's documents, for instance `operation-status.response`."""
    document: dict[str, Any] = json.loads(_text(name))
    return document


def body(event: str = "operation.progress", percentage: float | None = 67, **operation: Any) -> dict[str, Any]:
    """The canonical envelope around the status document; `operation` overrides its fields."""
    document = seed("operation-status.response")
    if percentage is None:
        del document["progress"]["percentage"]
    else:
        document["progress"]["percentage"] = percentage
    return {
        "event": event, "timestamp": "2024-01-20T11:40:00Z", "tenantId": "tenant-1", "projectId": "project-1",
        "operation": document | operation,
    }  # fmt: skip


def started(**operation: Any) -> Event:
    return event_of(body("operation.started", 0, **({"status": "Initiated"} | operation)))


def progress(percentage: float | None, **operation: Any) -> Event:
    return event_of(body("operation.progress", percentage, **operation))


def completed(**operation: Any) -> Event:
    return event_of(body("operation.completed", 100, **({"status": "Completed"} | operation)))


def failed(**operation: Any) -> Event:
    document = body("operation.failed", 67, **({"status": "Failed"} | operation))
    return event_of(
        document | {"error": {"code": "SOURCE_TIMEOUT", "message": "The extractor did not answer for 300 s."}}
    )


def cancelled(**operation: Any) -> Event:
    return event_of(body("operation.cancelled", 67, **({"status": "Cancelled"} | operation)))


def event_of(
    document: dict[str, Any],
    *,
    id: str = "",  # noqa: A002
    source: str = "async-operations",
    platform: str = "",
    at: datetime = RECEIVED,
) -> Event:
    return parse(document, source=source, received_at=at, delivery_id=id, platform=platform)
