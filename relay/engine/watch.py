"""Memory of the watchdog: signs of life, moves and estimates of runs, and when it looks at them again.

What is wrong with them is decided in relay/policy/watchdog.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from relay.domain.documents import mapping
from relay.domain.facts import Space
from relay.domain.jobs import Run
from relay.engine import jobs
from relay.engine.arrival import Arrival, ms
from relay.engine.clock import TICKS, Ticks
from relay.engine.draft import Draft
from relay.engine.records import KEEP_OPERATION, MISSING, RUNNING, STALLED, TERMINAL, WATCH, Operation, Was
from relay.engine.runs import is_batch, run_of

# What is known of a run for the watchdog, in its operation
WATCHED = (
    "heard", "moved", "gaps", "phase", "estimate", "newest_estimate", "planned", "estimate_moves", "deadline", "alarms",
    "asked", "approval", "waited",
)  # fmt: skip
GAPS = 15  # between signs of life, that are kept
ECHO = 60_000  # ms within which a repetition is no sign of rhythm
ABSENCE = 120_000  # ms without a tick after which relay was away
LAST = '"last":true'  # in the text of alarms: people were notified that relay will forget the run
FORGOTTEN_AT_ONCE = 1000
MOST_LOOKED_AT = 20_000  # runs, for those to ask about


def check_now(d: Draft, operation: str) -> None:
    d.place(WATCH, operation, d.now)


def unwatch(d: Draft, operation: str) -> None:
    d.take_out(WATCH, operation)
    d.take_out(STALLED, operation)


def track(d: Draft, o: Operation, a: Arrival, was: Was) -> None:
    """Record an event that is neither late nor repeated. A run is watched from its first event to its end."""
    o.retained = 0
    if a.terminal:
        unwatch(d, o.name)
        return
    seen_before = o.heard is not None
    if a.goes_on or seen_before:
        _record_sign_of_life(d, o, a, was, repeated=False)
    if not a.goes_on:
        return
    percentage = a.event.percentage
    further = percentage is not None and percentage > (-1 if was.percentage is None else was.percentage)
    if not seen_before or further or a.phase_end or a.phase not in ("", o.phase):
        o.moved = d.now
    o.phase = a.phase or o.phase
    _note_approval(d, o, a)
    if _plan(d, o, a) or not seen_before:
        check_now(d, o.name)


def record_repeat(d: Draft, o: Operation, a: Arrival, was: Was) -> None:
    """Record a repetition, or what came late: a run that is stuck reports the same over and over, and that is life."""
    if a.progress and a.event.dated and was.rank == TERMINAL:
        o.went_on = max(a.at, o.went_on or 0)  # its next end is another one (relay/domain/run_ends.py)
    if not a.goes_on or was.rank == TERMINAL or o.heard is None:
        return
    _record_sign_of_life(d, o, a, was, repeated=True)
    if a.at >= was.at and a.phase not in ("", o.phase):  # a move, at whatever percentage
        o.moved, o.phase = d.now, a.phase


def _record_sign_of_life(d: Draft, o: Operation, a: Arrival, was: Was, *, repeated: bool) -> None:
    """Neither the wait for the first progress is rhythm, nor a second report of one fact, nor relay's own absence.

    Nor are phases that a sender reports without a percentage, such as jobs of a workflow: they last as long as they do.
    """
    last = o.heard
    if (
        last is not None
        and last <= d.now
        and was.rank == RUNNING
        and (not a.phase or a.event.percentage is not None)
        and not (repeated and d.now - last < ECHO)
        and not _was_away(d, last)
    ):
        o.gaps = [d.now - last, *o.gaps][:GAPS]
    o.heard = d.now
    if o.alarms and d.score(STALLED, o.name) is not None:
        check_now(d, o.name)


def _note_approval(d: Draft, o: Operation, a: Arrival) -> None:
    """Note what waits for a person; other phases report meanwhile, so it is over once that one goes on."""
    waits = a.event.operation and mapping(a.event.operation.document.get("progress")).get("waitsForApproval")
    if isinstance(waits, str) and not o.approval:
        o.approval = waits, d.now
    elif o.approval and not waits and a.phase == o.approval[0]:
        o.waited += max(0, d.now - o.approval[1])
        o.approval = None


def _was_away(d: Draft, since: int) -> bool:
    """Return whether relay was away after this moment, or is only just back."""
    if d.now - since < ABSENCE:
        return False
    ticks = d.look(Ticks, TICKS)
    return 0 < ticks.last < d.now - ABSENCE or since < ticks.back


def _plan(d: Draft, o: Operation, a: Arrival) -> bool:
    """Keep the first estimate of its end, how often that moved, and the deadline; return whether one is new."""
    run, estimate, deadline = a.event.operation, a.estimate, a.deadline
    first = estimate is not None and o.estimate is None
    if estimate is not None and o.estimate is None:
        started = ms(run.started) if run and run.started else d.now
        o.estimate = o.newest_estimate = estimate
        o.planned = max(0, estimate - started)
    elif estimate is not None and abs(estimate - (o.newest_estimate or 0)) >= max(ECHO, o.planned / 10):
        o.newest_estimate = estimate
        o.estimate_moves += 1
    if deadline is None or deadline == o.deadline:
        return first
    o.deadline = deadline
    return True


@dataclass(frozen=True, slots=True)
class Tick:
    """Sign of life of the watchdog; after more than `gap` ms without one, nothing is found wrong for `grace` ms.

    Runs that it has not seen to for 30 days are forgotten. Most of these had an open alarm, and are looked at a last
    time; with the watchdog off they are not, and leave all the same.
    Answer: (now, until when nothing may be found wrong, stalled runs, runs forgotten with an open alarm).
    """

    gap: int
    grace: int

    def decide(self, d: Draft) -> tuple[int, int, int, int]:
        d.each(_leave_old, d.first(WATCH, d.now - KEEP_OPERATION, FORGOTTEN_AT_ONCE))
        jobs.forget(d)
        ticks = d.edit(Ticks, TICKS)
        if d.now - ticks.last > self.gap:
            ticks.grace, ticks.back = d.now + self.grace, d.now
        ticks.last = d.now
        left, ticks.left = ticks.left, 0
        return d.now, ticks.grace, d.size(STALLED), left


@dataclass(frozen=True, slots=True)
class RunsDue:
    """Give out up to `most` runs for the watchdog, each not again for `pause` ms.

    What a process that died has not seen to, the next one does.
    Answer: (looked at, [(name, ticket, relay.domain.jobs.Run)]).
    """

    most: int
    pause: int

    def decide(self, d: Draft) -> tuple[int, list[tuple[str, int, Run]]]:
        again, operations = d.now + self.pause, d.first(WATCH, d.now, self.most)
        for operation in operations:
            d.place(WATCH, operation, again)
        runs = [(operation, again, run) for operation in operations if (run := d.attempt(_run_due, operation))]
        return len(operations), runs


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Set when the watchdog looks at these again: (operation, ticket, ms).

    An event that came since the run was given out has moved it, and decides.
    """

    times: Sequence[tuple[str, int, int]]

    def decide(self, d: Draft) -> None:
        for operation, ticket, at in self.times:
            if d.score(WATCH, operation) == ticket:
                d.place(WATCH, operation, at)


