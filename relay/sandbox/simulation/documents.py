"""The documents of an operation while it lives: its start, its status, a row of the list, its cancellation."""

from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from relay.sandbox.schema import responses as answers
from relay.sandbox.schema import texts
from relay.sandbox.simulation.figures import doing, found
from relay.sandbox.simulation.timeline import usual
from relay.sandbox.simulation.views import RATE, View, view
from relay.sandbox.storage.records import Counters, Operation

USER = "sandbox"  # whoever holds the token


def path(operation: Operation) -> str:
    return f"/api/{operation.tenant}/{operation.project}/async/operation/{operation.id}"


def started(operation: Operation, webhooks: int) -> answers.Started:
    request, seconds = operation.request, usual(operation.plan)
    began = operation.created if operation.began is None else operation.began
    return {
        "operationId": operation.id,
        "operationType": request.operation_type,
        "operationName": request.operation_name,
        "status": operation.status,
        "estimatedDuration": texts.estimate(seconds),
        "estimatedCompletion": texts.iso(began + seconds),
        "trackingUrl": path(operation),
        "webhooksRegistered": webhooks,
        "priority": request.priority,
        "dateCreated": texts.iso(operation.created),
        "timeoutAt": texts.iso(began + operation.plan.timeout),
        "resourcesAllocated": resources(operation),
    }


def resources(operation: Operation) -> answers.Resources:
    hours = operation.plan.work * operation.speed / 3600
    cost = texts.money(operation.cpu * hours * RATE)
    return {"cpuUnits": operation.cpu, "memoryGB": operation.memory, "estimatedCost": cost}


def status(
    operation: Operation, now: float, counters: Counters | None = None, *, parameters: bool = False
) -> answers.Status:
    """`parameters` are left out of events: they can be as large as a request may be."""
    seen, request = view(operation, now), operation.request
    began = operation.created if operation.began is None else operation.began
    said: dict[str, Any] = {
        "operationId": operation.id,
        "operationType": request.operation_type,
        "operationName": request.operation_name,
        "status": operation.status,
        "progress": _progress(seen),
        "execution": _execution(seen),
        "phases": _phases(seen),
        "callbacks": calls(counters or Counters()),
        "dateCreated": texts.iso(operation.created),
        "timeoutAt": texts.iso(began + operation.plan.timeout),
        "priority": request.priority,
    }
    if operation.over:
        said |= {"endTime": texts.iso(seen.now), "duration": texts.span(seen.elapsed)}
    known = {
        "operationDescription": request.operation_description,
        "notifications": request.notifications
        and request.notifications.model_dump(by_alias=True, exclude_defaults=True),
        "batchId": operation.batch,
        "originalOperationId": operation.original,
        "retryNumber": operation.retry_number,
        "error": operation.error,
        "cancellation": operation.cancellation,
    }
    said |= {key: value for key, value in known.items() if value}
    return cast("answers.Status", said | ({"parameters": request.parameters} if parameters else {}))


def row(operation: Operation, now: float, counters: Counters | None, *, details: bool) -> answers.Row:
    seen, request = view(operation, now), operation.request
    said: dict[str, Any] = {
        "operationId": operation.id,
        "operationType": request.operation_type,
        "operationName": request.operation_name,
        "status": operation.status,
        "progress": seen.percentage,
        "priority": request.priority,
    }
    if seen.started is not None:
        said["startTime"] = texts.iso(seen.started)
    if operation.over:
        said |= {"endTime": texts.iso(seen.now), "duration": texts.span(seen.elapsed),
                 "recordsProcessed": seen.processed}  # fmt: skip
    else:
        said |= {"estimatedCompletion": texts.iso(seen.now + seen.remaining), "currentPhase": seen.phase,
                 "resourceUsage": {key: _usage(seen)[key] for key in ("cpuUsage", "memoryUsage")}}  # fmt: skip
    if details:
        said |= {"execution": _execution(seen), "phases": _phases(seen), "callbacks": calls(counters or Counters())}
    return cast("answers.Row", said)


