"""The list of a project's operations: filtered, counted, one page of it."""

from datetime import UTC, datetime

from relay_sandbox.context import SandboxContext
from relay_sandbox.schema import responses
from relay_sandbox.schema.requests import ListQuery
from relay_sandbox.simulation import documents
from relay_sandbox.storage.records import Operation

# What the summary counts together: its numbers add up to the total.
GROUPS = {"Initiated": "running", "Running": "running", "Completed": "completed", "Failed": "failed",
          "Timeout": "failed", "Cancelled": "cancelled"}  # fmt: skip


async def listing(context: SandboxContext, scope: str, query: ListQuery) -> responses.Listing:
    operations = await context.state.all(
        Operation, scope, _epoch(query.date_from, float("-inf")), _epoch(query.date_to, float("inf"))
    )
    matching = [operation for operation in operations if _matches(operation, query)]
    counts = dict.fromkeys(("running", "completed", "failed", "cancelled"), 0)
    for operation in matching:
        counts[GROUPS[operation.status]] += 1
    start, now = (query.page - 1) * query.page_size, context.clock()
    rows = [
        documents.row(operation, now, await context.state.counters(operation.id) if query.include_details else None,
                      details=query.include_details)
        for operation in matching[start : start + query.page_size]
    ]  # fmt: skip
    return {
        "operations": rows,
        "summary": {"totalOperations": len(matching), "running": counts["running"], "completed": counts["completed"],
                    "failed": counts["failed"], "cancelled": counts["cancelled"]},
        "page": query.page,
        "pageSize": query.page_size,
        "hasNextPage": len(matching) > start + query.page_size,
    }  # fmt: skip


def _matches(operation: Operation, query: ListQuery) -> bool:
    filters = ((query.status, operation.status), (query.operation_type, operation.request.operation_type),
              (query.priority, operation.request.priority))  # fmt: skip
    return all(expected in (None, actual) for expected, actual in filters)


def _epoch(at: datetime | None, otherwise: float) -> float:
    if at is None:
        return otherwise
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
