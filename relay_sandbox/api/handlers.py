"""One handler for each row of the table of routes: from a checked request to the answer's document."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from relay.configfile.validation import suggest
from relay.receiving.problems import HEADERS, HttpProblem
from relay_sandbox.api.downloads import attachment
from relay_sandbox.api.listing import listing
from relay_sandbox.context import SandboxContext
from relay_sandbox.engine.batches import Batches
from relay_sandbox.engine.operations import Operations
from relay_sandbox.schema.requests import CancelOperation, RetryOperation, RotateSecret
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
            stored = await self._context.state.files(operation.id)
            whole = archive(outcomes.bundle(operation, self._context.links, stored))
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
