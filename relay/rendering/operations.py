"""`op`, an operation as templates see it, from all that its events have said. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from relay.domain.documents import mapping, rows
from relay.domain.events import BATCH_EVENTS, FAILED, TERMINAL, Event
from relay.domain.failed_phases import ends_phase, is_failed_phase
from relay.domain.labels import BRANCH, labels_of
from relay.domain.outcomes import stated_duration
from relay.rendering.links import Base, address
from relay.rendering.localized_values import ROUGHLY
from relay.rendering.texts import at, between, clean, iso, line, number, shown_id, span, text, time
from relay.rendering.translations import Language

# The fields of the Async Operations API: there for templates even where a document leaves them out.
DOCUMENTED = (
    "operationId", "operationType", "operationName", "operationDescription", "estimatedDuration",
    "estimatedCompletion", "trackingUrl", "webhooksRegistered", "dateCreated", "timeoutAt", "timeout",
    "resourcesAllocated", "progress", "execution", "phases", "callbacks", "parameters", "notifications", "retryPolicy",
    "startTime", "endTime", "currentPhase", "resourceUsage", "recordsProcessed", "duration", "originalOperationId",
    "newOperationId", "retryMode", "retryNumber", "resumeFromPhase", "preservedResults", "retryAttemptDate",
    "dependencies", "operationKey",
)  # fmt: skip
PROGRESS_EVENTS = ("operation.progress", "operation.phase.completed")
# How far a phase is, in Slack's words for a task: https://docs.slack.dev/reference/block-kit/blocks/task-card-block
STATES = {"Completed": "complete", "Running": "in_progress", "Initiated": "in_progress", "Stalled": "in_progress",
          "Failed": "error", "Timeout": "error", "Cancelled": "pending"}  # fmt: skip
SUMMARY_RECORDS = ("results.summary.recordsAnalyzed", "results.summary.recordsProcessed", "results.recordsProcessed")


def operation(
    event: Event, events: Sequence[Event], merged: Mapping[str, Any], language: Language, base: Base
) -> dict[str, Any]:
    """Return the operation. `merged` is `merge_documents` of `events`, cleaned; `events` ends with the event."""
    stated = event.operation
    status = clean(stated.status if stated and event.name in BATCH_EVENTS else event.status) or text(merged, "status")
    kind = clean(stated.type if stated else "") or text(merged, "operationType")
    priority = clean(stated.priority if stated else "") or text(merged, "priority")
    key = shown_id(stated.id) if stated else ""
    name = line(clean(stated.name if stated else "")) or text(merged, "operationName", "operationKey")
    shown = {name: value for name, value in merged.items() if name not in ("results", "error", "cancellation", "batch")}
    return {
        **dict.fromkeys(DOCUMENTED),
        **shown,
        "id": key,
        "name": name or (language.batch_title(0) if event.watch.get("batch") else language.title(kind, key)),
        "named": bool(name),
        "description": text(merged, "operationDescription"),
        "type": kind,
        "type_label": language.label(kind),
        "branch": clean(labels_of(stated.labels if stated else "").get(BRANCH, "")) or text(merged, "branch"),
        "status": status,
        "status_label": language.label(status),
        "priority": priority,
        "priority_label": language.label(priority),
        "urgent": priority in ("High", "Critical"),
        "attempt": event.retry + 1,
        "resumed_from": text(merged, "resumeFromPhase"),
        "started_by": text(merged, "startedBy", "createdBy", "initiatedBy", "requestedBy"),
        "records": number(merged, *SUMMARY_RECORDS, "execution.processedRecords", "recordsProcessed"),
        "records_total": number(merged, "execution.totalRecords", "totalRecords"),
        "rate": at(merged, "results.performance.throughput") or at(merged, "execution.processingRate"),
        "cost": text(merged, "results.performance.resourceUtilization.totalCost", "totalCost"),
        "estimated_cost": text(merged, "resourcesAllocated.estimatedCost"),
        "tracking_url": address(text(merged, "trackingUrl") if event.about_batch else clean(event.link), event, base),
        **(progress := _progress(event, merged, status)),
        **_times(event, events, merged, "" if fires(event) else status),  # one that fires goes on
        "plan": _plan(event, merged, status, progress["phase"]),
    }


def _progress(event: Event, merged: Mapping[str, Any], status: str) -> dict[str, Any]:
    """Return the progress. Only a completed run is at 100."""
    percentage = number(merged, "cancellation.progressAtCancellation")
    if percentage is None:
        percentage = number(merged, "progress.percentage", "progress")
    if percentage is not None:
        percentage = min(max(percentage, 0), 100 if status == "Completed" else 99)
    phase = (
        text(merged, "error.phase", "cancellation.phaseAtCancellation")
        or line(clean(event.phase_name))
        or text(merged, "progress.currentPhase", "currentPhase")
    )
    names = [text(row, "phaseName", "name") for row in rows(merged.get("phases"))]
    completed = number(merged, "progress.phasesCompleted")
    total = number(merged, "progress.totalPhases") or len(names) or None
    position: float | None = None
    if phase in names:  # a list that names the phase knows more than a count
        position, total = names.index(phase) + 1, len(names)
    elif completed is not None:
        position = completed if event.name == "operation.phase.completed" else completed + 1
    if position and total and position > total:
        position = None
    waits = text(merged, "progress.waitsForApproval")
    return {
        "percentage": percentage, "phase": phase, "phase_number": position, "phases_total": total,
        "waits": waits if status == "Running" and not (ends_phase(event) and waits == phase) else "",
        "next_phase": names[names.index(phase) + 1] if phase in names[:-1] else "",
    }  # fmt: skip


def _plan(event: Event, merged: Mapping[str, Any], status: str, phase: str) -> list[dict[str, Any]]:
    """List the phases with their states; what a document says of one is as old as the document."""
    phases = [(text(row, "phaseName", "name"), row) for row in rows(merged.get("phases"))]
    names = [name for name, _ in phases]
    running = (n for n, (_, row) in enumerate(phases) if STATES.get(text(row, "status")) == "in_progress")
    here = names.index(phase) if phase in names else next(running, -1)
    plan = []
    for position, (name, row) in enumerate(phases):
        state = STATES.get(text(row, "status"), "pending")
        if status == "Completed" or position < here:
            state = "error" if state == "error" else "complete"
        elif position == here and ends_phase(event):
            state = "error" if is_failed_phase(event) else "complete"
        elif position == here and (state != "complete" or status in TERMINAL):
            state = STATES.get(status, "in_progress")
        elif (position > here >= 0 and state != "complete") or (status in TERMINAL and state == "in_progress"):
            state = "pending"
        plan.append({"name": name, "state": state, "duration": span(row, "duration")})
    return plan


def _times(event: Event, events: Sequence[Event], merged: Mapping[str, Any], status: str) -> dict[str, Any]:
    """Return times, in ISO 8601, and spans, in seconds or the text of a range."""
    over = status in TERMINAL
    created = time(merged, "dateCreated", "retryAttemptDate")
    started = time(merged, "progress.startTime", "startTime", "startedAt") or next(
        (other.occurred_at for other in events if other.name == "operation.started" or fires(other)), created
    )
    finished = time(merged, "results.completionTime", "completionTime", "endTime", "cancellation.cancellationTime")
    finished = (finished or event.occurred_at) if over else None
    expected = time(merged, "progress.estimatedCompletion", "estimatedCompletion")
    deadline = time(merged, "timeoutAt")
    moved = max((other.occurred_at for other in events[:-1] if other.name in PROGRESS_EVENTS), default=None)
    elapsed, lasted = span(merged, "progress.elapsedTime"), stated_duration(mapping(merged.get("results")), merged)
    lasted = between(started, finished) if lasted is None else lasted
    remaining = span(merged, "progress.estimatedRemaining")
    return {
        "started_at": iso(started),
        "finished_at": iso(finished),
        "estimated_completion": iso(expected),
        "timeout_at": iso(deadline),
        "duration": (elapsed if lasted is None else lasted) if over else None,
        "elapsed": elapsed if elapsed is not None else between(started, event.occurred_at),
        "estimated_duration": span(merged, "estimatedDuration"),
        "remaining": None if over else remaining if remaining is not None else between(event.occurred_at, expected),
        "limit": number(merged, "timeout") or _in_minutes(between(created or started, deadline)),
        "last_progress_at": iso(moved),
        "silent_for": between(moved, event.occurred_at),
    }


def fires(event: Event) -> bool:
    return event.is_alert and event.status in FAILED


def _in_minutes(seconds: float | None) -> float | None:
    """Return a limit that was counted from two times as it was set: nobody sets 59 min 58 s."""
    return seconds if seconds is None or seconds < ROUGHLY else round(seconds / 60) * 60