def cancelled(operation: Operation, now: float, reason: str, downloads: list[str]) -> answers.Cancelled:
    """`downloads` hold what was done before; empty when that is not to be kept, or is nothing."""
    seen = view(operation, now)
    left = operation.plan.work * operation.speed / 3600 * operation.cpu * RATE - seen.cost
    return {
        "operationId": operation.id,
        "status": "Cancelled",
        "cancellationTime": texts.iso(now),
        "reason": reason,
        "progressAtCancellation": seen.percentage,
        "phaseAtCancellation": seen.phase,
        "partialResults": {
            "available": bool(downloads),
            "completedPhases": len(seen.completed) if downloads else 0,
            "downloadUrls": downloads,
        },
        "resourcesReleased": {
            "cpuUnits": operation.cpu, "memoryGB": operation.memory, "costSaved": texts.money(max(0.0, left)),
        },
        "cancelledBy": USER,
    }  # fmt: skip


def calls(counters: Counters) -> answers.Calls:
    return {
        "progressCallbacksSent": counters.progress,
        "lastProgressCallback": None if counters.last_progress is None else texts.iso(counters.last_progress),
        "callbacksSuccessful": counters.successful,
        "callbacksFailed": counters.failed,
    }


def _progress(seen: View) -> answers.Progress:
    return {
        "percentage": seen.percentage,
        "currentPhase": seen.phase,
        "phasesCompleted": len(seen.completed),
        "totalPhases": len(seen.phases),
        "startTime": None if seen.started is None else texts.iso(seen.started),
        "elapsedTime": texts.span(seen.elapsed),
        "estimatedRemaining": texts.estimate(seen.remaining),
        "estimatedCompletion": texts.iso(seen.now + seen.remaining),
    }


def _usage(seen: View) -> answers.Usage:
    running, done = seen.operation.status == "Running", seen.snapshot.percentage
    return {
        "cpuUsage": 55 + (seen.figures.variants + round(done)) % 40 if running else 0,
        "memoryUsage": f"{seen.operation.memory * (0.4 + done / 250):.1f} GB" if running else "0.0 GB",
        "diskUsage": texts.size(seen.processed * 10_400),
        "networkIO": texts.size(seen.processed * 360),
    }


def _execution(seen: View) -> answers.Execution:
    minutes = seen.elapsed / 60
    return {
        "executionId": f"exec-{uuid5(NAMESPACE_URL, seen.operation.id)}",
        "workerNode": f"async-worker-{seen.figures.activities % 8 + 1:02}",
        "resourceUsage": _usage(seen),
        "processedRecords": seen.processed,
        "totalRecords": seen.total,
        "processingRate": f"{round(seen.processed / minutes) if minutes else 0} records/minute",
        "attempt": seen.snapshot.attempt,
    }


def _phases(seen: View) -> list[answers.PhaseStatus]:
    return [_phase(seen, index) for index in range(len(seen.phases))]


def _phase(seen: View, index: int) -> answers.PhaseStatus:
    phase, (start, end), operation = seen.phases[index], seen.snapshot.spans[index], seen.operation
    said: dict[str, Any] = {"phaseName": phase.name}
    if start is None:
        said["status"] = "Pending"
        if not operation.over:
            rest = sum(part.seconds for part in seen.phases[index:])
            said |= {"estimatedStartTime": texts.iso(seen.now + max(0.0, seen.remaining - rest)),
                     "estimatedDuration": texts.estimate(phase.seconds)}  # fmt: skip
        return cast("answers.PhaseStatus", said)
    if end is not None:
        facts = (operation.outcome.phases.get(phase.name) if operation.outcome else None) if operation.live else None
        more = ({"results": facts} if facts else {}) if operation.live else found(phase.name, seen.figures)
        said |= {"status": "Completed", "startTime": texts.iso(start), "endTime": texts.iso(end),
                 "duration": texts.span(end - start), "recordsProcessed": seen.total, **more}  # fmt: skip
        return cast("answers.PhaseStatus", said)
    ended = {"Timeout": "Failed"}.get(operation.status, operation.status)
    said |= {"status": ended if operation.over else "Running", "startTime": texts.iso(start),
             "progress": int(seen.snapshot.fraction * 100)}  # fmt: skip
    if operation.over:
        said |= {"endTime": texts.iso(seen.now), "duration": texts.span(seen.now - start)}
    elif operation.live:
        said["currentActivity"] = operation.live.activity
    else:
        said |= doing(phase.name, seen.snapshot.fraction)
    return cast("answers.PhaseStatus", said)
