"""One handler for each row of the table of routes: from a checked request to the answer's document."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from relay.configfile.words import suggest
from relay.receiving.problems import HEADERS, HttpProblem
from relay_sandbox.api.pages import attachment
from relay_sandbox.context import SandboxContext
from relay_sandbox.engine.batches import Batches
from relay_sandbox.engine.operations import Operations
from relay_sandbox.schema.requests import CancelOperation, ListQuery, RetryOperation, RotateSecret
from relay_sandbox.simulation import documents, outcomes
from relay_sandbox.simulation.artifacts import archive
from relay_sandbox.storage.records import Batch, Operation, Record, Webhook
from relay_sandbox.webhooks.registrations import WebhookRegistry

RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True)
class ApiCall:
    """A request that may be answered: `body` and `query` are what the route says, checked."""

    scope: tuple[str, str]
    ids: Mapping[str, str]
    body: Any
    query: Any


Answer = web.Response | Any  # ready to be sent, or the document of the route's answer


class Handlers:
    def __init__(self, context: SandboxContext, operations: Operations, batches: Batches) -> None:
        self._context = context
        self._operations = operations
        self._batches = batches
        self._webhooks = WebhookRegistry(context)

    def by_route(self) -> Mapping[str, Callable[[ApiCall], Awaitable[Any]]]:
        return {
            "startOperation": self._start_operation,
            "listOperations": self._list_operations,
            "getOperation": self._get_operation,
            "cancelOperation": self._cancel_operation,
            "getResults": self._get_results,
            "retryOperation": self._retry_operation,
            "registerWebhook": self._register_webhook,
            "listWebhooks": self._list_webhooks,
            "getWebhook": self._get_webhook,
            "deleteWebhook": self._delete_webhook,
            "pauseWebhook": partial(self._switch_webhook, "Paused"),
            "resumeWebhook": partial(self._switch_webhook, "Active"),
            "rotateSecret": self._rotate_secret,
            "submitBatch": self._submit_batch,
            "getBatch": self._get_batch,
        }

    async def _start_operation(self, call: ApiCall) -> Answer:
        return await self._operations.start(call.scope, call.body)

    async def _list_operations(self, call: ApiCall) -> Answer:
        return await listing(self._context, "/".join(call.scope), call.query)

    async def _get_operation(self, call: ApiCall) -> Answer:
        operation = await self._find(Operation, call, "operationId")
        counters = await self._context.state.counters(operation.id)
        return documents.status(operation, self._context.clock(), counters, parameters=True)

    async def _cancel_operation(self, call: ApiCall) -> Answer:
        operation = await self._find(Operation, call, "operationId")
        return await self._operations.cancel(operation, call.body or CancelOperation())

    async def _get_results(self, call: ApiCall) -> Answer:
        operation = await self._find(Operation, call, "operationId")
        if not operation.over:
            raise HttpProblem(409, f"The operation is {operation.status}; there are results when it is over.")
        names = [phase.name for phase in operation.plan.phases]
        if call.query.phase and call.query.phase not in names:
            raise HttpProblem(422, f"phase: the operation has none of this name; {suggest(call.query.phase, names)}",
                          field="phase")  # fmt: skip
        if call.query.format == "download":
            whole = archive(outcomes.bundle(operation, self._context.links))
            return attachment(f"{operation.id}.zip", whole)
        return outcomes.results(operation, self._context.links, detailed=call.query.format == "detailed",
                                artifacts=call.query.include_artifacts, phase=call.query.phase)  # fmt: skip

    async def _retry_operation(self, call: ApiCall) -> Answer:
        original = await self._find(Operation, call, "operationId")
        return await self._operations.retry(original, call.body or RetryOperation())

    async def _register_webhook(self, call: ApiCall) -> Answer:
        return await self._webhooks.register(call.scope, call.body)

    async def _list_webhooks(self, call: ApiCall) -> Answer:
        return await self._webhooks.list(call.scope)

    async def _get_webhook(self, call: ApiCall) -> Answer:
        return await self._webhooks.show(await self._find(Webhook, call, "webhookId"))

    async def _delete_webhook(self, call: ApiCall) -> Answer:
        await self._webhooks.delete(await self._find(Webhook, call, "webhookId"))
        return web.Response(status=204, headers=HEADERS)

    async def _switch_webhook(self, status: str, call: ApiCall) -> Answer:
        return await self._webhooks.switch(await self._find(Webhook, call, "webhookId"), status)

    async def _rotate_secret(self, call: ApiCall) -> Answer:
        return await self._webhooks.rotate(await self._find(Webhook, call, "webhookId"), call.body or RotateSecret())

    async def _submit_batch(self, call: ApiCall) -> Answer:
        return await self._batches.submit(call.scope, call.body)

    async def _get_batch(self, call: ApiCall) -> Answer:
        return await self._batches.show(await self._find(Batch, call, "batchId"))

    async def _find(self, kind: type[RecordT], call: ApiCall, part: str) -> RecordT:
        """404 for what is not there, or belongs to another project."""
        record = await self._context.state.get(kind, call.ids[part])
        if record is None or (record.tenant, record.project) != call.scope:
            raise HttpProblem(404, f"This project has no {kind.kind} {call.ids[part]}.")
        return record


# What the summary counts together: its numbers add up to the total.
GROUPS = {"Initiated": "running", "Running": "running", "Completed": "completed", "Failed": "failed",
          "Timeout": "failed", "Cancelled": "cancelled"}  # fmt: skip


async def listing(context: SandboxContext, scope: str, query: ListQuery) -> dict[str, Any]:
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