@dataclass(frozen=True, slots=True)
class AskedPlatform:
    """The platform was asked about these operations, and is about others first next time, also where it knows none."""

    operations: Sequence[str]

    def decide(self, d: Draft) -> None:
        for operation in self.operations:
            if d.get(Operation, operation):
                d.edit(Operation, operation).asked = d.now


@dataclass(frozen=True, slots=True)
class ForgetMissing:
    """The report that a run has not begun is too old, or cannot be read."""

    operation: str

    def decide(self, d: Draft) -> None:
        d.remove(MISSING, self.operation)


def is_unheard(o: Operation, since: int, space: Space) -> bool:
    """Return whether a run of this project had no event since then.

    Also one whose platform, tenant or project is not known; not a batch.
    """
    if not o.heard or not o.subject or is_batch(o):
        return False
    return o.heard <= since and Space.of(o.facts).filled(space) == space


def asked_about(o: Operation) -> int:
    """Return since when it waits to be asked about."""
    return max(o.heard or 0, o.asked)


def _run_due(d: Draft, operation: str) -> Run | None:
    """Return a run that goes on, and leave any other. One with an alarm is looked at a last time, however late."""
    o = d.get(Operation, operation)
    if o is None or o.heard is None or o.rank in (None, TERMINAL):
        _leave(d, operation)
        return None
    if d.now - o.heard >= KEEP_OPERATION and not _needs_last_message(d, operation):
        _leave(d, operation)
        return None
    return run_of(o)


def _leave_old(d: Draft, operation: str) -> bool:
    if _needs_last_message(d, operation):
        check_now(d, operation)
    else:
        _leave(d, operation)
    return True


def _needs_last_message(d: Draft, operation: str) -> bool:
    """Return whether an alarm of this run is open, and people do not know yet that relay will forget it."""
    o = d.look(Operation, operation)
    return d.score(STALLED, operation) is not None and bool(o.alarms) and LAST not in o.alarms


def _leave(d: Draft, operation: str) -> None:
    """Watch it no more. Where its alarm is open without a notice, the next tick counts it."""
    if d.score(STALLED, operation) is not None:
        o = d.get(Operation, operation)
        if o is None or not o.alarms or LAST not in o.alarms:
            d.edit(Ticks, TICKS).left += 1
    unwatch(d, operation)
