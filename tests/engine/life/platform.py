"""A platform whose two tenants use the same ids: runs, batches, retries and repetitions, in any order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

TENANTS = ("acme", "globex")
PHASES = ("Load", "Discovery", "Write")
PRIORITIES = ("Low", "Normal", "High", "Critical")
ENDS = {"operation.completed": "Completed", "operation.failed": "Failed", "operation.cancelled": "Cancelled"}
MEMBERS = ("op-1", "op-2")  # of each tenant's batch
MOST_RUNS = 10
REMEMBERED = 40  # messages that may be sent again


@dataclass(frozen=True, slots=True)
class Message:
    """One request of a sender."""

    document: dict[str, Any]
    id: str = ""
    source: str = "async-operations"


@dataclass(slots=True)
class PlatformRun:
    """An operation as the platform has it."""

    id: str
    tenant: str
    priority: str
    original: str = ""
    retry: int = 0
    percentage: int = 0
    started: str = ""
    ended: str = ""

    @property
    def batch(self) -> str:
        return "batch-1" if self.id in MEMBERS or self.original in MEMBERS else ""

    def document(self, status: str) -> dict[str, Any]:
        phase = PHASES[min(self.percentage * len(PHASES) // 101, len(PHASES) - 1)]
        document: dict[str, Any] = {
            "operationId": self.id, "operationName": f"{self.tenant} {spelled(self.original or self.id)}",
            "status": status,
            "priority": self.priority,
            "progress": {"percentage": self.percentage, "currentPhase": phase, "startTime": self.started},
        }  # fmt: skip
        if self.original:
            document["originalOperationId"] = self.original
        if self.retry:
            document["retryNumber"] = self.retry
        if self.batch:
            document["batchId"] = self.batch
        return document


@dataclass
class Platform:
    """Makes the next message to arrive at relay. `clock` dates it."""

    pick: Random
    clock: Callable[[], float]
    runs: list[PlatformRun] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        for tenant in TENANTS:
            self.runs += [PlatformRun(f"op-{n}", tenant, self.pick.choice(PRIORITIES)) for n in range(3)]

    def message(self) -> Message:
        if self.sent and self.pick.random() < 0.15:
            return self._again(self.pick.choice(self.sent))
        run = self.pick.choice(self.runs)
        about_batch = bool(run.batch) and self.pick.random() < 0.25
        document = self._of_batch(run) if about_batch else self._of_run(run)
        message = Message(document, f"wh-{self.pick.getrandbits(40):x}" if self.pick.random() < 0.7 else "")
        self.sent = [*self.sent, message][-REMEMBERED:]
        return message

    def _again(self, message: Message) -> Message:
        """The same once more: sent again, under an id of its own, or as a callback that says less or more."""
        match self.pick.randrange(4):
            case 0:
                return message
            case 1:
                return Message(message.document, f"wh-{self.pick.getrandbits(40):x}")
            case 2:
                thin = {key: value for key, value in message.document.items() if key not in ("error", "results")}
                return Message(thin, source="callbacks")
        part = f"part{self.pick.randrange(5)}"
        fuller = {"operation.completed": {"results": {part: 1}}, "operation.failed": {"error": {part: "no answer"}}}
        return Message(message.document | fuller.get(message.document["event"], {}), source="callbacks")

    def _of_run(self, run: PlatformRun) -> dict[str, Any]:
        if not run.started:
            run.started = self._now()
            return self._envelope("operation.started", run, run.document("Initiated"))
        if run.ended:
            return self._after_the_end(run)
        match self.pick.randrange(10):
            case 0 | 1 | 2:
                run.ended, name = self._now(), self.pick.choice(list(ENDS))
                part = (
                    {"error": {"message": "no answer"}}
                    if name == "operation.failed" and self.pick.random() < 0.5
                    else {}
                )
                return self._envelope(name, run, run.document(ENDS[name]), **part)
            case 3:
                name = PHASES[self.pick.randrange(3)]
                part = {"phase": {"phaseName": name, "phasesCompleted": PHASES.index(name) + 1}}
                return self._envelope("operation.phase.completed", run, run.document("Running"), **part)
            case 4:  # what was overtaken on its way
                document = run.document("Running")
                document["progress"]["percentage"] = self.pick.randrange(run.percentage + 1)
                return self._envelope("operation.progress", run, document)
        run.percentage = min(100, run.percentage + self.pick.randrange(30))
        document = run.document("Running")
        if self.pick.random() < 0.3:
            document["estimatedCompletion"] = _iso(self.clock() + self.pick.randrange(4000))
        if self.pick.random() < 0.2:
            document["timeoutAt"] = _iso(self.clock() + 600)
        return self._envelope("operation.progress", run, document)

    def _after_the_end(self, run: PlatformRun) -> dict[str, Any]:
        match self.pick.randrange(4):
            case 0 if len(self.runs) < MOST_RUNS:  # a retry under a new id
                first = run.original or run.id
                number = sum(other.original == first and other.tenant == run.tenant for other in self.runs) + 1
                named = first if self.pick.random() < 0.7 else run.id
                run = PlatformRun(f"{first}-again-{number}", run.tenant, run.priority, named)
                self.runs.append(run)
            case 1:  # under its own id, and counted
                run.retry += 1
            case 2 if not run.batch:  # under its own id, and not counted
                if self.pick.random() < 0.3:  # its start is never reported: its end alone says that it was another run
                    run.started, run.ended, run.percentage = self._now(), "", 0
                    return self._of_run(run)
            case _:
                return self._envelope("operation.progress", run, run.document("Running"))  # late
        run.started, run.ended, run.percentage = self._now(), "", 0
        return self._envelope("operation.started", run, run.document("Initiated"))

    def _of_batch(self, run: PlatformRun) -> dict[str, Any]:
        batch = {"batchId": run.batch, "batchName": f"{run.tenant} {run.batch}"}
        match self.pick.randrange(4):
            case 0:
                return self._envelope("batch.started", run, None, batch=batch | {"status": "Initiated"})
            case 1 if self.pick.random() < 0.3:
                return self._envelope("batch.completed", run, None, batch=batch | {"status": "Completed"})
        member = run.document(self.pick.choice([*ENDS.values(), "Timeout"]))
        return self._envelope("batch.operation.completed", run, member, batch=batch)

    def _envelope(
        self, name: str, run: PlatformRun, operation: dict[str, Any] | None, **parts: Any
    ) -> dict[str, Any]:  # fmt: skip
        stated = {"event": name, "timestamp": self._now(), "tenantId": run.tenant, "projectId": "project-1"}
        return stated | ({"operation": operation} if operation else {}) | parts

    def _now(self) -> str:
        return _iso(self.clock())


def spelled(id_: str) -> str:
    """Without digits: names that differ by these alone are of one job, whose runs a digest tells in one row."""
    return id_.translate(str.maketrans("0123456789", "abcdefghij"))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
