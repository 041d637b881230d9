"""Runs that go on, as the store keeps them for the watchdog, and their alarms. Pure.

Times are seconds since the epoch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from relay.domain.jobs import Job

GRAVITY = ("deadline", "overdue", "silent", "flat", "slow")  # the watchdog's rules, the gravest first
FLAPPING = 3  # alarms of one rule that ended; what comes and goes more often alarms after a much longer time alone
LONGER = 4  # so many times the longest there was


@dataclass(frozen=True, slots=True)
class Alarm:
    """Alarm of a rule that holds, once people were notified."""

    at: float  # when they were notified
    since: float  # since when no event came or nothing moved, or when the run should have been over
    reminders: int = 0
    last: bool = False  # they were notified that relay will forget the run


@dataclass(frozen=True, slots=True)
class Ended:
    """Past alarms of one rule."""

    times: int = 0
    longest: float = 0.0  # seconds from `Alarm.since` to its end


@dataclass(frozen=True, slots=True)
class Alarms:
    """Alarms of a run. The store keeps them as one text, empty at the start of each run."""

    open: Mapping[str, Alarm] = field(default_factory=dict)  # by rule
    episode: int = 0  # alarms so far
    ended: Mapping[str, Ended] = field(default_factory=dict)  # by rule
    resumed: float = 0.0  # when the last silence was over

    def flapping(self, rule: str) -> bool:
        return self.ended.get(rule, Ended()).times > FLAPPING

    def with_ended(self, rule: str, seconds: float) -> "Alarms":
        was = self.ended.get(rule, Ended())
        return replace(self, ended={**self.ended, rule: Ended(was.times + 1, max(was.longest, seconds))})

    @property
    def shown(self) -> str:
        """Return the rule that messages show: the newest, of several at once the gravest; empty if none holds."""
        return max(self.open, key=lambda rule: (self.open[rule].at, -GRAVITY.index(rule)), default="")

    def dump(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":")) if self != Alarms() else ""

    @classmethod
    def load(cls, text: str) -> "Alarms":
        if not text:
            return cls()
        state = json.loads(text)
        if isinstance(earlier := state.get("recoveries"), int) and earlier:  # an older relay counted all in one
            state.setdefault("ended", {"silent": {"times": earlier}})
        # A newer relay may know more rules: the alarms of those are left to it.
        opened = {rule: alarm for rule, alarm in state.get("open", {}).items() if rule in GRAVITY}
        state["open"] = {rule: Alarm(**_fields_of(Alarm, alarm)) for rule, alarm in opened.items()}
        state["ended"] = {rule: Ended(**_fields_of(Ended, part)) for rule, part in state.get("ended", {}).items()}
        return cls(**_fields_of(cls, state))


def _fields_of(kind: type[Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored fields of this kind: a newer relay may keep more. Raises TypeError for what is no number."""
    known = {field.name: stored[field.name] for field in fields(kind) if field.name in stored}
    for name, value in known.items():
        if not isinstance(value, int | float | Mapping):
            raise TypeError(name)
    return known


@dataclass(frozen=True, slots=True)
class Run:
    """State of an operation that goes on, as the store knows it."""

    subject: str
    last_event: float  # the last sign of life
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
    batch: bool = False  # several operations submitted together: events of its members are signs of life as well
    job: Job | None = None  # what other runs it is compared with
    started: float | None = None
    slow_after: float | None = None  # seconds that no run of its job takes, so far; None where that is unknown
    alarms_text: str | None = None  # the text that the alarms were read from, if it says more or less than they do

    @property
    def slow_since(self) -> float | None:
        """Return when it should have been over, by the other runs of its job."""
        return self.started + self.slow_after if self.started is not None and self.slow_after is not None else None
