"""Alarms of a run that is late or silent. Pure; times are seconds since the epoch.

An alarm is decided from the run as the store has it, which takes the alarm only if the run is still so (`Event.watch`):
of two processes that decide the same, one notifies.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from typing import Any, NamedTuple

from relay.domain.documents import iso
from relay.domain.events import SOURCE, Document, Event
from relay.domain.facts import merge_documents
from relay.domain.jobs import Alarm, Alarms, Run
from relay.domain.parsing import ENVELOPE, parse
from relay.policy.watchdog_settings import Watchdog

RHYTHM, LONGEST = 3, 1.5  # silent for so many of the gaps that this run usually makes, and of its longest pause
LEAST_GAPS = 2  # three signs of life; fewer are no rhythm
MOST = 86_400.0  # seconds of a silence by which the next one is measured
BURST = 1 / 15  # of `silent`: signs of life within it are one moment, such as a run's that names its jobs
STANDSTILL = 2  # so many times `silent`, a percentage that does not move is silent as well
OVERDUE, LEAST_OVERDUE = 0.2, 600.0  # of the planned time, and seconds, that are granted beyond an estimate
TO_SAY_SO = 120.0  # seconds in which a platform may report that a run reached its limit
LEAVES = 29 * 86_400.0  # silent for so long: the store forgets the run a day later
SOON, SELDOM = 300.0, 3600.0  # seconds until a run is checked again, at most; and one with an open alarm


@dataclass(frozen=True, slots=True)
class Alert:
    """An alarm or a recovery to announce, and the alarms that are open after it."""

    name: str  # operation.stalled or operation.recovered
    parts: Document  # `stalled` and `recovered` of the event's body
    alarms: Alarms
    depends: tuple[str, ...] = ()  # keys of STORED: the alert is outdated if one has changed
    raised: float = 0.0  # of a recovery: when the alarm that is over was raised


class Finding(NamedTuple):
    """Alarm of a rule, unless an event arrives first.

    by  limit, estimate, history (of its job) or start, of what is late; events or progress, of what is silent
    """

    by: str
    since: float  # since when no event came or nothing moved, or when the run should have been over
    due: float  # when it is an alarm


def _late(run: Run, settings: Watchdog) -> Finding | None:
    if settings.late is None:
        return None
    began, found = _began(run), []
    if run.deadline is not None:
        found.append(Finding("limit", run.deadline, run.deadline + TO_SAY_SO))
    if run.estimate is not None:  # which knows more of this run than the runs before it
        granted = run.waited + max(LEAST_OVERDUE, run.planned * OVERDUE)
        found.append(Finding("estimate", run.estimate, run.estimate + granted))
    elif run.late_after is not None:
        due = began + run.waited + run.late_after
        found.append(Finding("history", due, due))
    if not found and not _silent(run, settings) and "silent" not in run.alarms.open:
        due = (run.last_event if run.batch else run.moved) + settings.late  # not of a start that is old when it comes
        found.append(Finding("start", due, due))
    return min(found, key=lambda its: its.due, default=None)


def _began(run: Run) -> float:
    """Return when it began; a batch goes on with its members, and platforms write year 1 where they do not know."""
    if run.started is None or run.batch or run.last_event - run.started >= LEAVES:
        return run.last_event
    return run.started


def _silent(run: Run, settings: Watchdog) -> Finding | None:
    """Find a rhythm that broke, or a percentage that does not move whatever else arrives."""
    if settings.silent is None:
        return None
    has_rhythm = len(run.gaps) >= LEAST_GAPS and sum(run.gaps) >= settings.silent * BURST
    longest = max(run.alarms.longest, *run.gaps) if has_rhythm else run.alarms.longest
    usual = max(RHYTHM * rhythm(run), LONGEST * longest)
    found = []
    if has_rhythm:
        found.append(Finding("events", run.last_event, run.last_event + max(settings.silent, usual)))
    # A run that states 0 at its start, or of whose job others are known, may report its end alone.
    if run.percentage is not None and not run.batch and (has_rhythm or (run.percentage and run.late_after is None)):
        due = run.moved + max(STANDSTILL * settings.silent, usual)
        came = run.last_event > run.moved
        found.append(Finding("progress", run.moved, due) if came else Finding("events", run.last_event, due))
    return min(found, key=lambda its: its.due, default=None)


def _of_progress(alarms: Alarms) -> bool:
    return "silent" in alarms.open and alarms.open["silent"].by == "progress"


# The gravest first, as in GRAVITY.
RULES: Mapping[str, Callable[[Run, Watchdog], Finding | None]] = {"late": _late, "silent": _silent}
STORED = {"heard": "last_event", "moved": "moved"}  # fields of the store that end a silence, and of the run


def rhythm(run: Run) -> float:
    """Return the usual seconds between two signs of life; 0 while there were too few."""
    return median(run.gaps) if len(run.gaps) >= LEAST_GAPS else 0.0


def _is_over(rule: str, run: Run, settings: Watchdog) -> bool:
    """Return whether a fact ended an alarm: an event, a move, or a limit that was put off; not another estimate."""
    alarm = run.alarms.open[rule]
    if rule == "late":
        put_off = alarm.by == "limit" and run.deadline is not None and run.deadline > alarm.since
        return settings.late is None or put_off
    return settings.silent is None or _ended(run) > alarm.since


def _ended(run: Run) -> float:
    """Return when the open silence ended, if it did."""
    return run.moved if _of_progress(run.alarms) else run.last_event


def decide(run: Run, settings: Watchdog, now: float, *, grace: bool = False) -> Alert | None:
    """Return the alarm or recovery to announce now.

    No alarm is raised in the grace after relay's own absence, nor while the run waits for a person's approval.
    """
    was, grace = run.alarms, grace or run.waits
    if "silent" in was.open and _is_over("silent", run, settings):  # so people first read that it goes on
        lasted = min(MOST, _ended(run) - was.open["silent"].since)
        was = replace(was, longest=max(was.longest, lasted))
        run = replace(run, alarms=was)
    holds = {rule: found for rule, of in RULES.items() if (found := of(run, settings)) and found.due <= now}
    goes_on = [rule for rule, alarm in was.open.items() if rule in holds and holds[rule].by == alarm.by]
    over = [rule for rule in was.open if rule not in goes_on and _is_over(rule, run, settings)]
    left = {rule: alarm for rule, alarm in was.open.items() if rule not in over}
    raised = {rule: Alarm(now, found.since, found.by) for rule, found in holds.items() if rule not in was.open}
    if raised and not grace:
        return _stalled(run, replace(was, open=left | raised, episode=was.episode + 1), now)
    if over:
        return _recovered(run, over, replace(was, open=left), now)
    if not was.open or grace:
        return None
    alarm, reminded = was.open[was.shown], None
    due = sum(now - alarm.at >= after for after in settings.remind)
    if now - run.last_event >= LEAVES and not alarm.last:
        reminded = replace(alarm, reminders=alarm.reminders + 1, last=True)
    elif due > alarm.reminders:  # of several that fell due at once, one is enough
        reminded = replace(alarm, reminders=due)
    return _stalled(run, replace(was, open={**was.open, was.shown: reminded}), now) if reminded else None


def next_look(run: Run, settings: Watchdog, now: float, grace_until: float = 0.0) -> float:
    """Return when something may be due if no event arrives until then."""
    was = run.alarms
    moments = [found.due for rule, of in RULES.items() if rule not in was.open and (found := of(run, settings))]
    if was.open:
        moments += [was.open[was.shown].at + after for after in settings.remind]
    coming = [moment for moment in (*moments, grace_until) if moment > now]
    # What happens to a stalled run is seen at once, but not what happens to the members of a batch.
    return min((*coming, now + (SELDOM if was.open and not run.batch else SOON)))


def event_of(alert: Alert, run: Run, history: Sequence[Event], now: float) -> Event:
    """Return the alert as an event with all that the run's history states. Raises InvalidEvent where that is none."""
    stated = merge_documents(history)
    merged = {name: value for name, value in stated.items() if name not in LEFT_OUT}
    own_id = next((event.own_id for event in reversed(history) if event.own_id), run.subject)
    if run.batch:
        batch = stated.get("batch", {})  # a batch in the fields of an operation: its name, and its address
        named = {"operationName": batch.get("batchName"), "trackingUrl": batch.get("trackingUrl")}
        merged, own_id = {key: value for key, value in named.items() if value}, run.subject
    elif own_id != run.subject:
        merged["originalOperationId"] = run.subject
    status = "Stalled" if alert.name == "operation.stalled" else "Running"
    operation = {**merged, "operationId": own_id, "status": status, "retryNumber": run.retry}
    when = datetime.fromtimestamp(now, UTC)
    document = {"event": alert.name, "timestamp": when.isoformat(), "operation": operation, **alert.parts}
    for event in history:
        origin = (("tenantId", event.tenant), ("projectId", event.project))
        document |= {key: value for key, value in origin if value}
    unchanged = {name: round(getattr(run, STORED[name]) * 1000) for name in alert.depends}
    was = run.alarms.dump() if run.alarms_text is None else run.alarms_text
    watch = {"was": was, "becomes": alert.alarms.dump(), "open": bool(alert.alarms.open), **unchanged}
    watch |= {"batch": True} if run.batch else {}
    watch |= {"raised": round(alert.raised * 1000)} if alert.raised else {}
    spaces = history[-1].spaces if history else {}
    return replace(parse(document, source=SOURCE, received_at=when), watch=watch, spaces=spaces)


