"""When a run raises an alarm: it is silent, flat, overdue or past its deadline. Pure; all times are passed in.

Each rule returns the time at which it fires unless an event arrives first. An alarm is decided from the run as the
store keeps it, and the store takes it only if the run is still so (`Event.watch`): of two processes that decide the
same, one is heard. Times are seconds since the epoch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from relay.configfile.units import duration
from relay.configfile.validation import Duration, DurationText, Off, Section, off_as_none
from relay.domain.events import Document, Event
from relay.domain.facts import merge_documents
from relay.domain.jobs import GRAVITY, LONGER, Alarm, Alarms, Run
from relay.domain.parsing import ENVELOPE, parse
from relay.policy.missing import Expectation

SOURCE = "relay"  # what relay's own events come from
LEAST_GAPS = 3  # fewer are no rhythm
RHYTHM = 3  # silent for so many of the gaps that this run usually makes
LEAST_OVERDUE = 600.0  # however short a run was planned
LEAVES = 29 * 86_400.0  # silent for so long: the store forgets the run a day later
SOON, SELDOM = 300.0, 3600.0  # seconds until a run is checked again, at most; and one with an open alarm


def _patience(raw: object) -> object:
    if off_as_none(raw) is None:
        return None
    seconds = duration(raw)
    if not seconds:
        raise ValueError("expected more than 0; write off to go without this rule")
    return seconds


def _reminders(raw: object) -> object:
    """`off` is no reminder, and a lone one a list of one."""
    if off_as_none(raw) is None:
        return ()
    return [raw] if isinstance(raw, str | int | float) else raw


Patience = Annotated[float | None, BeforeValidator(_patience, json_schema_input_type=DurationText | Off | None)]
Percentage = Annotated[float, Field(ge=0, le=1000)]
Share = Annotated[Percentage | None, BeforeValidator(off_as_none, json_schema_input_type=Percentage | Off | None)]
Times = Annotated[
    tuple[Duration, ...],
    BeforeValidator(_reminders, json_schema_input_type=list[Duration] | DurationText | Off | None),
    Field(max_length=10),
]


# Settings by the word in `level`; their defaults are those of `normal`.
LEVELS: Mapping[object, Mapping[str, float]] = {
    "normal": {},
    "strict": {
        "silent": 300.0, "flat": 600.0, "overdue_pct": 10.0, "deadline_grace": 30.0, "slow_pct": 10.0,
        "quick_pct": 75.0, "missing": 600.0,
    },
}  # fmt: skip


class Watchdog(Section):
    """How long a run may be silent, or late, before it raises an alarm."""

    level: Literal["normal", "strict"] = "normal"
    silent: Patience = 900.0  # no event
    flat: Patience = 1800.0  # events, but neither percentage nor phase moves
    overdue_pct: Share = 20.0  # of the planned time, after the first estimate
    deadline_grace: Patience = 120.0  # after timeoutAt
    slow_pct: Share = 20.0  # beyond what 95 of 100 successes of its job take
    quick_pct: Share = 50.0  # of what 95 of 100 take at least; it is told with the outcome
    missing: Patience = 1800.0  # after a run should have begun that `expect` names
    expect: tuple[Expectation, ...] = ()
    remind: Times = (1800.0, 7200.0, 43_200.0)
    startup_grace: Duration = 600.0  # after relay itself was away

    @model_validator(mode="before")
    @classmethod
    def _of_level(cls, raw: Any) -> Any:
        """Take from `level` what is not said."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("level"), str):
            return raw
        return {**LEVELS.get(raw["level"], {}), **raw}


def _word(raw: object) -> object:
    """`off` is none; another word is a level."""
    if off_as_none(raw) is None:
        return None
    if isinstance(raw, str) and raw not in LEVELS:
        raise ValueError("expected off, normal, strict, or keys and values")
    return {"level": raw} if isinstance(raw, str) else raw


