"""A working day at the platform: its operations and what is reported of them, the same for every policy. Pure."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MORNING = datetime(2026, 3, 9, 8, tzinfo=UTC).timestamp()
PHASES = ("Loading", "Validation", "Discovery", "Conformance", "Report")
EVERY = 10  # seconds between two progress events
SHORTEST, LONGEST = 25 * 60, 76 * 60  # seconds that a run lasts
FAILED, TIMED_OUT = 0.06, 0.02
OUTCOMES = {"Completed": "operation.completed", "Failed": "operation.failed", "Timeout": "operation.failed"}

Report = tuple[float, dict[str, Any]]  # when, and the body


@dataclass(frozen=True)
class Run:
    """One operation of the day."""

    number: int
    start: float
    length: float
    outcome: str
    batch: str = ""

    @property
    def end(self) -> float:
        return self.start + self.length

    @property
    def reached(self) -> float:
        """The percentage at which it ends."""
        return 100.0 if self.outcome == "Completed" else 20.0 + self.number * 7 % 70


def runs(count: int, hours: float, *, seed: int, batch_of: int = 0) -> list[Run]:
    """The day's operations; with `batch_of`, in batches that start together."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        batch = f"batch-{number // batch_of}" if batch_of else ""
        start = MORNING + chance.random() * max(hours * 3600 - LONGEST, 0)
        if batch and number % batch_of:
            start = found[number - number % batch_of].start + 5.0 * (number % batch_of)
        drawn = chance.random()
        outcome = "Timeout" if drawn < TIMED_OUT else "Failed" if drawn < TIMED_OUT + FAILED else "Completed"
        found.append(Run(number, float(int(start)), chance.randint(SHORTEST, LONGEST), outcome, batch))
    return found


def reports(run: Run, *, late: bool = False) -> Iterator[Report]:
    """What the platform says of one run. `late`: a progress event arrives after the end, as happens."""
    yield run.start, _body(run, "operation.started", "Initiated", run.start, None)
    at = run.start + EVERY
    while at < run.end:
        yield at, _body(run, "operation.progress", "Running", at, run.reached * (at - run.start) / run.length)
        at += EVERY
    yield run.end, _body(run, OUTCOMES[run.outcome], run.outcome, run.end, run.reached)
    if late:
        yield run.end + 1, _body(run, "operation.progress", "Running", run.end - 1, run.reached * 0.99)


def batches(of: Sequence[Run]) -> Iterator[Report]:
    """What is said of the batches themselves: their start, the end of each member, and their own end."""
    for name in dict.fromkeys(run.batch for run in of if run.batch):
        members = [run for run in of if run.batch == name]
        start, end = members[0].start, max(run.end for run in members)
        yield start, _batch("batch.started", name, members, start)
        for run in members:
            yield run.end, _batch("batch.operation.completed", name, members, run.end, run)
        yield end + 1, _batch("batch.completed", name, members, end + 1)


def _body(run: Run, event: str, status: str, at: float, percentage: float | None) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"op-{run.number}",
        "operationType": "ProcessMiningAnalysis",
        "operationName": f"Order-to-Cash {run.number}",
        "status": status,
        "priority": "Normal",
    }
    if run.batch:
        operation["batchId"] = run.batch
    if percentage is not None:
        phase = min(int(percentage / 100 * len(PHASES)), len(PHASES) - 1)
        operation["progress"] = {
            "percentage": round(percentage, 1),
            "currentPhase": PHASES[phase],
            "phasesCompleted": phase,
            "totalPhases": len(PHASES),
            "startTime": _iso(run.start),
            "estimatedCompletion": _iso(run.start + run.length),
        }
    error = {"code": "E17", "message": "the source did not answer for 300 s"} if event == "operation.failed" else None
    return {
        "eventId": f"{run.number}-{event}-{at:.0f}",
        "event": event,
        "timestamp": _iso(at),
        "operation": operation,
        **({"error": error} if error else {}),
    }


def _batch(event: str, name: str, members: Sequence[Run], at: float, ended: Run | None = None) -> dict[str, Any]:
    rows = [
        {
            "operationKey": f"op-{run.number}",
            "operationId": f"op-{run.number}",
            "operationName": f"Order-to-Cash {run.number}",
            "status": run.outcome if run.end <= at else "Running",
        }
        for run in members
    ]
    status = {"batch.started": "Initiated", "batch.completed": "Completed"}.get(event, "Running")
    body: dict[str, Any] = {
        "eventId": f"{name}-{event}-{at:.0f}-{ended.number if ended else ''}",
        "event": event,
        "timestamp": _iso(at),
        "batch": {"batchId": name, "batchName": name, "status": status, "operations": rows,
                  "batchStartTime": _iso(members[0].start)},
    }  # fmt: skip
    if ended:
        body["operation"] = {"operationId": f"op-{ended.number}", "operationName": f"Order-to-Cash {ended.number}",
                             "status": ended.outcome}  # fmt: skip
    return body


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
