"""An operation at a moment: the snapshot of a running or an ended one, and what follows from it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from relay_sandbox.schema.requests import Play
from relay_sandbox.simulation.figures import Figures, figures
from relay_sandbox.simulation.timeline import snapshot, steps
from relay_sandbox.storage.records import Operation, Phase, Snapshot

RATE = 0.6  # dollars for an hour of a CPU


@dataclass(frozen=True, slots=True)
class View:
    """`now` is the moment it is seen at, or its end if that was before. Times are epoch seconds."""

    operation: Operation
    snapshot: Snapshot
    now: float
    figures: Figures

    @property
    def phases(self) -> Sequence[Phase]:
        return self.operation.plan.phases

    @property
    def percentage(self) -> int:
        return int(self.snapshot.percentage + 1e-6)

    @property
    def phase(self) -> str:
        return self.phases[self.snapshot.phase].name

    @property
    def completed(self) -> list[str]:
        pairs = zip(self.phases, self.snapshot.spans, strict=True)
        return [phase.name for phase, (_, end) in pairs if end is not None]

    @property
    def unfinished(self) -> str:
        """The phase that something is done of, but not all; empty between two phases."""
        start, end = self.snapshot.spans[self.snapshot.phase]
        return self.phase if start is not None and end is None and self.snapshot.fraction else ""

    @property
    def started(self) -> float | None:
        """Return the time at which it left Initiated."""
        operation = self.operation
        if operation.began is None or not operation.done:
            return None
        return operation.began + operation.plan.delay

    @property
    def elapsed(self) -> float:
        return max(0.0, self.now - self.started) if self.started is not None else 0.0

    @property
    def remaining(self) -> float:
        """Seconds, as far as anyone can know who sees only how far it is."""
        operation, done = self.operation, self.snapshot.percentage
        if operation.over:
            return 0.0
        waiting = operation.plan.delay if self.started is None else 0.0
        return waiting + sum(phase.seconds for phase in self.phases) * (100 - done) / 100

    @property
    def total(self) -> int:
        return self.figures.records

    @property
    def processed(self) -> int:
        return round(self.figures.records * self.snapshot.percentage / 100)

    @property
    def cost(self) -> float:
        """Dollars so far, of the time that the work would have taken at its own speed."""
        return self.operation.cpu * self.elapsed * self.operation.speed / 3600 * RATE


def view_at(operation: Operation, now: float) -> View:
    """Its state at `now`, but never further than the last step that was reported."""
    moment = min(now, operation.ended) if operation.ended is not None else now
    play = operation.request.parameters.get("sandbox")
    records = Play.model_validate(play).records if isinstance(play, dict) else None
    return View(operation, _snapshot(operation, moment), moment, figures(operation.seed, records))


def _snapshot(operation: Operation, now: float) -> Snapshot:
    if operation.last:
        return operation.last
    plan, began = operation.plan, operation.began
    if began is None or not operation.done:
        return snapshot(plan, now, now - 1.0, operation.preserved)  # before anything has begun
    plan_steps = steps(plan)
    if operation.done < len(plan_steps):  # until the next step is reported it has not happened
        now = min(now, began + plan_steps[operation.done].at)
    return snapshot(plan, began, now, operation.preserved)
