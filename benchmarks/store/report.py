"""The figures as one table for people, and as one document for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.store.events import EventCost
from benchmarks.store.operations import OperationCost
from benchmarks.store.restart import Restart

LARGEST = 5  # kinds of keys that are named


@dataclass(frozen=True, slots=True)
class Report:
    versions: str
    events: Sequence[EventCost]
    operations: Sequence[OperationCost]
    restart: Restart

    def document(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> Iterator[str]:
        yield f"{self.versions}; CPU is of the server's main thread, log is the append-only file"
        yield "each event has an id of its sender's; commands are those of the scripts, which are counted apart\n"
        yield f"{'an event':<24}{'batch':>6}{'commands':>10}{'scripts':>9}{'CPU us':>9}{'log bytes':>11}"
        cases = list(dict.fromkeys(cost.case for cost in self.events))
        for cost in sorted(self.events, key=lambda cost: cases.index(cost.case)):
            figures = f"{cost.commands:>10.2f}{cost.scripts:>9.3f}{cost.cpu:>9.1f}{cost.log:>11.0f}"
            yield f"{cost.case:<24}{cost.batch:>6}{figures}"
        yield f"\n{'an operation':<24}{'bytes':>6}  beyond the ids of its events"
        for operation in self.operations:
            kinds = ", ".join(f"{kind} {size}" for kind, size in list(operation.kinds.items())[:LARGEST])
            yield f"{operation.when:<24}{operation.total:>6.0f}  {kinds}"
        yield f"\n{self.restart.operations} operations of 2 events that nobody heard of"
        for name, figure, unit in self._restart():
            yield f"{name:<44}{figure:>10.{2 if unit == 's' else 0}f} {unit}"

    def _restart(self) -> Iterator[tuple[str, float, str]]:
        yield "memory of the server, an operation", self.restart.memory, "bytes"
        yield "ids, an event", self.restart.ids, "bytes"
        yield "log as it grew", self.restart.log, "MB"
        yield "start from it", self.restart.seconds, "s"
        yield "log when written anew", self.restart.rewritten_log, "MB"
        yield "start from that", self.restart.rewritten_seconds, "s"
