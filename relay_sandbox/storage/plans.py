"""What is kept of how an operation goes: its plan, made once when it is accepted, and how it stood at one moment.

All times in a plan are seconds after the operation began; `--speed` is in them already.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Phase(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    seconds: float


class Plan(BaseModel):
    """Where the work goes well and where not.

    first     the phase it begins with; those before were done by the operation that this one retries
    trouble   the phase that fails or stalls, `at` this fraction of it; -1 for none
    failures  how many attempts at that phase fail; `waits` are the seconds before each automatic retry
    pause     seconds that it stalls; None until the time-out
    """

    model_config = ConfigDict(frozen=True)

    phases: tuple[Phase, ...]
    delay: float
    timeout: float
    first: int = 0
    kind: Literal["", "failure", "stall"] = ""
    trouble: int = -1
    at: float = 0.5
    failures: int = 0
    waits: tuple[float, ...] = ()
    pause: float | None = None

    @property
    def work(self) -> float:
        """Seconds of all phases together, were nothing to go wrong."""
        return sum(phase.seconds for phase in self.phases[self.first :])


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an operation is at one moment, simulated or real. Times are epoch seconds.

    spans   of each phase: when it began and ended, None for not yet
    """

    percentage: float
    phase: int
    fraction: float
    spans: tuple[tuple[float | None, float | None], ...]
    attempt: int = 1