WatchdogLevel = Annotated[
    Watchdog | None,
    BeforeValidator(_word, json_schema_input_type=Watchdog | Off | Literal["normal", "strict"] | None),
]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alarm or a recovery to announce, and the alarms that are open after it."""

    name: str  # operation.stalled or operation.recovered
    parts: Document  # `stalled` and `recovered` of the event's body
    alarms: Alarms
    depends: tuple[str, ...] = ()  # `heard`, `moved`: the alert is outdated if that has changed
    raised: float = 0.0  # of a recovery: when the alarm that is over was raised


def _silent(run: Run, settings: Watchdog) -> float | None:
    if settings.silent is None:
        return None
    return run.last_event + max(settings.silent, RHYTHM * rhythm(run), _unusual(run, "silent"))


def rhythm(run: Run) -> float:
    """The seconds that usually pass between two of its signs of life; 0 while there were too few."""
    return median(run.gaps) if len(run.gaps) >= LEAST_GAPS else 0.0


def _flat(run: Run, settings: Watchdog) -> float | None:
    """Where no percentage is reported nothing can be flat. After a silence, people first hear that it goes on."""
    if settings.flat is None or run.percentage is None:
        return None
    since = run.moved if "flat" in run.alarms.open else max(run.moved, run.alarms.resumed)
    return since + max(settings.flat, _unusual(run, "flat"))


def _unusual(run: Run, rule: str) -> float:
    """What comes and goes all the time is told only once it lasts much longer than ever; then it may be for good."""
    return LONGER * run.alarms.ended[rule].longest if run.alarms.flapping(rule) else 0.0


def _overdue(run: Run, settings: Watchdog) -> float | None:
    """By the first estimate: one that slides along with the run would never be late."""
    if settings.overdue_pct is None or run.estimate is None:
        return None
    return run.estimate + max(LEAST_OVERDUE, run.planned * settings.overdue_pct / 100)


def _deadline(run: Run, settings: Watchdog) -> float | None:
    if settings.deadline_grace is None or run.deadline is None:
        return None
    return run.deadline + settings.deadline_grace


def _slow(run: Run, settings: Watchdog) -> float | None:
    return run.slow_since if settings.slow_pct is not None else None


_MOMENTS = {"deadline": _deadline, "overdue": _overdue, "silent": _silent, "flat": _flat, "slow": _slow}
# The gravest first. Each gives the moment from which it holds.
RULES: Mapping[str, Callable[[Run, Watchdog], float | None]] = {name: _MOMENTS[name] for name in GRAVITY}
# The field of the run that says since when.
SINCE = {"deadline": "deadline", "overdue": "estimate", "silent": "last_event", "flat": "moved", "slow": "slow_since"}
COMING_AND_GOING = ("silent", "flat")  # the rules that may be silenced by it; the others are by the clock
DEPENDS = {"silent": ("heard",), "flat": ("moved",)}  # as the store calls them
STORED = {"heard": "last_event", "moved": "moved"}


def decide(run: Run, settings: Watchdog, now: float, *, grace: bool = False) -> Alert | None:
    """What to announce of this run now, if anything. In the grace after relay's own absence no alarm is raised."""
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
    if was.open and not grace:
        alarm = was.open[was.shown]
        if now - run.last_event >= LEAVES and not alarm.last:
            last = replace(alarm, reminders=alarm.reminders + 1, last=True)
            return _stalled(run, replace(was, open={**was.open, was.shown: last}), now)
        due = sum(now - alarm.at >= after for after in settings.remind)
        if due > alarm.reminders:  # of several that fell due at once, one is enough
            return _stalled(run, replace(was, open={**was.open, was.shown: replace(alarm, reminders=due)}), now)
    return None


def next_look(run: Run, settings: Watchdog, now: float, grace_until: float = 0.0) -> float:
    """When something may be due if nothing happens until then; what happens may bring it forward."""
    was = run.alarms
    moments = [moment for rule, of in RULES.items() if (moment := of(run, settings)) and rule not in was.open]
    if was.open:
        moments += [was.open[was.shown].at + after for after in settings.remind]
    coming = [moment for moment in (*moments, grace_until) if moment > now]
    # What happens to a stalled run is seen at once, but not what happens to the members of a batch.
    return min((*coming, now + (SELDOM if was.open and not run.batch else SOON)))


def event_of(alert: Alert, run: Run, history: Sequence[Event], now: float) -> Event:
    """The alert as an ordinary event with all that is known of the operation. `history` is the run's own.

    InvalidEvent if what its documents say together makes no sense.
    """
    stated = merge_documents(history)
    merged = {name: value for name, value in stated.items() if name not in LEFT_OUT}
    own = next((event.own_id for event in reversed(history) if event.own_id), run.subject)
    if run.batch:
        merged, own = _as_operation(stated.get("batch", {})), run.subject
    elif own != run.subject:
        merged["originalOperationId"] = run.subject
    status = "Stalled" if alert.name == "operation.stalled" else "Running"
    operation = {**merged, "operationId": own, "status": status, "retryNumber": run.retry}
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


def _as_operation(batch: Document) -> dict[str, Any]:
    """A batch by the words of an operation: its name, and where people look."""
    named = {"operationName": batch.get("batchName"), "trackingUrl": batch.get("trackingUrl")}
    return {key: value for key, value in named.items() if value}


LEFT_OUT = {*ENVELOPE, "phase", "results", "error", "cancellation", "batch", "stalled", "recovered"}


def _holding(run: Run, settings: Watchdog, now: float) -> list[str]:
    """The rules that hold, the gravest first.

    A run that is silent is not said to be flat as well, nor one that is overdue to be slow. What is usual for its job
    may change while it runs: one that was slow stays so.
    """
    moments = {rule: of(run, settings) for rule, of in RULES.items()}
    holds = [rule for rule, moment in moments.items() if moment is not None and moment <= now]
    repeats = run.last_event > run.moved and "silent" not in holds
    covered = {"flat": not repeats, "slow": not {"overdue", "deadline"}.isdisjoint(holds)}
    holds = [rule for rule in holds if rule in run.alarms.open or not covered.get(rule)]
    return holds + ["slow"] * ("slow" in run.alarms.open and "slow" not in holds and settings.slow_pct is not None)


def _stalled(run: Run, alarms: Alarms, now: float) -> Alert:
    rule = alarms.shown
    fresh = [name for name in alarms.open if name not in run.alarms.open or name == rule]
    depends = {field for name in fresh for field in DEPENDS.get(name, ())}
    return Alert("operation.stalled", {"stalled": _stalled_part(run, alarms, now)}, alarms, tuple(sorted(depends)))


def _recovered(run: Run, over: Sequence[str], alarms: Alarms, now: float) -> Alert:
    rule = min(over, key=[*RULES].index)
    ends = {"silent": run.last_event, "flat": run.moved}
    lasted = {name: max(0, round(ends.get(name, now) - run.alarms.open[name].since)) for name in over}
    for name in over:
        alarms = alarms.with_ended(name, lasted[name])
    flapping = rule in COMING_AND_GOING and alarms.flapping(rule)
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


def iso(seconds: float | None) -> str:
    """A moment as people's tools read it; empty for none."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds is not None else ""
