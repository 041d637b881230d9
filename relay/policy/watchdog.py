"""When a run deserves worry: it is silent, flat, overdue or past its deadline. Pure; all times are passed in.

A rule is the moment from which it holds if nothing happens until then. What is told, and what is remembered of that,
is decided from the run as the store kept it; whoever decides the same twice tells it once, because the store takes an
alarm only if the run is still as it was seen (`Event.watch`). Times are seconds since the epoch.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from statistics import median
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from relay.configfile.units import duration
from relay.configfile.validation import Duration, DurationText, Off, Section, off_as_none
from relay.domain.events import Document, Event
from relay.domain.facts import merge_documents
from relay.domain.parsing import ENVELOPE, parse

SOURCE = "relay"  # what relay's own events come from
RHYTHM = 3  # silent for so many of the gaps that this run usually makes
LEAST_OVERDUE = 600.0  # however short a run was planned
FLAPPING = 3  # recoveries of one run; what comes and goes more often is told no more
SOON, SELDOM = 300.0, 3600.0  # seconds to the next look at a run at most, and at one of which all has been told


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


Patience = Annotated[float | None, BeforeValidator(_patience, json_schema_input_type=float | DurationText | Off | None)]
Percentage = Annotated[float, Field(ge=0, le=1000)]
Share = Annotated[Percentage | None, BeforeValidator(off_as_none, json_schema_input_type=Percentage | Off | None)]
Times = Annotated[
    tuple[Duration, ...],
    BeforeValidator(_reminders, json_schema_input_type=list[Duration] | float | DurationText | Off | None),
    Field(max_length=10),
]


class Watchdog(Section):
    """How long a run may be quiet, or late, before people hear of it."""

    silent: Patience = 900.0  # no event
    flat: Patience = 1800.0  # events, but neither percentage nor phase moves
    overdue_pct: Share = 20.0  # of the planned time, after the first estimate
    deadline_grace: Patience = 120.0  # after timeoutAt
    remind: Times = (1800.0, 7200.0, 43_200.0)
    startup_grace: Duration = 600.0  # after relay itself was away


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule that holds, and that people have heard of."""

    at: float  # when they heard of it
    since: float  # since when nothing was heard or moved, or when the run should have been over
    reminders: int = 0


@dataclass(frozen=True, slots=True)
class Alarms:
    """What was told of a run so far. Kept by the store as one text, empty at the start of each run."""

    open: Mapping[str, Alarm] = field(default_factory=dict)  # by rule
    episode: int = 0  # alarms so far
    recoveries: int = 0
    resumed: float = 0.0  # when the last silence was over

    @property
    def flapping(self) -> bool:
        return self.recoveries > FLAPPING

    @property
    def shown(self) -> str:
        """The rule that is told of: the newest, of several at once the gravest; empty if none holds."""
        return max(self.open, key=lambda rule: (self.open[rule].at, -[*RULES].index(rule)), default="")

    def dump(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":")) if self != Alarms() else ""

    @classmethod
    def load(cls, text: str) -> "Alarms":
        if not text:
            return cls()
        kept = json.loads(text)
        return cls(**kept | {"open": {rule: Alarm(**alarm) for rule, alarm in kept["open"].items()}})


@dataclass(frozen=True, slots=True)
class Run:
    """What the store knows of an operation that goes on."""

    subject: str
    heard: float  # the last sign of life
    moved: float  # when percentage or phase last changed
    retry: int = 0
    gaps: tuple[float, ...] = ()  # the newest, between signs of life
    percentage: float | None = None
    phase: str = ""
    estimate: float | None = None  # the first estimate of its end
    planned: float = 0.0  # from its start to that
    estimate_moves: int = 0
    deadline: float | None = None
    alarms: Alarms = Alarms()


@dataclass(frozen=True, slots=True)
class Alert:
    """What to tell of a run, and what was told of it then."""

    name: str  # operation.stalled or operation.recovered
    parts: Document  # `stalled` and `recovered` of the event's body
    alarms: Alarms
    depends: tuple[str, ...] = ()  # `heard`, `moved`: it is moot if that has changed


def _silent(run: Run, settings: Watchdog) -> float | None:
    if settings.silent is None:
        return None
    return run.heard + max(settings.silent, RHYTHM * median(run.gaps) if run.gaps else 0.0)


def _flat(run: Run, settings: Watchdog) -> float | None:
    """Where no percentage is reported nothing can be flat. After a silence, people first hear that it goes on."""
    if settings.flat is None or run.percentage is None:
        return None
    return (run.moved if "flat" in run.alarms.open else max(run.moved, run.alarms.resumed)) + settings.flat


def _overdue(run: Run, settings: Watchdog) -> float | None:
    """By the first estimate: one that slides along with the run would never be late."""
    if settings.overdue_pct is None or run.estimate is None:
        return None
    return run.estimate + max(LEAST_OVERDUE, run.planned * settings.overdue_pct / 100)


def _deadline(run: Run, settings: Watchdog) -> float | None:
    if settings.deadline_grace is None or run.deadline is None:
        return None
    return run.deadline + settings.deadline_grace


# The gravest first. Each gives the moment from which it holds, and the field that says since when.
RULES: Mapping[str, Callable[[Run, Watchdog], float | None]] = {
    "deadline": _deadline, "overdue": _overdue, "silent": _silent, "flat": _flat,
}  # fmt: skip
SINCE = {"deadline": "deadline", "overdue": "estimate", "silent": "heard", "flat": "moved"}
DEPENDS = {"silent": ("heard",), "flat": ("moved",)}


