"""The documents of an operation that is over: its results with their artifacts, and how a retry took over."""

from typing import Any

from relay_sandbox.schema import texts
from relay_sandbox.schema.texts import Links
from relay_sandbox.simulation.artifacts import archive, files, pretty
from relay_sandbox.simulation.documents import path, resources
from relay_sandbox.simulation.figures import result_facts
from relay_sandbox.simulation.timeline import expected_seconds
from relay_sandbox.simulation.views import View, view_at
from relay_sandbox.storage.records import Operation

PARTIAL = "partial-results.zip"


def results(operation: Operation, links: Links, *, detailed: bool = False, artifacts: bool = True,
            phase: str | None = None) -> dict[str, Any]:  # fmt: skip
    """Return the results of an operation that is over; of one that failed, those of its completed phases."""
    view, request = view_at(operation, operation.ended or 0.0), operation.request
    success = operation.status == "Completed"
    keep = not operation.discarded and (success or operation.partial)
    completed = view.completed if keep else []
    halves = [view.unfinished] if keep and operation.status == "Cancelled" and not operation.forced else []
    minutes = view.elapsed / 60
    document: dict[str, Any] = {
        "operationId": operation.id,
        "operationType": request.operation_type,
        "operationName": request.operation_name,
        "status": operation.status,
        "completionTime": texts.iso(view.now),
        "totalDuration": texts.span(view.elapsed),
        "success": success,
        "summary": _summary(view, completed),
        "phaseResults": [
            *(_phase(view, name, detailed) for name in completed if phase in (None, name)),
            *(_unfinished_phase(view, name) for name in halves if name and phase in (None, name)),
        ],
        "artifacts": _artifacts(view, links) if artifacts and success and not operation.discarded else [],
        "performance": {
            "totalExecutionTime": texts.span(view.elapsed),
            "resourceUtilization": {
                "averageCpuUsage": 55 + view.figures.variants % 40,
                "peakMemoryUsage": f"{operation.memory * 0.9:.1f} GB",
                "totalCpuHours": round(operation.cpu * view.elapsed * operation.speed / 3600, 2),
                "totalCost": texts.money(view.cost),
            },
            "throughput": f"{round(view.processed / minutes) if minutes else 0} records/minute",
            "efficiency": round(view.figures.confidence - 4, 1),
        },
        "recommendations": _recommendations(view) if success else [],
    }
    if detailed:
        document["parameters"] = request.parameters
    return document | ({"error": operation.error} if operation.error else {})


def bundle(operation: Operation, links: Links) -> dict[str, bytes]:
    """Everything there is to download, by file name."""
    made = files(view_at(operation, operation.ended or 0.0)) if operation.status == "Completed" else []
    whole = {"results.json": pretty(results(operation, links, detailed=True))}
    return whole | {file.filename: file.content for file in made}


def partial(operation: Operation, links: Links) -> bytes:
    document = results(operation, links, detailed=True)
    return archive({"results.json": pretty(document)})


def retried(original: Operation, operation: Operation, mode: str, number: int, now: float) -> dict[str, Any]:
    before = view_at(original, original.ended or 0.0)
    first, seconds = operation.plan.first, expected_seconds(operation.plan)
    return {
        "originalOperationId": original.id,
        "newOperationId": operation.id,
        "retryMode": mode,
        "retryNumber": number,
        "resumeFromPhase": operation.plan.phases[first].name,
        "status": operation.status,
        "estimatedDuration": texts.estimate(seconds),
        "estimatedCompletion": texts.iso(now + seconds),
        "preservedResults": {
            "phasesPreserved": first,
            "recordsProcessed": before.processed if first else 0,
            "progressSaved": view_at(operation, operation.created).percentage,
        },
        "resourcesAllocated": resources(operation),
        "retryAttemptDate": texts.iso(operation.created),
        "trackingUrl": path(operation),
    }


def _summary(view: View, completed: list[str]) -> dict[str, Any]:
    number = view.figures
    summary: dict[str, Any] = {"recordsAnalyzed": number.valid if completed else 0}
    if "Process Discovery" in completed:
        summary["processVariants"] = number.variants
    if "Machine Learning Analysis" in completed:
        summary |= {"anomaliesDetected": number.anomalies, "modelsGenerated": number.models}
    reports = len(files(view)) if view.operation.status == "Completed" else 0
    return summary | {"reportsCreated": reports, "dataQualityScore": number.quality,
                   "overallConfidenceScore": number.confidence}  # fmt: skip


def _phase(view: View, name: str, detailed: bool) -> dict[str, Any]:
    document: dict[str, Any] = {"phaseName": name, "status": "Completed", "results": result_facts(name, view.figures)}
    if detailed:
        index = [phase.name for phase in view.phases].index(name)
        start, end = view.snapshot.spans[index]
        if start is not None and end is not None:
            document |= {"startTime": texts.iso(start), "endTime": texts.iso(end), "duration": texts.span(end - start)}
    return document


def _unfinished_phase(view: View, name: str) -> dict[str, Any]:
    """Return what a phase had done when its operation was cancelled."""
    done = {"recordsProcessed": view.processed, "progress": int(view.snapshot.fraction * 100)}
    return {"phaseName": name, "status": "Cancelled", "results": done}


def _artifacts(view: View, links: Links) -> list[dict[str, Any]]:
    return [
        {"name": file.name, "type": file.kind, "format": file.format, "size": texts.size(len(file.content)),
         "downloadUrl": links.download(view.operation.id, file.filename), "description": file.description}
        for file in files(view)
    ]  # fmt: skip


def _recommendations(view: View) -> list[dict[str, Any]]:
    return [
        {"category": "Process Optimization", "priority": "High",
         "recommendation": "Focus on reducing wait times in 'Manager Approval' activity",
         "expectedImprovement": "25% reduction in overall cycle time"},
        {"category": "Data Quality", "priority": "Medium",
         "recommendation": "Implement automated timestamp validation",
         "expectedImprovement": f"Improved data quality score to {min(99.9, view.figures.quality + 1):.1f}%"},
    ]  # fmt: skip
