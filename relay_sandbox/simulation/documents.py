"""The documents of an operation while it lives: its start, its status, a row of the list, its cancellation."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from relay_sandbox.schema import texts
from relay_sandbox.simulation.figures import activity_of, status_facts
from relay_sandbox.simulation.timeline import expected_seconds
from relay_sandbox.simulation.views import RATE, View, view_at
from relay_sandbox.storage.records import Counters, Operation

USER = "sandbox"  # any holder of the token


def path(operation: Operation) -> str:
    return f"/api/{operation.tenant}/{operation.project}/async/operation/{operation.id}"


def started(operation: Operation, webhooks: int) -> dict[str, Any]:
    request, seconds = operation.request, expected_seconds(operation.plan)
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


def resources(operation: Operation) -> dict[str, Any]:
    hours = operation.plan.work * operation.speed / 3600
    cost = texts.money(operation.cpu * hours * RATE)
    return {"cpuUnits": operation.cpu, "memoryGB": operation.memory, "estimatedCost": cost}


def status(
    operation: Operation, now: float, counters: Counters | None = None, *, parameters: bool = False
) -> dict[str, Any]:
    """`parameters` are left out of events: they can be as large as a request may be."""
    view, request = view_at(operation, now), operation.request
    began = operation.created if operation.began is None else operation.began
    document: dict[str, Any] = {
        "operationId": operation.id,
        "operationType": request.operation_type,
        "operationName": request.operation_name,
        "status": operation.status,
        "progress": _progress(view),
        "execution": _execution(view),
        "phases": _phases(view),
        "callbacks": calls(counters or Counters()),
        "dateCreated": texts.iso(operation.created),
        "timeoutAt": texts.iso(began + operation.plan.timeout),
        "priority": request.priority,
    }
    if operation.over:
        document |= {"endTime": texts.iso(view.now), "duration": texts.span(view.elapsed)}
    optional = {
        "operationDescription": request.operation_description,
        "notifications": request.notifications
        and request.notifications.model_dump(by_alias=True, exclude_defaults=True),
        "batchId": operation.batch,
        "originalOperationId": operation.original,
        "retryNumber": operation.retry_number,
        "error": operation.error,
        "cancellation": operation.cancellation,
    }
    document |= {key: value for key, value in optional.items() if value}
    return document | ({"parameters": request.parameters} if parameters else {})


def row(operation: Operation, now: float, counters: Counters | None, *, details: bool) -> dict[str, Any]:
    view, request = view_at(operation, now), operation.request
    document: dict[str, Any] = {
        "operationId": operation.id,
        "operationType": request.operation_type,
        "operationName": request.operation_name,
        "status": operation.status,
        "progress": view.percentage,
        "priority": request.priority,
    }
    if view.started is not None:
        document["startTime"] = texts.iso(view.started)
    if operation.over:
        document |= {"endTime": texts.iso(view.now), "duration": texts.span(view.elapsed),
                     "recordsProcessed": view.processed}  # fmt: skip
    else:
        document |= {"estimatedCompletion": texts.iso(view.now + view.remaining), "currentPhase": view.phase,
                     "resourceUsage": {key: _usage(view)[key] for key in ("cpuUsage", "memoryUsage")}}  # fmt: skip
    if details:
        document |= {"execution": _execution(view), "phases": _phases(view), "callbacks": calls(counters or Counters())}
    return document


def cancelled(operation: Operation, now: float, reason: str, downloads: list[str]) -> dict[str, Any]:
    """`downloads` hold what was done before; empty when that is not to be kept, or is nothing."""
    view = view_at(operation, now)
    left = operation.plan.work * operation.speed / 3600 * operation.cpu * RATE - view.cost
    return {
        "operationId": operation.id,
        "status": "Cancelled",
        "cancellationTime": texts.iso(now),
        "reason": reason,
        "progressAtCancellation": view.percentage,
        "phaseAtCancellation": view.phase,
        "partialResults": {
            "available": bool(downloads),
            "completedPhases": len(view.completed) if downloads else 0,
            "downloadUrls": downloads,
        },
        "resourcesReleased": {
            "cpuUnits": operation.cpu, "memoryGB": operation.memory, "costSaved": texts.money(max(0.0, left)),
        },
        "cancelledBy": USER,
    }  # fmt: skip


def calls(counters: Counters) -> dict[str, Any]:
    return {
        "progressCallbacksSent": counters.progress,
        "lastProgressCallback": None if counters.last_progress is None else texts.iso(counters.last_progress),
        "callbacksSuccessful": counters.successful,
        "callbacksFailed": counters.failed,
    }


def _progress(view: View) -> dict[str, Any]:
    return {
        "percentage": view.percentage,
        "currentPhase": view.phase,
        "phasesCompleted": len(view.completed),
        "totalPhases": len(view.phases),
        "startTime": None if view.started is None else texts.iso(view.started),
        "elapsedTime": texts.span(view.elapsed),
        "estimatedRemaining": texts.estimate(view.remaining),
        "estimatedCompletion": texts.iso(view.now + view.remaining),
    }


def _usage(view: View) -> dict[str, Any]:
    running, done = view.operation.status == "Running", view.snapshot.percentage
    return {
        "cpuUsage": 55 + (view.figures.variants + round(done)) % 40 if running else 0,
        "memoryUsage": f"{view.operation.memory * (0.4 + done / 250):.1f} GB" if running else "0.0 GB",
        "diskUsage": texts.size(view.processed * 10_400),
        "networkIO": texts.size(view.processed * 360),
    }


def _execution(view: View) -> dict[str, Any]:
    minutes = view.elapsed / 60
    return {
        "executionId": f"exec-{uuid5(NAMESPACE_URL, view.operation.id)}",
        "workerNode": f"async-worker-{view.figures.activities % 8 + 1:02}",
        "resourceUsage": _usage(view),
        "processedRecords": view.processed,
        "totalRecords": view.total,
        "processingRate": f"{round(view.processed / minutes) if minutes else 0} records/minute",
        "attempt": view.snapshot.attempt,
    }


def _phases(view: View) -> list[dict[str, Any]]:
    return [_phase(view, index) for index in range(len(view.phases))]


def _phase(view: View, index: int) -> dict[str, Any]:
    phase, (start, end), operation = view.phases[index], view.snapshot.spans[index], view.operation
    document: dict[str, Any] = {"phaseName": phase.name}
    if start is None:
        document["status"] = "Pending"
        if not operation.over:
            rest = sum(part.seconds for part in view.phases[index:])
            document |= {"estimatedStartTime": texts.iso(view.now + max(0.0, view.remaining - rest)),
                         "estimatedDuration": texts.estimate(phase.seconds)}  # fmt: skip
        return document
    if end is not None:
        document |= {"status": "Completed", "startTime": texts.iso(start), "endTime": texts.iso(end),
                     "duration": texts.span(end - start), "recordsProcessed": view.total,
                     **status_facts(phase.name, view.figures)}  # fmt: skip
        return document
    ended = {"Timeout": "Failed"}.get(operation.status, operation.status)
    document |= {"status": ended if operation.over else "Running", "startTime": texts.iso(start),
                 "progress": int(view.snapshot.fraction * 100)}  # fmt: skip
    if operation.over:
        document |= {"endTime": texts.iso(view.now), "duration": texts.span(view.now - start)}
    else:
        document |= activity_of(phase.name, view.snapshot.fraction)
    return document
