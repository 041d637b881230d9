"""Ticks and looks of the watchdog, and whose turn it is to ask the platform (relay/policy/watchdog.py decides)."""

import re
from contextlib import suppress

from relay.domain.facts import Space
from relay.domain.jobs import Run
from relay.engine import jobs
from relay.engine.entries import (
    AskedPlatform,
    ForgetMissing,
    LookAgain,
    Reconciled,
    ReportTick,
    RunsDue,
    Settings,
    TakeTurn,
    Tick,
)
from relay.engine.records import KEEP_OPERATION, MISSING, STALLED, TERMINAL, WATCH, Operation, Ticks
from relay.engine.runs import is_batch, run_of
from relay.engine.state import Draft
from relay.engine.watch import TICKS, check_now, unwatch

LAST = '"last":true'  # in the text of alarms: people were notified that relay will forget the run
JITTER = 5000  # ms: clocks are put right by so little all the time
FORGOTTEN_AT_ONCE = 1000
MOST_LOOKED_AT = 20_000  # runs, for those to ask about
_MOMENT = re.compile(r'("(?:at|since|resumed)":)(\d+(?:\.\d+)?)')  # in the text of alarms, in seconds


def tick(d: Draft, entry: Tick, _: Settings) -> tuple[int, int, int, int]:
    """Record a sign of life of the watchdog, and forget the runs that it has not seen to for 30 days.

    Most of these had an open alarm, and are looked at a last time; with the watchdog off they are not, and leave
    all the same.
    """
    ticks = d.edit(Ticks, TICKS)
    if d.now - ticks.last > entry.gap:
        ticks.grace, ticks.back = d.now + entry.grace, d.now
    ticks.last = d.now
    for operation in d.readable(Operation, d.first(WATCH, d.now - KEEP_OPERATION, FORGOTTEN_AT_ONCE)):
        if _needs_last_message(d, operation):
            check_now(d, operation)
        else:
            _leave(d, operation)
    jobs.forget(d)
    left, ticks.left = ticks.left, 0
    return d.now, ticks.grace, d.size(STALLED), left


def due(d: Draft, entry: RunsDue, _: Settings) -> tuple[int, list[tuple[str, int, Run]]]:
    """Give out runs that may be due. What a process that died has not seen to, the next one does."""
    again, runs = d.now + entry.pause, []
    operations = d.first(WATCH, d.now, entry.most)
    readable = d.readable(Operation, operations)
    for operation in operations:
        if operation not in readable:
            d.place(WATCH, operation, again)
        elif o := _watched(d, operation):
            d.place(WATCH, operation, again)
            with suppress(ValueError, TypeError):  # one that is damaged costs no other its turn
                runs.append((operation, again, run_of(o)))
        else:
            _leave(d, operation)
    return len(operations), runs


def look_again(d: Draft, entry: LookAgain, _: Settings) -> None:
    """Set the next look at each. An event that came since the run was given out has moved it, and decides."""
    for operation, ticket, at in entry.times:
        if d.score(WATCH, operation) == ticket:
            d.place(WATCH, operation, at)


def take_turn(d: Draft, entry: TakeTurn, _: Settings) -> int | None:
    ticks = d.edit(Ticks, TICKS)
    if d.now - ticks.asked < entry.period:
        return None
    ticks.asked = d.now
    return ticks.reconciled


def reconciled(d: Draft, entry: Reconciled, _: Settings) -> None:
    d.edit(Ticks, TICKS).reconciled = entry.at


def asked(d: Draft, entry: AskedPlatform, _: Settings) -> None:
    """Ask about others first next time, also where the platform does not know these any more."""
    for operation in entry.operations:
        if d.get(Operation, operation):
            d.edit(Operation, operation).asked = d.now


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


def report_tick(d: Draft, entry: ReportTick, _: Settings) -> None:
    failed = d.edit(Ticks, TICKS).failed
    if entry.error:
        failed[entry.name] = f"{d.now // 1000} {entry.error}"
    else:
        failed.pop(entry.name, None)


def forget_missing(d: Draft, entry: ForgetMissing, _: Settings) -> None:
    d.remove(MISSING, entry.operation)


def _watched(d: Draft, operation: str) -> Operation | None:
    """Return a run that goes on. One with an alarm is looked at a last time, however late that is."""
    o = d.get(Operation, operation)
    if o is None or o.heard is None or o.rank in (None, TERMINAL):
        return None
    o = _set_right(d, o)
    young = d.now - (o.heard or 0) < KEEP_OPERATION
    return o if young or _needs_last_message(d, operation) else None


def _needs_last_message(d: Draft, operation: str) -> bool:
    """Return whether an alarm of this run is open, and people do not know yet that relay will forget it."""
    o = d.get(Operation, operation) if d.score(STALLED, operation) is not None else None
    return o is not None and bool(o.alarms) and LAST not in o.alarms


def _leave(d: Draft, operation: str) -> None:
    """Watch it no more. Where its alarm is open without a notice, the next tick counts it."""
    if d.score(STALLED, operation) is not None:
        o = d.get(Operation, operation)
        if o is None or not o.alarms or LAST not in o.alarms:
            d.edit(Ticks, TICKS).left += 1
    unwatch(d, operation)


def _set_right(d: Draft, o: Operation) -> Operation:
    """Date what was recorded before the clock was set back by the right clock: signs of life, moves and alarms."""
    moments = [o.heard or 0, o.moved or 0, *(float(at) * 1000 for _, at in _MOMENT.findall(o.alarms))]
    if max(moments) <= d.now:
        return o
    o = d.edit(Operation, o.name)
    o.heard = None if o.heard is None else _by_right_clock(d, o.heard)
    o.moved = None if o.moved is None else _by_right_clock(d, o.moved)

    def dated(match: re.Match[str]) -> str:
        moment = float(match[2]) * 1000
        return match[0] if moment <= d.now else f"{match[1]}{_by_right_clock(d, round(moment)) / 1000:.3f}"

    o.alarms = _MOMENT.sub(dated, o.alarms)
    return o


def _by_right_clock(d: Draft, moment: int) -> int:
    """Return a moment by the right clock; as of now where the known step back does not account for it."""
    if moment <= d.now:
        return moment
    ticks = d.readable(Ticks, [TICKS]).get(TICKS) or Ticks(TICKS)
    known = ticks.step and d.now < ticks.stepped + ticks.step and moment - d.now > JITTER
    return min(d.now, moment - ticks.step) if known else d.now
