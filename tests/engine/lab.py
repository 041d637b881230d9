"""A partition's state in memory, changed by decisions one by one."""

from relay.domain.deliveries import Target
from relay.domain.events import Event
from relay.engine.arrival import Arrival
from relay.engine.deliveries import create, forget
from relay.engine.dispatch import dispatch
from relay.engine.draft import Draft
from relay.engine.lanes import leave
from relay.engine.order import update_summary
from relay.engine.records import FLYING, MAIN, REPLIES, Delivery, Operation, Thread, due
from tests.support.memory import Memory

LANE = "a" * 32
NOW = 1_000_000


class Lab:
    """A state in memory, changed step by step."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.d = Draft(self.memory, NOW)

    def commit(self, later: int = 0) -> None:
        self.memory.apply(self.d.changes, self.d.now)
        self.d = Draft(self.memory, self.d.now + later)

    def new(self, name: str, kind: str = "each", **fields: object) -> Delivery:
        queue = REPLIES if kind == "reply" else MAIN
        given = {"queue": queue, "lane": LANE, "due": NOW, "operation": "o", "destination": "team", "channel": "slack"}
        create(self.d, Delivery(name, kind=kind, **{**given, **fields}))
        return self.edit(name)

    def edit(self, name: str) -> Delivery:
        return self.d.edit(Delivery, name)

    def take(self, name: str) -> Delivery:
        """Hand it out."""
        x = self.edit(name)
        x.ticket = f"t:{name}"
        self.d.take_out(due(x.channel, x.urgency), name)
        self.d.place(FLYING, name, self.d.now)
        if x.kind == "live":
            thread = self.d.edit(Thread, x.lane)
            thread.sending, thread.waiting = name, ""
        return x

    def end(self, name: str) -> None:
        x = self.edit(name)
        leave(self.d, x)
        forget(self.d, x)

    def due(self, urgency: str = "") -> list[str]:
        return [name for _, name in self.d.ascending(due("slack", urgency))]

    def dispatch(self, event: Event, *targets: Target) -> list[tuple[str, str]]:
        """Accept the next event of its operation; return who is not notified of it, and why."""
        arrival = Arrival(event, targets)
        o = self.d.edit(Operation, arrival.operation)
        o.seq, o.subject, o.run = o.seq + 1, event.subject, event.retry
        o.first = o.first or self.d.now
        o.facts |= arrival.facts
        update_summary(o, arrival)
        notified, held = dispatch(self.d, o, arrival, o.seq)
        assert notified + len(held) == len(targets)
        return held

    def deliveries(self) -> list[Delivery]:
        self.commit()
        return [record for record in self.memory.records.values() if isinstance(record, Delivery)]

    def post(self) -> None:
        """Send the live message that waits."""
        (x,) = [x for x in self.deliveries() if x.kind == "live"]
        self.take(x.name)
        thread = self.d.edit(Thread, x.lane)
        thread.posted = thread.touched = self.d.now
        self.end(x.name)
        self.commit()
