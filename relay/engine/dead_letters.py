"""Acts of people on dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass

from relay.engine.causes import leave_cause
from relay.engine.deliveries import converges, forget, supersede
from relay.engine.draft import Draft
from relay.engine.lanes import join
from relay.engine.ledger import note, record_end
from relay.engine.records import DEAD, Delivery, Thread
from relay.engine.suppressions import suppressed


@dataclass(frozen=True, slots=True)
class ReplayDead:
    """Deliver dead letters again. A second entry finds them no longer dead. Answer: how many."""

    ids: Sequence[str]

    def decide(self, d: Draft) -> int:
        return d.each(_replay, self.ids)


def _replay(d: Draft, id_: str) -> bool:
    x = _dead(d, id_)
    # It would be dropped when it is handed out. A round-up goes to another address of its destination then.
    if x is None or (x.kind != "roundup" and suppressed(d, x.destination, x.address, x.passes == "2")):
        return False
    _revive(d, x)
    d.count("pending")
    x.attempts = x.crashes = x.died = x.failing = x.faults = x.failed = x.removed = 0
    x.unknowns = min(1, x.unknowns)  # what may have arrived still may: its channel is asked first, if it can answer
    x.reason, x.error, x.unreadable = "", "", False
    x.due = x.created = d.now
    if converges(x.kind):
        thread = d.edit(Thread, x.lane)
        if thread.waiting:
            supersede(d, x, "newer state")
            return True
        thread.waiting = x.name
    note(d, x.operation, "replayed", x.destination)
    join(d, x)
    return True


@dataclass(frozen=True, slots=True)
class DropDead:
    """Drop dead letters for good. Answer: how many."""

    ids: Sequence[str]

    def decide(self, d: Draft) -> int:
        return d.each(_drop, self.ids)


def _drop(d: Draft, id_: str) -> bool:
    x = _dead(d, id_)
    if x is None:
        return False
    _revive(d, x)
    d.count("dropped")
    note(d, x.operation, "dropped", x.destination)
    record_end(d, x, "dropped")
    leave_cause(d, x)
    forget(d, x)
    return True


def _dead(d: Draft, id_: str) -> Delivery | None:
    return d.edit(Delivery, id_) if d.score(DEAD, id_) is not None and d.get(Delivery, id_) else None


def _revive(d: Draft, x: Delivery) -> None:
    d.take_out(DEAD, x.name)
    d.count("dead", -1)