def decide(run: Run, settings: Watchdog, now: float, *, grace: bool = False) -> Alert | None:
    """What is to be told of this run now. In the grace after relay's own absence nothing is found wrong."""
    was = run.alarms
    if was.flapping:
        return None
    silence = _silent(run, settings)
    if "silent" in was.open and (silence is None or silence > now):
        was = replace(was, resumed=now)
        run = replace(run, alarms=was)
    holds = _holding(run, settings, now)
    fresh = [] if grace else [rule for rule in holds if rule not in was.open]
    over = [rule for rule in was.open if rule not in holds]
    left = {rule: alarm for rule, alarm in was.open.items() if rule in holds}
    if fresh:
        found = {rule: Alarm(now, getattr(run, SINCE[rule])) for rule in fresh}
        return _stalled(run, replace(was, open=left | found, episode=was.episode + 1), now)
    if over:
        return _recovered(run, over, replace(was, open=left, recoveries=was.recoveries + 1), now)
    if was.open and not grace:
        alarm = was.open[was.shown]
        due = sum(now - alarm.at >= after for after in settings.remind)
        if due > alarm.reminders:  # of several that fell due at once, one is enough
            return _stalled(run, replace(was, open={**was.open, was.shown: replace(alarm, reminders=due)}), now)
    return None


def next_look(run: Run, settings: Watchdog, now: float, grace_until: float = 0.0) -> float:
    """When something may be due if nothing happens until then; what happens may bring it forward."""
    was = run.alarms
    if was.flapping:
        return now + SELDOM
    moments = [moment for rule, of in RULES.items() if (moment := of(run, settings)) and rule not in was.open]
    if was.open:
        moments += [was.open[was.shown].at + after for after in settings.remind]
    coming = [moment for moment in (*moments, grace_until) if moment > now]
    return min((*coming, now + (SELDOM if was.open else SOON)))  # of a stalled one, whatever happens is seen at once


def event_of(news: Alert, run: Run, history: Sequence[Event], now: float) -> Event:
    """The news as an ordinary event about all that is known of the operation. `history` is the run's own.

    InvalidEvent if what its documents say together makes no sense.
    """
    known = {name: value for name, value in merge_documents(history).items() if name not in LEFT_OUT}
    own = next((event.own_id for event in reversed(history) if event.own_id), run.subject)
    if own != run.subject:
        known["originalOperationId"] = run.subject
    status = "Stalled" if news.name == "operation.stalled" else "Running"
    operation = {**known, "operationId": own, "status": status, "retryNumber": run.retry}
    when = datetime.fromtimestamp(now, UTC)
    document = {"event": news.name, "timestamp": when.isoformat(), "operation": operation, **news.parts}
    for event in history:
        document |= {key: said for key, said in (("tenantId", event.tenant), ("projectId", event.project)) if said}
    seen = {name: round(getattr(run, name) * 1000) for name in news.depends}
    kept = {"was": run.alarms.dump(), "becomes": news.alarms.dump(), "open": bool(news.alarms.open), **seen}
    return replace(parse(document, source=SOURCE, received_at=when), watch=kept)


LEFT_OUT = {*ENVELOPE, "phase", "results", "error", "cancellation", "batch", "stalled", "recovered"}


def _holding(run: Run, settings: Watchdog, now: float) -> list[str]:
    """The rules that hold, the gravest first. A run that is silent is not said to be flat as well."""
    moments = {rule: of(run, settings) for rule, of in RULES.items()}
    holds = [rule for rule, moment in moments.items() if moment is not None and moment <= now]
    repeats = run.heard > run.moved and "silent" not in holds
    return [rule for rule in holds if rule != "flat" or repeats or "flat" in run.alarms.open]


def _stalled(run: Run, alarms: Alarms, now: float) -> Alert:
    rule = alarms.shown
    depends = {
        name for one in alarms.open if one not in run.alarms.open or one == rule for name in DEPENDS.get(one, ())
    }
    return Alert("operation.stalled", {"stalled": _told(run, alarms, now)}, alarms, tuple(sorted(depends)))


def _recovered(run: Run, over: Sequence[str], alarms: Alarms, now: float) -> Alert:
    rule = min(over, key=[*RULES].index)
    ended = {"silent": run.heard, "flat": run.moved}.get(rule, now)
    seconds = max(0, round(ended - run.alarms.open[rule].since))
    part = {"rule": rule, "seconds": seconds, "flapping": alarms.flapping, "episode": alarms.episode}
    if alarms.flapping:
        alarms = replace(alarms, open={})
    standing = {"stalled": _told(run, alarms, now)} if alarms.open else {}  # something else is still not right
    return Alert("operation.recovered", {"recovered": part, **standing}, alarms)


def _told(run: Run, alarms: Alarms, now: float) -> dict[str, Any]:
    rule = alarms.shown
    alarm = alarms.open[rule]
    return {
        "rule": rule,
        "since": iso(alarm.since),
        "seconds": max(0, round(now - alarm.since)),
        "percentage": run.percentage,
        "phase": run.phase,
        "lastEvent": iso(run.heard),
        "firstEstimate": iso(run.estimate),
        "estimateMoved": run.estimate_moves,
        "deadline": iso(run.deadline),
        "reminder": alarm.reminders,
        "episode": alarms.episode,
    }


def iso(seconds: float | None) -> str:
    """A moment as people's tools read it; empty for none."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds is not None else ""
