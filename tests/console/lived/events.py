"""Events as a platform sends them: of runs that go as planned, fail, or go on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

Body = dict[str, Any]
TENANT = "acme"
PHASES = ("Data Loading & Validation", "Process Discovery", "Machine Learning Analysis")


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def event(name: str, when: float, operation: str, project: str, **stated: Any) -> Body:
    """`stated` are fields of the operation, but for `error` and `percentage`."""
    name_of = operation.removeprefix("op-").replace("-", " ").capitalize()
    about: Body = {"operationId": operation, "operationName": name_of, "operationType": "DataEnrichment"}
    parts = {"error": stated.pop("error")} if "error" in stated else {}
    if "percentage" in stated:
        about["progress"] = {"percentage": stated.pop("percentage"), "currentPhase": stated.pop("phase", PHASES[1])}
    return {
        "eventId": f"{operation}-{name}-{when:.3f}", "event": name, "timestamp": at(when),
        "tenantId": TENANT, "projectId": project, "operation": about | stated, **parts,
    }  # fmt: skip


def run(
    operation: str, project: str, began: float, lasts: float, error: Body | None = None, **stated: Any
) -> Iterator[Body]:
    """One run from its start to its end, after so many seconds; with an error it fails."""
    stated = {"dateCreated": at(began), **stated}
    yield event(
        "operation.started", began, operation, project, status="Initiated", percentage=0, phase=PHASES[0], **stated
    )
    for part, phase in ((0.3, PHASES[0]), (0.6, PHASES[1]), (0.85, PHASES[2])):
        yield event("operation.progress", began + part * lasts, operation, project, status="Running",
                    percentage=round(part * 100), phase=phase, **stated)  # fmt: skip
    end = began + lasts
    if error:
        yield event("operation.failed", end, operation, project, status="Failed", error=error, **stated)
    else:
        yield event(
            "operation.completed",
            end,
            operation,
            project,
            status="Completed",
            percentage=100,
            phase=PHASES[2],
            **stated,
        )
