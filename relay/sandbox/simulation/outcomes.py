"""The documents of an operation that is over: its results with their artifacts, and how a retry took over."""

from typing import Any, cast

from relay.sandbox.schema import responses as answers
from relay.sandbox.schema import texts
from relay.sandbox.schema.links import Links
from relay.sandbox.simulation.artifacts import archive, files, pretty
from relay.sandbox.simulation.documents import path, resources
from relay.sandbox.simulation.figures import results as phase_results
from relay.sandbox.simulation.timeline import usual
from relay.sandbox.simulation.views import View, view
from relay.sandbox.storage.records import Operation

PARTIAL = "partial-results.zip"


def results(operation: Operation, links: Links, *, detailed: bool = False, artifacts: bool = True,
            phase: str | None = None) -> answers.Results:  # fmt: skip
    """Of an operation that is over, whether it succeeded or not: then of the phases that it completed."""
    seen, request = view(operation, operation.ended or 0.0), operation.request
    success = operation.status == "Completed"
    keep = not operation.discarded and (success or operation.partial)
    kept = seen.completed if keep else []
    halves = [seen.unfinished] if keep and operation.status == "Cancelled" and not operation.forced else []
    minutes = seen.elapsed / 60
    said: dict[str, Any] = {
        "operationId": operation.id,
        "operationType": request.operation_type,
        "operationName": request.operation_name,
        "status": operation.status,
        "completionTime": texts.iso(seen.now),
        "totalDuration": texts.span(seen.elapsed),
        "success": success,
        "summary": _summary(seen, kept),
        "phaseResults": [
            *(_phase(seen, name, detailed) for name in kept if phase in (None, name)),
            *(_half(seen, name) for name in halves if name and phase in (None, name)),
        ],
        "artifacts": _artifacts(seen, links) if artifacts and success and not operation.discarded else [],
        "performance": {
            "totalExecutionTime": texts.span(seen.elapsed),
            "resourceUtilization": {
                "averageCpuUsage": 55 + seen.figures.variants % 40,
                "peakMemoryUsage": f"{operation.memory * 0.9:.1f} GB",
                "totalCpuHours": round(operation.cpu * seen.elapsed * operation.speed / 3600, 2),
                "totalCost": texts.money(seen.cost),
            },
            "throughput": f"{round(seen.processed / minutes) if minutes else 0} records/minute",
            "efficiency": round(seen.figures.confidence - 4, 1),
        },
        "recommendations": _recommendations(seen) if success else [],
    }
    if detailed:
        said["parameters"] = request.parameters
    return cast("answers.Results", said | ({"error": operation.error} if operation.error else {}))


def bundle(operation: Operation, links: Links, stored: dict[str, bytes]) -> dict[str, bytes]:
    """Everything there is to download, by file name; `stored` are the artifacts of a real job."""
    seen = view(operation, operation.ended or 0.0)
    made = {} if operation.outcome or operation.status != "Completed" else {f.filename: f.content for f in files(seen)}
    brought = stored if operation.outcome else {}  # of a job that was cancelled nobody wants what it still brings
    return {"results.json": pretty(results(operation, links, detailed=True)), **made, **brought}


def partial(operation: Operation, links: Links) -> bytes:
    document = results(operation, links, detailed=True)
    return archive({"results.json": pretty(document)})


def retried(original: Operation, operation: Operation, mode: str, number: int, now: float) -> answers.Retried:
    before = view(original, original.ended or 0.0)
    first, seconds = operation.plan.first, usual(operation.plan)
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
            "progressSaved": view(operation, operation.created).percentage,
        },
        "resourcesAllocated": resources(operation),
        "retryAttemptDate": texts.iso(operation.created),
        "trackingUrl": path(operation),
    }


def _summary(seen: View, completed: list[str]) -> dict[str, Any]:
    if seen.operation.outcome:
        return seen.operation.outcome.summary
    number = seen.figures
    said: dict[str, Any] = {"recordsAnalyzed": number.valid if completed else 0}
    if "Process Discovery" in completed:
        said["processVariants"] = number.variants
    if "Machine Learning Analysis" in completed:
        said |= {"anomaliesDetected": number.anomalies, "modelsGenerated": number.models}
    reports = len(files(seen)) if seen.operation.status == "Completed" else 0
    return said | {"reportsCreated": reports, "dataQualityScore": number.quality,
                   "overallConfidenceScore": number.confidence}  # fmt: skip


def _phase(seen: View, name: str, detailed: bool) -> answers.PhaseResult:
    outcome = seen.operation.outcome
    found = outcome.phases.get(name, {}) if outcome else phase_results(name, seen.figures)
    said: dict[str, Any] = {"phaseName": name, "status": "Completed", "results": found}
    if detailed:
        index = [phase.name for phase in seen.phases].index(name)
        start, end = seen.snapshot.spans[index]
        if start is not None and end is not None:
            said |= {"startTime": texts.iso(start), "endTime": texts.iso(end), "duration": texts.span(end - start)}
    return cast("answers.PhaseResult", said)


def _half(seen: View, name: str) -> answers.PhaseResult:
    """What a phase had done when its operation was cancelled."""
    done = {"recordsProcessed": seen.processed, "progress": int(seen.snapshot.fraction * 100)}
    return {"phaseName": name, "status": "Cancelled", "results": done}


def _artifacts(seen: View, links: Links) -> list[answers.Artifact]:
    operation = seen.operation
    if operation.outcome:
        return [cast("answers.Artifact", {key: value for key, value in said.items() if key != "filename"}
                     | {"downloadUrl": links.download(operation.id, said["filename"])})
                for said in operation.outcome.artifacts]  # fmt: skip
    return [
        {"name": file.name, "type": file.kind, "format": file.format, "size": texts.size(len(file.content)),
         "downloadUrl": links.download(operation.id, file.filename), "description": file.description}
        for file in files(seen)
    ]  # fmt: skip


def _recommendations(seen: View) -> list[answers.Recommendation]:
    if seen.operation.outcome:
        return cast("list[answers.Recommendation]", seen.operation.outcome.recommendations)
    return [
        {"category": "Process Optimization", "priority": "High",
         "recommendation": "Focus on reducing wait times in 'Manager Approval' activity",
         "expectedImprovement": "25% reduction in overall cycle time"},
        {"category": "Data Quality", "priority": "Medium",
         "recommendation": "Implement automated timestamp validation",
         "expectedImprovement": f"Improved data quality score to {min(99.9, seen.figures.quality + 1):.1f}%"},
    ]  # fmt: skip
