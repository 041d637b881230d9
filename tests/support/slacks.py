"""Every Slack message that relay sends: by name, in each kind, language and form."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from relay.domain.deliveries import Kind
from relay.domain.events import Event, Outcome
from relay.domain.identity import signature
from relay.rendering import Renderer
from tests.support import samples

ROOT = Path(__file__).parents[2]
LANGUAGES = ("en", "de")
KINDS: tuple[Kind, ...] = ("each", "live", "reply")
NOW = datetime(2024, 1, 20, 13, 30, tzinfo=UTC)

Body = dict[str, Any]
Change = Callable[[Body], Body]


def renderer() -> Renderer:
    return Renderer([ROOT / "templates"], samples.OPTIONS)


def bodies() -> dict[str, Body]:
    """The samples, what the watchdog says, and a batch of twenty of which one fails."""
    failed = month_end(13, 1, 3)
    return {
        **samples.bodies(),
        **samples.watchdog_bodies(),
        "batch.operation.failed": samples.envelope(
            "batch.operation.completed", "2024-01-20T12:58:00Z", batch=failed,
            operation=failed["operations"][13] | {
                "operationType": "DataEnrichment", "progress": {"percentage": 72, "currentPhase": "Conformance"},
                "error": {"code": "SOURCE_TIMEOUT", "message": "SAP extractor did not answer for 300 s."},
            },
        ),
        "batch.finished": samples.envelope(
            "batch.completed", "2024-01-20T13:22:00Z", batch=month_end(13, 1, 0, 4) | {"status": "Completed"}
        ),
    }  # fmt: skip


def month_end(done: int, failed: int, running: int, later: int = 0) -> Body:
    """A batch of twenty, of which the last two wait for the one that fails. `later`: done after that."""
    names = ("GL postings", "AR invoices EMEA", "AR invoices APAC", "Cash application", "Payment runs", "Dunning",
             "Intercompany", "Fixed assets", "Accruals", "Cost centres", "Payroll", "Travel expenses", "Tax codes",
             "AP invoices DE", "AP invoices FR", "AP invoices IT", "Inventory", "Revenue recognition",
             "AP reconciliation", "Group consolidation")  # fmt: skip
    stages = ["Completed"] * done + ["Failed"] * failed + ["Running"] * running + ["Completed"] * later
    stages += ["Pending"] * (len(names) - len(stages)) if running else ["Cancelled"] * (len(names) - len(stages))
    rows = [
        {"operationKey": f"item-{n}", "operationId": f"op-{n:04d}", "operationName": name, "status": status,
         "dependencies": ["item-13"] if n == 18 else ["item-18"] if n == 19 else [],
         **({"duration": f"{11 + 3 * n} minutes"} if status == "Completed" else {})}
        for n, (name, status) in enumerate(zip(names, stages, strict=True))
    ]  # fmt: skip
    return {
        "batchId": "batch-2024-01", "batchName": "Month-end batch", "status": "Running", "operations": rows,
        "totalOperations": len(rows), "batchStartTime": "2024-01-20T11:00:00Z",
        "trackingUrl": "/api/{tenantId}/{projectId}/async/batch/batch-2024-01",
    }  # fmt: skip


NAMES = tuple(bodies())


@cache
def events_of(change: Change) -> dict[str, Event]:
    """The event of every message."""
    return {name: samples.event_of(change(body)) for name, body in bodies().items()}


def event_and_history(name: str, change: Change = deepcopy) -> tuple[Event, tuple[Event, ...]]:
    """The event that leads to this message, and what was known when it came."""
    events = events_of(change)
    event = events[name]
    if not name.startswith("operation.stalled"):
        events = {each: other for each, other in events.items() if "stalled" not in each}
    return event, samples.history_of(name, events | {name: event})


def message(
    renderer: Renderer, name: str, kind: Kind = "each", language: str = "en", change: Change = deepcopy
) -> dict[str, Any]:
    return deepcopy(_message(renderer, name, kind, language, change))


@cache
def _message(renderer: Renderer, name: str, kind: Kind, language: str, change: Change) -> dict[str, Any]:
    event, history = event_and_history(name, change)
    return renderer.render(
        "slack",
        kind,
        event,
        history,
        language=language,
        timezone="Europe/Berlin",
        now=event.occurred_at,
        destination="team",
    )


def rendered(renderer: Renderer, event: Event, kind: Kind, language: str = "en", *history: Event) -> dict[str, Any]:
    """The message of an event that is none of these, at the time of that event."""
    return renderer.render(
        "slack", kind, event, (*history, event), language=language, timezone="Europe/Berlin", now=event.occurred_at
    )


def life(
    language: str, renderer: Renderer, end: str = "completed", past: tuple[Outcome, ...] | None = None
) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """One run from its start to its end, as (kind, content): what its message shows one after the other.

    `past`: how the runs of its job ended before; 23 of them succeeded if nothing else is said.
    """
    events: list[Event] = []
    for body in order_to_cash(end):
        event = replace(samples.event_of(body), past=past_ends(23) if past is None else past)
        events.append(event)
        kind: Kind = "reply" if event.terminal and any(other.terminal for other in events[:-1]) else "live"
        yield kind, renderer.render(
            "slack", kind, event, tuple(events), language=language, timezone="Europe/Berlin",
            now=event.occurred_at, destination="team",
        )  # fmt: skip


PHASES = ("Extraction", "Data Loading", "Discovery", "Conformance", "Reporting")
CAUSE = "SAP extractor did not answer for 300 s."


def past_ends(successes: int, failures: int = 0, *, minutes: int = 88) -> tuple[Outcome, ...]:
    """Runs of the same job on the days before, the failures being the last ones."""
    last = datetime(2026, 3, 9, 13, 2, tzinfo=UTC).timestamp()
    ends = []
    for back in range(successes + failures, 0, -1):
        ended, lasted = last - back * 86_400.0, (minutes + back % 3 - 1) * 60.0
        phases = tuple(zip(PHASES, (720.0, 1020.0, 1320.0, 840.0, 1020.0), strict=True))
        failed = back <= failures
        status, error = (
            ("Failed", signature({"code": "SOURCE_TIMEOUT", "message": CAUSE})) if failed else ("Completed", "")
        )
        ends.append(Outcome(f"{back}", status, ended, ended - lasted, lasted, phases[:3] if failed else phases, error))
    return tuple(ends)


def order_to_cash(end: str = "completed") -> Iterator[Body]:
    """The events of the run that the pictures in the documents show."""
    begin = datetime(2026, 3, 9, 13, 5, tzinfo=UTC)
    operation = {
        "operationId": "op-7f3a91c2", "operationName": "Order-to-Cash Q3 EMEA", "priority": "High",
        "operationType": "ProcessMiningAnalysis", "startedBy": "J. Müller",
        "dateCreated": "2026-03-09T13:05:00Z", "timeoutAt": "2026-03-09T15:05:00Z",
        "trackingUrl": "/api/{tenantId}/{projectId}/async/operation/op-7f3a91c2",
        "execution": {"totalRecords": 1_284_530}, "phases": [{"phaseName": name} for name in PHASES],
    }  # fmt: skip

    def event(name: str, minutes: int, percentage: int, place: int, **parts: Any) -> Body:
        when = f"{begin + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"
        records = round(1_284_530 * percentage / 100)
        phases = [
            {"phaseName": each, "status": "Completed" if n < place else "Running" if n == place else "Pending",
             **({"duration": f"{lasted} minutes"} if n < place or name == "completed" else {})}
            for n, (each, lasted) in enumerate(zip(PHASES, (12, 17, 22, 27, 17), strict=True))
        ]  # fmt: skip
        left = {} if name in ("completed", "failed") else {"estimatedCompletion": "2026-03-09T14:40:00Z"}
        progress = {"percentage": percentage, "currentPhase": PHASES[place], "phasesCompleted": place, "totalPhases": 5,
                    "startTime": "2026-03-09T13:05:00Z", **left}  # fmt: skip
        execution = {"processedRecords": records, "totalRecords": 1_284_530, "processingRate": "225 records/second"}
        told = {"progress": progress, "execution": execution} if percentage else left
        return samples.envelope(f"operation.{name}", when, operation=operation | told | {"phases": phases}, **parts) | {
            "eventId": f"evt-{name}-{minutes}"
        }

    yield event("started", 0, 0, 0)
    yield event("progress", 76, 68, 2)
    if end == "failed":
        error = {"code": "SOURCE_TIMEOUT", "message": CAUSE, "phase": "Conformance",
                 "retryable": True}  # fmt: skip
        yield event("failed", 72, 72, 3, error=error)
        yield event("failed", 72, 72, 3, error=error)
        return
    file = {"name": "Conformance report", "format": "PDF", "size": "3.4 MB",
            "downloadUrl": "https://files.example.com/conformance.pdf"}  # fmt: skip
    more = {"name": "Variants", "format": "CSV", "size": "18.2 MB", "downloadUrl": "https://files.example.com/v.csv"}
    advice = [{"priority": "High", "recommendation": "Automate the credit check for orders below 5,000 €",
               "expectedImprovement": "12% shorter lead time"}]  # fmt: skip
    results = {
        "summary": {"processVariants": 214, "anomaliesDetected": 37, "recordsAnalyzed": 1_284_530},
        "artifacts": [file, more], "recommendations": advice,
    }  # fmt: skip
    yield event("completed", 95, 100, 4, results=results)
    yield event("completed", 95, 100, 4, results=results)
