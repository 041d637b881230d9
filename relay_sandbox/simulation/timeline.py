"""The life of a simulated operation: what it is at any moment, as a pure function of its plan and the time.

Nothing is counted or remembered on the way, so a restart has nothing to replay.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import Literal, NamedTuple

from relay_sandbox.storage.records import Plan, Snapshot

STEP = 5  # percent between two progress events
INSTANT = 1e-6  # seconds: today's epoch plus a step's seconds is no more exact than that

Ending = Literal["Completed", "Failed", "Timeout"]


class Stretch(NamedTuple):
    """Work on one phase without a break, from one fraction of it to another."""

    start: float
    end: float
    phase: int
    low: float
    high: float


class Step(NamedTuple):
    """A step that is reported; `status` is the operation's from then on."""

    at: float
    event: str
    status: str
    phase: int
    percentage: float


def stretches(plan: Plan) -> tuple[list[Stretch], float, Ending]:
    """The work that is done, the moment it is over, and how."""
    work: list[Stretch] = []
    now = plan.delay
    ending: Ending = "Completed"
    for index in range(plan.first, len(plan.phases)):
        seconds = plan.phases[index].seconds
        low = 0.0
        if index == plan.trouble:
            reached = now + seconds * plan.at
            if plan.kind == "stall":
                work.append(Stretch(now, reached, index, 0.0, plan.at))
                if plan.pause is None:
                    return _cut(work, plan.timeout), plan.timeout, "Timeout"
                now, low = reached + plan.pause, plan.at
            for attempt in range(plan.failures if plan.kind == "failure" else 0):
                work.append(Stretch(now, now + seconds * plan.at, index, 0.0, plan.at))
                now += seconds * plan.at
                if attempt == len(plan.waits):
                    ending = "Failed"
                    break
                now += plan.waits[attempt]
        if ending == "Failed":
            break
        work.append(Stretch(now, now + seconds * (1 - low), index, low, 1.0))
        now = work[-1].end
    if now > plan.timeout:
        return _cut(work, plan.timeout), plan.timeout, "Timeout"
    return work, now, ending


def _cut(work: list[Stretch], end: float) -> list[Stretch]:
    """The stretches before `end`, the last one shortened to it."""
    before_end = [stretch for stretch in work if stretch.start < end]
    if before_end and before_end[-1].end > end:
        last = before_end[-1]
        high = last.low + (last.high - last.low) * (end - last.start) / (last.end - last.start)
        before_end[-1] = last._replace(end=end, high=high)
    return before_end


def _phase_marks(plan: Plan) -> list[float]:
    """The percentage at which each phase begins, and 100."""
    total = sum(phase.seconds for phase in plan.phases)
    return [0.0, *(100 * sofar / total for sofar in accumulate(phase.seconds for phase in plan.phases))]


def steps(plan: Plan) -> list[Step]:
    """All steps in order; the last one ends the operation."""
    work, end, ending = stretches(plan)
    last = {"Completed": "operation.completed"}.get(ending, "operation.failed")
    marks = _phase_marks(plan)
    reached = [Step(plan.delay, "operation.started", "Running", plan.first, marks[plan.first])]
    best = marks[plan.first]
    for stretch in work:
        lower, upper = (
            marks[stretch.phase] + part * (marks[stretch.phase + 1] - marks[stretch.phase])
            for part in (stretch.low, stretch.high)
        )
        for percentage in _multiples(best, upper):
            # A percentage can lie within a rounding error of both ends.
            share = min(1.0, max(0.0, (percentage - lower) / (upper - lower))) if upper > lower else 1.0
            at = stretch.start + share * (stretch.end - stretch.start)
            reached.append(Step(at, "operation.progress", "Running", stretch.phase, percentage))
            best = percentage
        best = max(best, upper)
        if stretch.high == 1.0:
            reached.append(Step(stretch.end, "operation.phase.completed", "Running", stretch.phase, best))
    # A delay beyond the time-out: it never starts.
    reached = [step for step in reached if step.at < end or (step.at == end and ending == "Completed")]
    return [*reached, Step(end, last, ending, reached[-1].phase if reached else plan.first, best)]


def _multiples(above: float, upto: float) -> Iterator[float]:
    first = int(above // STEP + 1)
    last = min(int((upto + 1e-9) // STEP), 100 // STEP - 1)
    return (float(number * STEP) for number in range(first, last + 1))


def snapshot(plan: Plan, began: float, now: float, preserved: tuple[tuple[float, float], ...] = ()) -> Snapshot:
    """Return the state of the operation at `now`; `preserved` are the times of the phases before the first."""
    work, _, _ = stretches(plan)
    marks, since = _phase_marks(plan), now - began + INSTANT
    spans: list[tuple[float | None, float | None]] = [*preserved[: plan.first]]
    spans += [(None, None)] * (len(plan.phases) - len(spans))
    phase, fraction, attempt = plan.first, 0.0, 1
    for stretch in work:
        if stretch.start > since:
            break
        took = stretch.end - stretch.start
        share = 1.0 if since >= stretch.end or not took else (since - stretch.start) / took
        done = stretch.low + (stretch.high - stretch.low) * share
        fresh = stretch.phase != phase or spans[stretch.phase][0] is None
        attempt += plan.kind == "failure" and not fresh
        phase, fraction = stretch.phase, done if fresh else max(fraction, done)
        start = spans[phase][0] or began + stretch.start
        spans[phase] = (start, began + stretch.end if done == 1.0 else None)
    percentage = marks[phase] + fraction * (marks[phase + 1] - marks[phase])
    return Snapshot(min(percentage, 100.0), phase, fraction, tuple(spans), attempt)


def expected_seconds(plan: Plan) -> float:
    """Seconds until it is done if nothing goes wrong: what an estimate can know at the start."""
    return plan.delay + plan.work
