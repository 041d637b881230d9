"""What an operation becomes, and which requests tell of it: from its record and the time to a change. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.sandbox.schema.links import Links
from relay.sandbox.schema.requests import CancelOperation, Play
from relay.sandbox.simulation import documents, outcomes
from relay.sandbox.simulation.timeline import steps
from relay.sandbox.simulation.views import view
from relay.sandbox.storage.changes import LEASE, Change, Found, name
from relay.sandbox.storage.records import Counters, Live, Operation, Sending, Webhook
from relay.sandbox.webhooks.events import of_operation


@dataclass(frozen=True)
class Told:
    """What an event needs to know of the world around the operation."""

    webhooks: list[Webhook]
    counters: Counters
    links: Links


def begun(operation: Operation, told: Told) -> Change:
    """A new operation. What nothing is ahead of runs from the first moment, so that whoever asks next is told so.

    The moment is `began`: by a clock that was set back since then nothing would be due, and nothing would be kept.
    """
    if operation.began is None:
        return Change(save=[operation])
    if operation.plan.delay:
        return Change(save=[operation], due={name(operation): operation.began + operation.plan.delay})
    return advanced({name(operation): operation}, told, operation.began)


def advanced(found: Found, told: Told, now: float) -> Change:
    """The next step of an operation's plan, if it is due."""
    ((each, operation),) = found.items()
    if operation is None or operation.over or operation.began is None:
        return Change(due={each: None})
    deadline = operation.began + operation.plan.timeout
    if operation.live and operation.done:
        if now >= deadline:
            return ended(operation, "Timeout", now, told, _late(operation, now))
        return Change(due={each: now + LEASE}, job=True)  # nobody looks after it, or it would not have come due
    step = steps(operation.plan)[operation.done]
    at = operation.began + step.at
    if at > now:
        return Change(due={each: at})
    operation.done += 1
    operation.status = step.status
    if operation.over:
        error = {"Timeout": _late, "Failed": _failure}.get(step.status)
        return ended(operation, step.status, at, told, error(operation, at) if error else None)
    # A real job is looked at again at once, for somebody has to run it.
    due = at if operation.live else operation.began + steps(operation.plan)[operation.done].at
    return Change(save=[operation], due={each: due}, send=_tell(operation, step.event, at, told, step.percentage))


def reported(operation: Operation, live: Live, told: Told, now: float) -> Change:
    """Progress of a real job. It never goes back: a job that was begun again catches up first."""
    before = operation.live or live
    names = [phase.name for phase in operation.plan.phases]
    # What is told of a phase is told once, whichever run of the job reports it.
    over = [n for n, ((_, old), (_, new)) in enumerate(zip(before.spans, live.spans, strict=True)) if new and not old]
    moved = int(live.percentage // 5) > int(before.percentage // 5)
    if live.percentage < before.percentage:
        return Change(due={name(operation): now + LEASE})
    operation.live = live.model_copy(update={
        "spans": [old if old[1] else new for old, new in zip(before.spans, live.spans, strict=True)],
    })  # fmt: skip
    change = Change(save=[operation], due={name(operation): now + LEASE})
    for index in over:
        document = next(
            each for each in documents.status(operation, now)["phases"] if each["phaseName"] == names[index]
        )
        operation.done += 1
        change.send += _tell(operation, "operation.phase.completed", now, told, live.percentage, phase=document)
    if moved:
        operation.done += 1
        change.send += _tell(operation, "operation.progress", now, told, live.percentage)
    return change


def ended(operation: Operation, status: str, at: float, told: Told, error: dict[str, Any] | None) -> Change:
    operation.status, operation.ended, operation.error = status, at, error
    event = "operation.completed" if status == "Completed" else "operation.failed"
    parts: dict[str, Any] = {"error": error} if error else {"results": outcomes.results(operation, told.links)}
    percentage = view(operation, at).snapshot.percentage
    return Change(
        save=[operation], due=_over(operation, at), send=_tell(operation, event, at, told, percentage, **parts)
    )


def cancelling(operation: Operation, asked: CancelOperation, now: float, told: Told) -> Change:
    """The end that somebody, or a batch's failure policy, wants."""
    seen = view(operation, now)
    operation.last = seen.snapshot
    links = told.links
    operation.forced = asked.force_termination
    keep = asked.preserve_partial_results and bool(seen.completed or (seen.unfinished and not operation.forced))
    downloads = [links.download(operation.id, outcomes.PARTIAL)] if keep else []
    document = documents.cancelled(operation, now, asked.reason, downloads)
    operation.status, operation.ended, operation.partial = "Cancelled", now, asked.preserve_partial_results
    operation.cancellation = dict(document)
    send = _tell(operation, "operation.cancelled", now, told, seen.snapshot.percentage,
                 callbacks=asked.notify_callbacks, cancellation=document)  # fmt: skip
    return Change(save=[operation], due=_over(operation, now), send=send)


def _over(operation: Operation, at: float) -> dict[str, float | None]:
    """Nothing more is due of it; but its batch has to know."""
    due: dict[str, float | None] = {name(operation): None}
    return due | ({f"batch:{operation.batch}": at} if operation.batch else {})


def _tell(operation: Operation, event: str, at: float, told: Told, percentage: float, *,
          callbacks: bool = True, **parts: Any) -> list[Sending]:  # fmt: skip
    document: Mapping[str, Any] = documents.status(operation, at, told.counters)
    if event == "operation.phase.completed" and "phase" not in parts:
        parts["phase"] = [phase for phase in document["phases"] if phase["status"] == "Completed"][-1]
    return of_operation(
        operation, event, at, document, told.webhooks, percentage=percentage, callbacks=callbacks, **parts
    )


def _late(operation: Operation, at: float) -> dict[str, Any]:
    seconds = operation.request.timeout
    return {"code": "TIMEOUT", "message": f"The operation did not complete within {seconds} seconds",
            "phase": view(operation, at).phase, "retryable": True}  # fmt: skip


def _failure(operation: Operation, _at: float) -> dict[str, Any]:
    play = Play.model_validate(operation.request.parameters.get("sandbox", {}))
    phase = operation.plan.phases[operation.plan.trouble].name
    attempts = operation.plan.failures
    tried = f" after {attempts} attempts" if attempts > 1 else ""
    return {"code": play.code, "message": play.message or f"{phase} failed{tried}", "phase": phase,
            "retryable": play.retryable}  # fmt: skip
