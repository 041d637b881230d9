"""The events of runs and batches that tests of the flow send, and what they read in the messages that come of them."""

import re
from typing import Any

from tests.support.events import seed

GROUP = "critical_failed: ['@data-team'], critical_timeout: ['@data-team'], critical_stalled: ['@data-team']"
AT_ONCE = "post_after: 0s, min_step: 0, min_interval: 0s"
OWNER, OWNER_ID = "analyst@example.com", "U0ANALYST1"
EVENT_NAMES = {
    "Initiated": "operation.started", "Running": "operation.progress", "Completed": "operation.completed",
    "Failed": "operation.failed", "Timeout": "operation.failed", "Cancelled": "operation.cancelled",
    "Stalled": "operation.stalled",
}  # fmt: skip


def event_of(event: str, percentage: float | None = None, *, phase: str = "", **operation: Any) -> dict[str, Any]:
    """An event of run `op-1`, or of another that `operationId` names."""
    document: dict[str, Any] = {"operationId": "op-1", "operationName": "Order-to-Cash", "priority": "Normal"}
    if percentage is not None:
        document["progress"] = {"percentage": percentage, "currentPhase": phase}
    return {"event": event, "operation": document | operation}


def outcome_of(status: str, **operation: Any) -> dict[str, Any]:
    """The event with which a run ends in this status."""
    return event_of(EVENT_NAMES[status], 100 if status == "Completed" else 60, status=status, **operation)


def batch_event(event: str, **more: Any) -> dict[str, Any]:
    """An event of the API's own batch; its id is `batch-1`."""
    document = seed("submit-batch.response") | {"batchId": "batch-1"} | more.pop("batch", {})
    return {"event": event, "batch": document} | more


def member_event(status: str, number: int, **more: Any) -> dict[str, Any]:
    """Return what the batch says of one of its operations that is over."""
    operation = {"operationId": f"op-{number}", "operationName": f"Member {number}", "status": status, **more}
    return batch_event("batch.operation.completed", operation=operation)


def mentions_in(arguments: dict[str, Any]) -> list[str]:
    """Everything in a message that Slack would notify somebody for."""
    blocks = f"{arguments.get('blocks')}"
    return [mark for mark in (f"<@{OWNER_ID}>", "<!subteam^S0DATATEAM>", "<!here>", "<!channel>") if mark in blocks]


def attempt_in(blocks: list[dict[str, Any]]) -> int:
    """Return which attempt a message says the run is; 1 if it does not say."""
    number = re.search(r"[Aa]ttempt (\d+)", str(blocks))
    return int(number[1]) if number else 1
