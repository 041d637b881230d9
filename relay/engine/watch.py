"""Measures of the watchdog: signs of life, moves and estimates of a run (relay/policy/watchdog.py)."""

from relay.engine.arrival import Arrival, ms
from relay.engine.records import RUNNING, STALLED, TERMINAL, WATCH, Operation, Ticks, Was
from relay.engine.state import Draft

TICKS = "ticks"  # the name of the only record of its kind
GAPS = 15  # between signs of life, that are kept
ECHO = 60_000  # ms within which a repetition is no sign of rhythm
ABSENCE = 120_000  # ms without a tick after which relay was away


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
    known = o.heard is not None
    if a.goes_on or known:
        _record_sign_of_life(d, o, was, repeated=False)
    if not a.goes_on:
        return
    percentage = a.event.percentage
    further = percentage is not None and percentage > (-1 if was.percentage is None else was.percentage)
    if not known or further or a.phase_end or a.phase not in ("", o.phase):
        o.moved = d.now
    o.phase = a.phase or o.phase
    if _plan(d, o, a) or not known:
        check_now(d, o.name)


def record_repeat(d: Draft, o: Operation, a: Arrival, was: Was) -> None:
    """Record a repetition, or what came late: a run that is stuck reports the same over and over, and that is life."""
    if a.progress and a.event.dated and was.rank == TERMINAL:
        o.went_on = max(a.at, o.went_on or 0)  # its next end is another one (relay/domain/run_ends.py)
    if not a.goes_on or was.rank == TERMINAL or o.heard is None:
        return
    _record_sign_of_life(d, o, was, repeated=True)
    if a.at >= was.at and a.phase not in ("", o.phase):  # a move, at whatever percentage
        o.moved, o.phase = d.now, a.phase


def _record_sign_of_life(d: Draft, o: Operation, was: Was, *, repeated: bool) -> None:
    """Neither the wait for the first progress is rhythm, nor a second report of one fact, nor relay's own absence."""
    last = o.heard
    if (
        last is not None
        and last <= d.now
        and was.rank == RUNNING
        and not (repeated and d.now - last < ECHO)
        and not _was_away(d, last)
    ):
        o.gaps = [d.now - last, *o.gaps][:GAPS]
    o.heard = d.now
    if o.alarms and d.score(STALLED, o.name) is not None:
        check_now(d, o.name)


def _was_away(d: Draft, since: int) -> bool:
    """Return whether relay was away after this moment, or is only just back."""
    if d.now - since < ABSENCE:
        return False
    ticks = d.get(Ticks, TICKS)
    return ticks is not None and (0 < ticks.last < d.now - ABSENCE or since < ticks.back)


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
