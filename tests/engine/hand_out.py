"""A partition that hands out what is due."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from relay.domain.deliveries import Delivery as HandedOut
from relay.domain.deliveries import Target, Window
from relay.domain.events import Event
from relay.engine.pauses import PauseScope
from relay.engine.posted import Arrived
from relay.engine.receipts import Failed, Lapse, Mark
from relay.engine.records import Delivery
from relay.engine.take import Take
from tests.engine.partition import SECOND, Partition


@dataclass
class HandingOut(Partition):
    """`waits`: seconds until the next one is due, as the last hand-out said."""

    tickets: Any = field(default_factory=count)
    waits: float | None = None

    def queue(self, *events: Event, to: Target) -> None:
        for event in events:
            self.report(event, [to])

    def take(
        self, most: int = 20, channel: str = "slack", quiet: Mapping[str, Window] | None = None
    ) -> list[HandedOut]:
        taken = self.do(Take(channel, most, f"t:{next(self.tickets)}", quiet or {}))
        self.waits = taken.next_due
        return list(taken.deliveries)

    def send(self, delivery: HandedOut, receipt: Mapping[str, str] | None = None) -> None:
        self.do(Mark(delivery.id, delivery.ticket))
        thread = {"ts": delivery.id} if receipt is None else receipt
        assert self.do(Arrived(delivery.id, delivery.ticket, delivery.lane, receipt=thread))

    def send_all(self, channel: str = "slack") -> list[HandedOut]:
        sent = []
        while taken := self.take(channel=channel):
            for delivery in taken:
                self.send(delivery)
            sent += taken
        return sent

    def fail(self, delivery: HandedOut, scope: str = "", *, ms: int = 60 * SECOND) -> None:
        pauses = (PauseScope(scope, ms, "is_archived", probe=True),) if scope else ()
        self.do(Mark(delivery.id, delivery.ticket))
        entry = Failed(delivery.id, delivery.ticket, delay=ms, error="is_archived", refund_attempt=True, pauses=pauses)
        assert self.do(entry)

    def lapse(self) -> None:
        self.do(Lapse())

    def waiting(self) -> list[Delivery]:
        """Return all deliveries that are not over."""
        records = self.memory.records.values()
        return [x for x in records if isinstance(x, Delivery) and not x.died]


def subjects(deliveries: list[HandedOut]) -> list[str]:
    return [delivery.event.subject for delivery in deliveries]
