"""A partition whose deliveries are handed out, and what becomes of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from relay.domain.deliveries import Delivery, Target, Window
from relay.domain.events import Event
from relay.engine import records
from relay.engine.pauses import PauseScope
from relay.engine.posted import Arrived
from relay.engine.receipts import Failed, Held, Lapse, Mark
from relay.engine.take import Take
from relay.policy.presentation import presentation_for, reply_in_batch_thread
from relay.store.queue import baseline_of
from tests.engine.partition import MINUTE, SECOND, Partition
from tests.support import events
from tests.support.targets import room

POSTED = {"channel": "C1", "ts": "1.1"}


@dataclass
class Sending(Partition):
    """Processes are named a, b; their tickets are numbered.

    `waits`: seconds until the next delivery is due, as the last hand-out said.
    """

    numbers: Iterator[int] = field(default_factory=count)
    waits: float | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Return what became of the deliveries so far."""
        of_events = ("received", "events")
        return {name: number for name, number in self.memory.counts.items() if number and name not in of_events}

    def queue(self, *events: Event, to: Target) -> None:
        for event in events:
            self.report(event, [to])

    def hear(self, *events: Event, to: Target) -> None:
        """As rules would have it sent: only a failure is held, or grouped with others."""
        for event in events:
            presentation = replace(presentation_for(event), batch_reply=reply_in_batch_thread(event))
            target = to if event.name == "operation.failed" else replace(to, hold=0.0, group=0.0)
            self.report(event, [replace(target, presentation=presentation)])

    def fill(self, first: int, last: int) -> None:
        """Report the completion of these operations to the room."""
        self.queue(*(events.completed(operationId=f"op-{number}") for number in range(first, last)), to=room())

    def take(
        self, channel: str = "slack", process: str = "a", most: int = 20, quiet: Mapping[str, Window] | None = None
    ) -> list[Delivery]:
        taken = self.do(Take(channel, most, f"{process}:{next(self.numbers)}", quiet or {}))
        self.waits = taken.next_due
        return list(taken.deliveries)

    def take_one(self, channel: str = "slack", process: str = "a") -> Delivery:
        (delivery,) = self.take(channel, process)
        return delivery

    def begin(self, channel: str = "slack", process: str = "a") -> Delivery:
        """Take the one that is due, and mark it as sent."""
        delivery = self.take_one(channel, process)
        assert self.tell(Mark, delivery)
        return delivery

    def tell(self, kind: type[Held], of: Delivery, **details: Any) -> bool:
        """Bring what became of a hand-out."""
        return bool(self.do(kind(of.id, of.ticket, of.lane, of.trial.probe is not None, **details)))

    def settle(self, of: Delivery, receipt: Mapping[str, str] = POSTED, **details: Any) -> bool:
        """Bring the receipt, as a process says it."""
        given: dict[str, Any] = {
            "receipt": receipt,
            "new": any(of.thread.get(key) != value for key, value in receipt.items()),
            "converges": of.kind in ("live", "roundup"),
            "baseline": baseline_of(of.event.document) if of.kind == "digest" else None,
        }
        return self.tell(Arrived, of, **(given | details))

    def arrive(self, of: Delivery, receipt: Mapping[str, str] = POSTED, **details: Any) -> bool:
        self.tell(Mark, of)
        return self.settle(of, receipt, **details)

    def send(self, of: Delivery) -> None:
        """Let it arrive, as a message of its own where it is new."""
        own = {"channel": "C1", "ts": of.event.subject or of.id} if of.channel == "slack" else {}
        assert self.arrive(of, dict(of.thread) or own)

    def send_all(self, channel: str = "slack", seconds: int = 1) -> list[Delivery]:
        """Send what is due within these seconds."""
        sent = []
        for second in range(seconds):
            self.now += SECOND * bool(second)
            while taken := self.take(channel, most=50):
                for delivery in taken:
                    self.send(delivery)
                sent += taken
        return sent

    def fail(self, of: Delivery, scope: str = "", ms: int = MINUTE) -> None:
        """Let it fail at no cost; `scope` is paused meanwhile."""
        pauses = [PauseScope(scope, ms, "is_archived", probe=True)] if scope else []
        self.tell(Mark, of)
        assert self.tell(Failed, of, delay=ms, error="is_archived", refund_attempt=True, pauses=tuple(pauses))

    def broken(self, waiting: int, scope: str = "channel:slack") -> None:
        """Pause the channel, or this scope: of so many deliveries one is tried again in a minute, the others wait."""
        self.fill(0, 1)
        self.fail(self.take_one(), scope)
        self.fill(1, waiting)
        assert self.take() == []

    def lapse(self, begins: str = "", entry: Lapse | None = None) -> None:
        """Let hand-outs lapse, and wait for as long as they do."""
        self.do(entry or Lapse(begins))
        self.now = max(self.now, *(x.due for x in self.waiting() if x.lapsed), 0)

    def waiting(self) -> list[records.Delivery]:
        """Return all deliveries that are not over."""
        return [x for x in self.memory.records.values() if isinstance(x, records.Delivery) and not x.died]


def subjects(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.event.subject for delivery in deliveries]


def rows(bundle: Delivery) -> dict[str, str]:
    """Return the operations that a digest or a round-up shows, with their statuses."""
    return {row["id"]: row["status"] for row in bundle.event.document["entries"]}
