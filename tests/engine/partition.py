"""A partition in memory, to which entries come one after another."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from relay.domain.deliveries import Delivery, Target
from relay.domain.events import Event
from relay.engine import entries, records
from relay.engine.state import Draft, Memory
from relay.engine.step import step

NOW = 1_705_750_000_000
SETTINGS: Any = SimpleNamespace(job="", max_jobs=100, targets=lambda _: (), asks=lambda _: False)
POSTED = {"channel": "C1", "ts": "1.1"}


@dataclass
class Partition:
    now: int = NOW
    memory: Memory = field(default_factory=Memory)
    hand_outs: int = 0

    def step(self, entry: Any) -> Any:
        changes, answer = step(self.memory, entry, self.now, SETTINGS)
        self.memory.apply(changes, self.now)
        return answer

    @property
    def draft(self) -> Draft:
        return Draft(self.memory, self.now)

    @property
    def counts(self) -> dict[str, int]:
        """Return what became of the deliveries so far."""
        return {
            name: count for name, count in self.memory.counts.items() if count and name not in ("received", "events")
        }

    def report(self, event: Event, *targets: Target) -> None:
        assert self.step(entries.Report(event, targets)).status == "accepted"

    def take(self, channel: str = "slack", process: str = "a") -> list[Delivery]:
        self.hand_outs += 1
        taken = self.step(entries.Take(channel, 20, f"{process}:{self.hand_outs}"))
        return list(taken.deliveries)

    def take_one(self, channel: str = "slack", process: str = "a") -> Delivery:
        (delivery,) = self.take(channel, process)
        return delivery

    def tell(self, kind: type[entries.Held], of: Delivery, **details: Any) -> bool:
        """Bring what became of a hand-out."""
        return bool(self.step(kind(of.id, of.lease, of.lane, of.trial.probe is not None, **details)))

    def arrive(self, of: Delivery, **details: Any) -> bool:
        self.tell(entries.Mark, of)
        given = {"receipt": POSTED, "converges": of.kind == "live", "new": not of.thread} | details
        return self.tell(entries.Arrived, of, **given)

    def fail(self, of: Delivery, scope: str, ms: int = 60_000, **details: Any) -> bool:
        self.tell(entries.Mark, of)
        pause = entries.PauseScope(scope, ms, "it is broken", probe=True)
        return self.tell(entries.Failed, of, delay=ms, error="no", refund_attempt=True, pauses=(pause,), **details)

    def delivery(self, name: str) -> records.Delivery:
        found = self.draft.get(records.Delivery, name)
        assert found
        return found

    def lapse(self, begins: str = "") -> None:
        self.step(entries.Lapse(begins))
