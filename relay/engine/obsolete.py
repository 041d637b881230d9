"""Deliveries that have nothing left to say when their turn comes."""

from relay.engine.deliveries import converges
from relay.engine.lanes import BUNDLED
from relay.engine.records import DAY, MISSING, STALLED, TERMINAL, Bundle, Delivery, Operation, Thread, rows
from relay.engine.state import Draft

PASSING = frozenset({"operation.progress", "operation.stalled", "operation.recovered"})  # until the run has ended


def obsolete(d: Draft, x: Delivery, thread: Thread) -> str:
    """Return why it need not be sent any more; '' if it must."""
    if converges(x.kind) and thread.waiting not in ("", x.name):
        return "newer state"
    if x.kind in BUNDLED or (x.kind == "rolling" and not thread.posted):
        bundle = d.get(Bundle, x.lane)
        return "" if (bundle and bundle.send_empty) or d.table(rows(x.lane)) else "nothing to tell"
    o = d.get(Operation, x.operation) or Operation(x.operation)
    if x.kind == "reply" and _is_covered(d, x, thread, o):
        return "covered_by_root"
    if not converges(x.kind) and x.event in PASSING:
        return _passed(d, x, o)
    return ""


def _is_covered(d: Draft, x: Delivery, thread: Thread, o: Operation) -> bool:
    """Return whether the message above it shows as much.

    In a batch's thread that is not about its members; and an outcome of an earlier run is no part of this one's.
    """
    shown = -1 if thread.posted_seq is None else thread.posted_seq
    if x.alone or (thread.posted_of or x.operation) != x.operation:
        return False
    # A thread lives on with each message, its operation with each event: where that was forgotten, it counts anew.
    outlived = (o.first or 0) - (thread.posted or d.now) > DAY
    return x.seq <= shown and (x.ended is None or shown <= x.ended) and not outlived


def _passed(d: Draft, x: Delivery, o: Operation) -> str:
    if o.rank == TERMINAL and o.seq > x.seq:
        return "the run is over"
    if x.event == "operation.stalled" and not _is_stalled(d, o):
        return "it goes on again"
    if x.raised and o.alarms_sent.get(x.lane, 0) < x.raised:
        return "its alarm was not delivered"
    return ""


def _is_stalled(d: Draft, o: Operation) -> bool:
    return not o.alarms or d.score(STALLED, o.name) is not None or d.field(MISSING, o.name) is not None