LEFT_OUT = {*ENVELOPE, "phase", "results", "error", "cancellation", "batch", "stalled", "recovered"}


def _stalled(run: Run, alarms: Alarms, now: float) -> Alert:
    rule = alarms.shown
    fresh = [name for name in alarms.open if name not in run.alarms.open or name == rule]
    depends = ("moved" if _of_progress(alarms) else "heard",) if "silent" in fresh else ()
    return Alert("operation.stalled", {"stalled": _stalled_part(run, alarms, now)}, alarms, depends)


def _recovered(run: Run, over: Sequence[str], alarms: Alarms, now: float) -> Alert:
    rule = min(over, key=[*RULES].index)
    alarm = run.alarms.open[rule]
    lasted = max(0, round((_ended(run) if rule == "silent" else now) - alarm.since))
    part = {"rule": rule, "by": alarm.by, "seconds": lasted, "episode": alarms.episode}
    standing = {"stalled": _stalled_part(run, alarms, now)} if alarms.open else {}  # something else is still not right
    return Alert("operation.recovered", {"recovered": part, **standing}, alarms, raised=alarm.at)


def _stalled_part(run: Run, alarms: Alarms, now: float) -> dict[str, Any]:
    rule = alarms.shown
    alarm = alarms.open[rule]
    return {
        "rule": rule,
        "by": alarm.by,
        "since": iso(alarm.since),
        "seconds": max(0, round(now - alarm.since)),
        "percentage": run.percentage,
        "phase": run.phase,
        "lastEvent": iso(run.last_event),
        "began": iso(_began(run)),
        "running": max(0, round(now - _began(run))),
        "rhythm": round(gap) if (gap := rhythm(run)) else None,
        "firstEstimate": iso(run.estimate),
        "estimateMoved": run.estimate_moves,
        "deadline": iso(run.deadline),
        "reminder": alarm.reminders,
        "last": alarm.last,
        "episode": alarms.episode,
    }
