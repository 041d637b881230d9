"""Alarms of a run that is silent, flat, overdue, past its deadline or slow. Pure; times are seconds since the epoch.

An alarm is decided from the run as the store has it, which takes the alarm only if the run is still so (`Event.watch`):
of two processes that decide the same, one notifies.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from typing import Any

from relay.domain.documents import iso
from relay.domain.events import SOURCE, Document, Event
from relay.domain.facts import merge_documents
from relay.domain.jobs import LONGER, Alarm, Alarms, Run
from relay.domain.parsing import ENVELOPE, parse
from relay.policy.watchdog_settings import Watchdog

LEAST_GAPS = 3  # fewer are no rhythm
RHYTHM = 3  # silent for so many of the gaps that this run usually makes
LEAST_OVERDUE = 600.0  # however short a run was planned
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


def _silent(run: Run, settings: Watchdog) -> float | None:
    if settings.silent is None:
        return None
    return run.last_event + max(settings.silent, RHYTHM * rhythm(run), _unusual(run, "silent"))


def rhythm(run: Run) -> float:
    """Return the usual seconds between two signs of life; 0 while there were too few."""
    return median(run.gaps) if len(run.gaps) >= LEAST_GAPS else 0.0


def _flat(run: Run, settings: Watchdog) -> float | None:
    if settings.flat is None or run.percentage is None:  # without a percentage nothing can be flat
        return None
    # After a silence, people first read that it goes on.
    since = run.moved if "flat" in run.alarms.open else max(run.moved, run.alarms.resumed)
    return since + max(settings.flat, _unusual(run, "flat"))


def _unusual(run: Run, rule: str) -> float:
    """Return the seconds after which a rule that comes and goes all the time alarms again."""
    return LONGER * run.alarms.ended[rule].longest if run.alarms.flapping(rule) else 0.0


def _overdue(run: Run, settings: Watchdog) -> float | None:
    if settings.overdue_pct is None or run.estimate is None:
        return None
    return run.estimate + max(LEAST_OVERDUE, run.planned * settings.overdue_pct / 100)


def _deadline(run: Run, settings: Watchdog) -> float | None:
    if settings.deadline_grace is None or run.deadline is None:
        return None
    return run.deadline + settings.deadline_grace


# The gravest first, as in GRAVITY. Each returns the moment from which it holds unless an event arrives first.
RULES: Mapping[str, Callable[[Run, Watchdog], float | None]] = {
    "deadline": _deadline, "overdue": _overdue, "silent": _silent, "flat": _flat,
    "slow": lambda run, settings: run.slow_since if settings.slow_pct is not None else None,
}  # fmt: skip
# The field of the run with the moment since when.
SINCE = {"deadline": "deadline", "overdue": "estimate", "silent": "last_event", "flat": "moved", "slow": "slow_since"}
DEPENDS = {"silent": "heard", "flat": "moved"}  # rules that come and go, by the store's field that ends them
STORED = {"heard": "last_event", "moved": "moved"}


def decide(run: Run, settings: Watchdog, now: float, *, grace: bool = False) -> Alert | None:
    """Return the alarm or recovery to announce now. In the grace after relay's own absence no alarm is raised."""
    was = run.alarms
    silence = _silent(run, settings)
    if "silent" in was.open and (silence is None or silence > now):
        was = replace(was, resumed=now)
        run = replace(run, alarms=was)
    holds = _holding(run, settings, now)
    fresh = [] if grace else [rule for rule in holds if rule not in was.open]
    over = [rule for rule in was.open if rule not in holds]
    left = {rule: alarm for rule, alarm in was.open.items() if rule in holds}
    if fresh:
        raised = {rule: Alarm(now, getattr(run, SINCE[rule])) for rule in fresh}
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
    moments = [moment for rule, of in RULES.items() if (moment := of(run, settings)) and rule not in was.open]
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


def _holding(run: Run, settings: Watchdog, now: float) -> list[str]:
    """List the rules that hold, the gravest first; a silent run is not flat as well, nor an overdue one slow."""
    moments = {rule: of(run, settings) for rule, of in RULES.items()}
    holds = [rule for rule, moment in moments.items() if moment is not None and moment <= now]
    repeats = run.last_event > run.moved and "silent" not in holds
    covered = {"flat": not repeats, "slow": not {"overdue", "deadline"}.isdisjoint(holds)}
    holds = [rule for rule in holds if rule in run.alarms.open or not covered.get(rule)]
    return holds + ["slow"] * ("slow" in run.alarms.open and "slow" not in holds and settings.slow_pct is not None)


def _stalled(run: Run, alarms: Alarms, now: float) -> Alert:
    rule = alarms.shown
    fresh = [name for name in alarms.open if name not in run.alarms.open or name == rule]
    depends = {DEPENDS[name] for name in fresh if name in DEPENDS}
    return Alert("operation.stalled", {"stalled": _stalled_part(run, alarms, now)}, alarms, tuple(sorted(depends)))


def _recovered(run: Run, over: Sequence[str], alarms: Alarms, now: float) -> Alert:
    rule = min(over, key=[*RULES].index)
    ends = {"silent": run.last_event, "flat": run.moved}
    lasted = {name: max(0, round(ends.get(name, now) - run.alarms.open[name].since)) for name in over}
    for name in over:
        alarms = alarms.with_ended(name, lasted[name])
    flapping = rule in DEPENDS and alarms.flapping(rule)
    part = {"rule": rule, "seconds": lasted[rule], "flapping": flapping, "episode": alarms.episode}
    standing = {"stalled": _stalled_part(run, alarms, now)} if alarms.open else {}  # something else is still not right
    return Alert("operation.recovered", {"recovered": part, **standing}, alarms, raised=run.alarms.open[rule].at)


def _stalled_part(run: Run, alarms: Alarms, now: float) -> dict[str, Any]:
    rule = alarms.shown
    alarm = alarms.open[rule]
    return {
        "rule": rule,
        "since": iso(alarm.since),
        "seconds": max(0, round(now - alarm.since)),
        "percentage": run.percentage,
        "phase": run.phase,
        "lastEvent": iso(run.last_event),
        "rhythm": round(gap) if (gap := rhythm(run)) else None,
        "firstEstimate": iso(run.estimate),
        "estimateMoved": run.estimate_moves,
        "deadline": iso(run.deadline),
        "reminder": alarm.reminders,
        "last": alarm.last,
        "episode": alarms.episode,
    }
