"""A run that goes on, as the store keeps it for the watchdog, and the alarms that people have heard of. Pure.

Times are seconds since the epoch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

GRAVITY = ("deadline", "overdue", "silent", "flat")  # the watchdog's rules, the gravest first
FLAPPING = 3  # recoveries of one run; what comes and goes more often is not reported any more


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rule that holds, and that people have heard of."""

    at: float  # when they heard of it
    since: float  # since when nothing was heard or moved, or when the run should have been over
    reminders: int = 0


@dataclass(frozen=True, slots=True)
class Alarms:
    """The alarms of a run so far. Kept by the store as one text, empty at the start of each run."""

    open: Mapping[str, Alarm] = field(default_factory=dict)  # by rule
    episode: int = 0  # alarms so far
    recoveries: int = 0
    resumed: float = 0.0  # when the last silence was over

    @property
    def flapping(self) -> bool:
        return self.recoveries > FLAPPING

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
        return cls(**state | {"open": {rule: Alarm(**alarm) for rule, alarm in state["open"].items()}})


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
