"""State changes of an operation, and the requests that report them: from its record and the time. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay_sandbox.schema.requests import CancelOperation, Play
from relay_sandbox.schema.texts import Links
from relay_sandbox.simulation import documents, outcomes
from relay_sandbox.simulation.timeline import steps
from relay_sandbox.simulation.views import view_at
from relay_sandbox.storage.changes import Change, Records, name_of
from relay_sandbox.storage.records import Counters, Operation, Sending, Webhook
from relay_sandbox.webhooks.events import operation_requests


@dataclass(frozen=True)
class EventContext:
    """The settings that an event depends on beside its operation."""

    webhooks: list[Webhook]
    counters: Counters
    links: Links


def begin(operation: Operation, context: EventContext) -> Change:
    """A new operation. Without a delay it runs at once, so that the next request sees it running.

    The time is `began`, not now: if the clock was set back since, nothing would be due and nothing would be saved.
    """
    if operation.began is None:
        return Change(save=[operation])
    if operation.plan.delay:
        return Change(save=[operation], due={name_of(operation): operation.began + operation.plan.delay})
    return advance({name_of(operation): operation}, context, operation.began)


def advance(records: Records, context: EventContext, now: float) -> Change:
    """The next step of an operation's plan, if it is due."""
    ((record_name, operation),) = records.items()
    if operation is None or operation.over or operation.began is None:
        return Change(due={record_name: None})
    step = steps(operation.plan)[operation.done]
    at = operation.began + step.at
    if at > now:
        return Change(due={record_name: at})
    operation.done += 1
    operation.status = step.status
    if operation.over:
        error = {"Timeout": _timeout_error, "Failed": _failure_error}.get(step.status)
        return end(operation, step.status, at, context, error(operation, at) if error else None)
    due = operation.began + steps(operation.plan)[operation.done].at
    return Change(
        save=[operation],
        due={record_name: due},
        send=_event_requests(operation, step.event, at, context, step.percentage),
    )


def end(operation: Operation, status: str, at: float, context: EventContext, error: dict[str, Any] | None) -> Change:
    operation.status, operation.ended, operation.error = status, at, error
    event = "operation.completed" if status == "Completed" else "operation.failed"
    parts: dict[str, Any] = {"error": error} if error else {"results": outcomes.results(operation, context.links)}
    percentage = view_at(operation, at).snapshot.percentage
    return Change(
        save=[operation],
        due=_due_at_end(operation, at),
        send=_event_requests(operation, event, at, context, percentage, **parts),
    )


def cancel(operation: Operation, request: CancelOperation, now: float, context: EventContext) -> Change:
    """Ended by a person, or by a batch's failure policy."""
    view = view_at(operation, now)
    operation.last = view.snapshot
    links = context.links
    operation.forced = request.force_termination
    keep = request.preserve_partial_results and bool(view.completed or (view.unfinished and not operation.forced))
    downloads = [links.download(operation.id, outcomes.PARTIAL)] if keep else []
    document = documents.cancelled(operation, now, request.reason, downloads)
    operation.status, operation.ended, operation.partial = "Cancelled", now, request.preserve_partial_results
    operation.cancellation = dict(document)
    send = _event_requests(operation, "operation.cancelled", now, context, view.snapshot.percentage,
                 callbacks=request.notify_callbacks, cancellation=document)  # fmt: skip
    return Change(save=[operation], due=_due_at_end(operation, now), send=send)


def _due_at_end(operation: Operation, at: float) -> dict[str, float | None]:
    """Nothing more is due for it; its batch has to be looked at."""
    due: dict[str, float | None] = {name_of(operation): None}
    return due | ({f"batch:{operation.batch}": at} if operation.batch else {})


def _event_requests(operation: Operation, event: str, at: float, context: EventContext, percentage: float, *,
          callbacks: bool = True, **parts: Any) -> list[Sending]:  # fmt: skip
    document: Mapping[str, Any] = documents.status(operation, at, context.counters)
    if event == "operation.phase.completed":
        parts["phase"] = [phase for phase in document["phases"] if phase["status"] == "Completed"][-1]
    return operation_requests(
        operation, event, at, document, context.webhooks, percentage=percentage, callbacks=callbacks, **parts
    )


def _timeout_error(operation: Operation, at: float) -> dict[str, Any]:
    seconds = operation.request.timeout
    return {"code": "TIMEOUT", "message": f"The operation did not complete within {seconds} seconds",
            "phase": view_at(operation, at).phase, "retryable": True}  # fmt: skip


def _failure_error(operation: Operation, _at: float) -> dict[str, Any]:
    play = Play.model_validate(operation.request.parameters.get("sandbox", {}))
    phase = operation.plan.phases[operation.plan.trouble].name
    attempts = operation.plan.failures
    tried = f" after {attempts} attempts" if attempts > 1 else ""
    return {"code": play.code, "message": play.message or f"{phase} failed{tried}", "phase": phase,
            "retryable": play.retryable}  # fmt: skip
