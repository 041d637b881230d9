"""A run that goes on, as the store keeps it for the watchdog, and the alarms that people have heard of. Pure.

Times are seconds since the epoch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from relay.domain.jobs import Job

GRAVITY = ("deadline", "overdue", "silent", "flat", "slow")  # the watchdog's rules, the gravest first
FLAPPING = 3  # alarms of one rule that ended; what comes and goes more often is told after a much longer time alone
LONGER = 4  # so many times the longest there was


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule that holds, and that people have heard of."""

    at: float  # when they heard of it
    since: float  # since when nothing was heard or moved, or when the run should have been over
    reminders: int = 0
    last: bool = False  # they heard that relay will forget the run


@dataclass(frozen=True, slots=True)
class Ended:
    """The alarms of one rule that are over."""

    times: int = 0
    longest: float = 0.0  # seconds from `Alarm.since` to its end


@dataclass(frozen=True, slots=True)
class Alarms:
    """The alarms of a run so far. Kept by the store as one text, empty at the start of each run."""

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
        """The rule that messages show: the newest, of several at once the gravest; empty if none holds."""
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
        # A newer relay may know more rules: what one of them found is its own to tell, and to end.
        opened = {rule: alarm for rule, alarm in state.get("open", {}).items() if rule in GRAVITY}
        state["open"] = {rule: Alarm(**_known(Alarm, alarm)) for rule, alarm in opened.items()}
        state["ended"] = {rule: Ended(**_known(Ended, part)) for rule, part in state.get("ended", {}).items()}
        return cls(**_known(cls, state))


def _known(kind: type[Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of this kind's fields: a newer relay may keep more. Raises TypeError for what is no number."""
    own = {own.name: stored[own.name] for own in fields(kind) if own.name in stored}
    for name, value in own.items():
        if not isinstance(value, int | float | Mapping):
            raise TypeError(name)
    return own


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
    batch: bool = False  # several operations submitted together: what is heard of its members is its life as well
    job: Job | None = None  # what other runs it is compared with
    started: float | None = None
    slow_after: float | None = None  # seconds that no run of its job takes, so far; None where that is unknown
    kept: str | None = None  # the text that the alarms were read from, if it says more or less than they do

    @property
    def slow_since(self) -> float | None:
        """When it should have been over, by the other runs of its job."""
        return self.started + self.slow_after if self.started is not None and self.slow_after is not None else None
