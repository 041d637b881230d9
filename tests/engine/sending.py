"""A partition whose deliveries are handed out, and what becomes of them."""

from itertools import count
from typing import Any

from relay.domain.deliveries import Delivery
from relay.engine.pauses import PauseScope
from relay.engine.posted import Arrived
from relay.engine.receipts import Failed, Held, Lapse, Mark
from relay.engine.take import Take
from tests.engine.partition import Partition
from tests.support import events
from tests.support.targets import room

POSTED = {"channel": "C1", "ts": "1.1"}


class Sending(Partition):
    """Processes are named a, b; their tickets are numbered."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count()

    @property
    def counts(self) -> dict[str, int]:
        """Return what became of the deliveries so far."""
        of_events = ("received", "events")
        return {name: number for name, number in self.memory.counts.items() if number and name not in of_events}

    def fill(self, first: int, last: int) -> None:
        """Report the completion of these operations to the room."""
        for number in range(first, last):
            self.report(events.completed(operationId=f"op-{number}"), [room()])

    def take(self, channel: str = "slack", process: str = "a") -> list[Delivery]:
        return list(self.do(Take(channel, 20, f"{process}:{next(self.numbers)}")).deliveries)

    def take_one(self, channel: str = "slack", process: str = "a") -> Delivery:
        (delivery,) = self.take(channel, process)
        return delivery

    def tell(self, kind: type[Held], of: Delivery, **details: Any) -> bool:
        """Bring what became of a hand-out."""
        return bool(self.do(kind(of.id, of.ticket, of.lane, of.trial.probe is not None, **details)))

    def arrive(self, of: Delivery, **details: Any) -> bool:
        self.tell(Mark, of)
        given = {"receipt": POSTED, "converges": of.kind == "live", "new": not of.thread} | details
        return self.tell(Arrived, of, **given)

    def fail(self, of: Delivery, scope: str) -> bool:
        self.tell(Mark, of)
        pause = PauseScope(scope, 60_000, "it is broken", probe=True)
        return self.tell(Failed, of, delay=60_000, error="no", refund_attempt=True, pauses=(pause,))

    def lapse(self, begins: str = "") -> None:
        self.do(Lapse(begins))
