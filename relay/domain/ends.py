"""The end of a run, in the few values by which later runs of the same job are measured. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import NamedTuple

Phases = tuple[tuple[str, float], ...]  # names and seconds, in their order

_STATED = ("started", "duration", "phases", "error", "priority")


@dataclass(frozen=True, slots=True)
class End:
    """How one run of a job ended. Times are seconds since the epoch."""

    run: str  # which run of which operation
    status: str
    ended: float
    started: float | None = None
    duration: float | None = None  # seconds
    phases: Phases = ()
    error: str = ""  # its signature (relay/domain/causes.py)
    priority: str = ""

    def filled(self, earlier: "End") -> "End":
        """With what an earlier report of the same run's end said, where this one does not."""
        stated = {name: getattr(self, name) for name in _STATED if getattr(self, name) not in (None, "", ())}
        return replace(earlier, status=self.status, ended=self.ended, **stated)

    @property
    def succeeded(self) -> bool:
        return self.status == "Completed"

    @property
    def failed(self) -> bool:
        """A cancelled run is neither: it says nothing of the job."""
        return self.status in ("Failed", "Timeout")


class Comparison(NamedTuple):
    """An outcome beside the recorded ends of its operation's runs (relay/domain/run_ends.py), which the store keeps."""

    before: str  # the ends that it was compared with
    after: str  # and with it
    decisive: bool = False  # it is of another run than its time and the platform's count say
    differs: tuple[str, ...] = ()  # what it states otherwise than the end that it is another report of
    completes: str = ""  # it completed, and this is the status with which the same run had failed


def before(ends: Sequence[End], run: str, moment: float) -> tuple[End, ...]:
    """Return the ends before this run's own; while it goes on, before this moment. Oldest first."""
    ordered = of_runs(ends)
    until = next((end.ended for end in ordered if end.run == run), moment)
    return tuple(end for end in ordered if end.ended <= until and end.run != run)


def of_runs(ends: Sequence[End]) -> tuple[End, ...]:
    """One of each run, in the order of time.

    Of a run that is told several outcomes the last counts: `ends` are in the order in which they were told.
    """
    newest: dict[str, End] = {}
    for end in ends:
        newest[end.run] = end.filled(newest[end.run]) if end.run in newest else end
    return tuple(sorted(newest.values(), key=attrgetter("ended")))


def iso(moment: float | None) -> str:
    """A moment as templates get it; empty for none."""
    return datetime.fromtimestamp(moment, UTC).isoformat() if moment is not None else ""
