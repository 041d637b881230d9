"""Real jobs in the place of simulated ones: a runner is an object with phases and a `run`.

A job is run at least once: if the process dies, another one begins it again, and what was reported stays reported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Job:
    """What a runner is to do."""

    id: str
    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class File:
    name: str
    kind: str
    format: str
    filename: str
    description: str
    content: bytes


@dataclass
class JobResult:
    """Numbers for the summary, results by phase, files, recommendations."""

    summary: dict[str, Any] = field(default_factory=dict)
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)
    recommendations: list[dict[str, Any]] = field(default_factory=list)


class Report(Protocol):
    """`await report(phase, fraction, …)`: how far it is. Raises Stopped when the job was cancelled or timed out."""

    async def __call__(
        self, phase: str, fraction: float, *, processed: int = 0, total: int = 0, activity: str = ""
    ) -> None: ...


class Runner(Protocol):
    """check raises ValueError for parameters that it cannot use; so does `run` for data that it cannot."""

    @property
    def phases(self) -> Sequence[str]: ...

    def check(self, parameters: Mapping[str, Any]) -> None: ...

    async def run(self, operation: Job, report: Report) -> JobResult: ...


class Stopped(Exception):
    """The operation was cancelled, or is out of time."""
