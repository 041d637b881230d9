"""Requests for the webhooks that subscribe to an event and for the callbacks of an operation or a batch.

Pure. The order of a lane is the order in which things happened: one lane for each operation and address.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from relay_sandbox.schema import texts
from relay_sandbox.schema.requests import Authentication, BatchCallbacks, Callbacks
from relay_sandbox.storage.records import Batch, Operation, Record, Sending, Webhook

# A cancellation goes to `onError`: it must not look like a completion.
CALLBACKS: Mapping[str, str] = {
    "operation.started": "on_progress", "operation.progress": "on_progress", "operation.phase.completed": "on_progress",
    "operation.completed": "on_completion", "operation.failed": "on_error", "operation.cancelled": "on_error",
    "batch.started": "on_batch_start", "batch.operation.completed": "on_operation_complete",
    "batch.completed": "on_batch_complete",
}  # fmt: skip


def accepts(webhook: Webhook, event: str, operation: Operation | None, percentage: float = 0.0) -> bool:
    """Return whether the webhook's subscription and filters let the event through."""
    request = webhook.request
    if webhook.status != "Active" or event not in request.events:
        return False
    if operation is None:  # filters are about operations
        return True
    filters, started = request.filters, operation.request
    if filters.operation_types and started.operation_type not in filters.operation_types:
        return False
    if filters.priorities and started.priority not in filters.priorities:
        return False
    if event == "operation.progress":
        return percentage - operation.told.get(webhook.id, 0.0) >= filters.min_progress_increment
    return True


def count_listeners(operation: Operation, webhooks: Iterable[Webhook]) -> int:
    """Return how many addresses will get events of this operation."""
    callbacks = operation.request.callbacks
    wanting = (any(accepts(webhook, event, operation, 100.0) for event in CALLBACKS) for webhook in webhooks)
    return sum(wanting) + (callbacks.count() if callbacks else 0)


def operation_requests(
    operation: Operation, event: str, at: float, document: Mapping[str, Any], webhooks: Iterable[Webhook],
    *, percentage: float, callbacks: bool = True, **parts: Any,
) -> list[Sending]:  # fmt: skip
    """The requests that report an operation's event; records the percentages that were sent in `operation.told`."""
    wanting = [webhook for webhook in webhooks if accepts(webhook, event, operation, percentage)]
    if event == "operation.progress":
        operation.told |= {webhook.id: percentage for webhook in wanting}
    identity = f"{operation.id}/{operation.done}/{event}/{percentage:g}"
    body = {"operation": document, **parts}
    return _requests(operation, event, at, body, identity=identity, webhooks=wanting,
                     callbacks=operation.request.callbacks if callbacks else None)  # fmt: skip


def batch_requests(
    batch: Batch, event: str, at: float, document: Mapping[str, Any], webhooks: Iterable[Webhook], *,
    member: Operation | None = None, **parts: Any,
) -> list[Sending]:  # fmt: skip
    """The requests that report a batch's event, which may be about one of its members."""
    wanting = [webhook for webhook in webhooks if accepts(webhook, event, member)]
    identity = f"{batch.id}/{event}/{member.id if member else ''}"
    return _requests(batch, event, at, {"batch": document, **parts}, identity=identity, webhooks=wanting,
                     callbacks=batch.request.batch_callbacks)  # fmt: skip


def _requests(
    record: Record, event: str, at: float, body: dict[str, Any], *, identity: str, webhooks: Iterable[Webhook],
    callbacks: Callbacks | BatchCallbacks | None,
) -> list[Sending]:  # fmt: skip
    """`identity` makes the event's id: the same event has the same one at every address."""
    envelope = {
        "eventId": f"evt-{uuid5(NAMESPACE_URL, identity)}", "event": event, "timestamp": texts.iso(at),
        "tenantId": record.tenant, "projectId": record.project,
    }  # fmt: skip
    requests = [
        Sending(
            id=envelope["eventId"], lane=f"{webhook.id}/{record.id}", event=event, at=at,
            body=json.dumps(envelope | {"webhookId": webhook.id} | body, ensure_ascii=False),
            url=webhook.request.webhook_url, counters=webhook.id, webhook=webhook.id,
            policy=webhook.request.retry_policy,
        )
        for webhook in webhooks
    ]  # fmt: skip
    which = CALLBACKS[event]
    url = getattr(callbacks, which, None)
    if callbacks and url:
        authentication = callbacks.authentication or Authentication(type="none")
        requests.append(Sending(
            id=envelope["eventId"], lane=f"{which}/{record.id}", event=event, at=at,
            body=json.dumps(envelope | body, ensure_ascii=False), url=url, counters=record.id,
            token=authentication.token or "", secret=authentication.secret or "", progress=which == "on_progress",
        ))  # fmt: skip
    return requests
