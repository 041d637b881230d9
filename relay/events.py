"""The domain: what an event says, in whatever spelling it came. Knows no I/O and no clock.

The documents are those of the Async Operations API. Only what relay decides by is typed here; every
other field stays in `document`, where templates reach it under its own name.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

Document = Mapping[str, Any]

OPERATION_EVENTS = ("operation.started", "operation.progress", "operation.phase.completed",
                    "operation.completed", "operation.failed", "operation.cancelled")  # fmt: skip
BATCH_EVENTS = ("batch.started", "batch.operation.completed", "batch.completed")
STATUSES = ("Initiated", "Running", "Completed", "Failed", "Cancelled", "Timeout")
PRIORITIES = ("Low", "Normal", "High", "Critical")
TERMINAL = frozenset({"Completed", "Failed", "Cancelled", "Timeout"})

# What an event implies where its document does not say, or says something that cannot be.
IMPLIED_STATUS = {
    "operation.started": "Initiated", "operation.progress": "Running", "operation.phase.completed": "Running",
    "operation.completed": "Completed", "operation.failed": "Failed", "operation.cancelled": "Cancelled",
    "batch.started": "Initiated", "batch.operation.completed": "Running", "batch.completed": "Completed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    """The long-running thing, as far as one event tells of it. Empty or None means: not said."""

    id: str
    type: str = ""
    name: str = ""
    status: str = ""
    priority: str = ""
    percentage: float | None = None
    phase: str = ""
    phases_completed: int | None = None
    retry: int = 0
    document: Document = field(default_factory=dict)

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True)
class Batch:
    """Several operations submitted together."""

    id: str
    name: str = ""
    status: str = ""
    document: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about one operation or batch, verified and parsed."""

    id: str  # the sender's: the webhook-id header, else eventId; empty when it named none
    name: str
    source: str
    occurred_at: datetime
    received_at: datetime
    tenant: str = ""
    project: str = ""
    operation: Operation | None = None
    batch: Batch | None = None
    phase: Document = field(default_factory=dict)
    results: Document = field(default_factory=dict)
    error: Document = field(default_factory=dict)
    cancellation: Document = field(default_factory=dict)
    document: Document = field(default_factory=dict)  # the whole body, as it came

    @property
    def about_batch(self) -> bool:
        return self.batch is not None and self.name.startswith("batch.")

    @property
    def subject(self) -> str:
        """The id people and threads know it by: the batch's for batch events, else the operation's."""
        if self.about_batch and self.batch:
            return self.batch.id
        return self.operation.id if self.operation else ""

    @property
    def status(self) -> str:
        """What is told. A terminal status in the document beats the event's name: a Timeout is told as one."""
        said = self.batch.status if self.about_batch and self.batch else self.operation.status if self.operation else ""
        implied = IMPLIED_STATUS.get(self.name, "")
        if self.name == "batch.operation.completed":
            return implied  # the batch goes on; the operation's own status is in `operation`
        if implied in TERMINAL:
            return said if said in TERMINAL else implied
        if implied:
            return implied if said in TERMINAL or not said else said
        return said

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def percentage(self) -> float | None:
        return self.operation.percentage if self.operation and not self.about_batch else None

    @property
    def phase_name(self) -> str:
        said = self.phase.get("phaseName") or self.phase.get("name")
        return said if isinstance(said, str) else self.operation.phase if self.operation else ""

    @property
    def retry(self) -> int:
        return self.operation.retry if self.operation and not self.about_batch else 0

    @property
    def fact(self) -> str:
        """What happened, whoever reported it and however often: equal facts are told once."""
        return json.dumps([self.subject, self.name, self.status, self._detail(), self.retry], ensure_ascii=False)

    def _detail(self) -> str:
        match self.name:
            case "operation.phase.completed":
                return self.phase_name or f"{self.operation.phases_completed if self.operation else ''}"
            case "batch.operation.completed" if self.operation:
                return f"{self.operation.id} {self.operation.status} {self.operation.retry}"
            case name if IMPLIED_STATUS.get(name) not in (None, "Running"):
                return ""
        if self.percentage is not None:
            return f"{self.percentage:g}"
        # Without a percentage and a phase, nothing but the time tells two of these apart.
        return self.phase_name or self.occurred_at.isoformat()


KNOWN = ("type", "name", "priority")


def facts(event: Event) -> dict[str, str]:
    """The lasting facts the event states about its operation: type, name, priority, tenant, project.

    Later, thinner documents of the same operation may leave them out: a results document has no priority.
    """
    stated = {"tenant": event.tenant, "project": event.project}
    if event.operation and not event.about_batch:
        stated |= {key: getattr(event.operation, key) for key in KNOWN}
    return {key: value for key, value in stated.items() if value}


def incomplete(event: Event) -> bool:
    """True if the document leaves out what rules decide by, so that what is known already should be filled in."""
    return not event.about_batch and len(facts(event)) < len(KNOWN) + 2


def fill(event: Event, known: Mapping[str, str]) -> Event:
    """The event with what is already known of its operation, wherever its own document is silent."""
    operation = event.operation
    if operation:
        operation = replace(
            operation,
            type=operation.type or known.get("type", ""),
            name=operation.name or known.get("name", ""),
            priority=operation.priority or known.get("priority", ""),
        )
    tenant, project = event.tenant or known.get("tenant", ""), event.project or known.get("project", "")
    return replace(event, operation=operation, tenant=tenant, project=project)


def view(history: Iterable[Event]) -> dict[str, Any]:
    """Everything the events of one operation say, newer over older, as plain data for templates.

    Keys are the documents' own (operationName, progress, phases, results …); an object is merged key by key.
    """
    merged: dict[str, Any] = {}
    for event in history:
        if event.operation and not event.about_batch:
            _merge(merged, {key: value for key, value in event.operation.document.items() if not _is_part(key)})
        for key in ("phase", "results", "error", "cancellation"):
            if getattr(event, key):
                merged[key] = dict(getattr(event, key))
        if event.batch:
            merged["batch"] = dict(event.batch.document)
    return merged


def _is_part(key: str) -> bool:
    return key in {"phase", "results", "error", "cancellation", "batch"}


def _merge(into: dict[str, Any], new: Document) -> None:
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), Mapping):
            into[key] = {**into[key], **value}
        elif key == "progress" and isinstance(value, int | float) and isinstance(into.get(key), Mapping):
            into[key] = {**into[key], "percentage": value}
        elif value is not None:
            into[key] = value
