"""Alarms of the watchdog, which are relay's own: they change the alarms of a run, and are never a sign of its life."""

from relay.engine.arrival import Arrival
from relay.engine.order import next_seq, state_facts
from relay.engine.records import KEEP_OPERATION, MISSING, STALLED, Operation, documents
from relay.engine.state import Draft


def is_outdated(o: Operation, a: Arrival) -> bool:
    """Return whether the run has changed since the alarm was decided: it may come true later, and is dropped now.

    One with `job` is of a run that has not begun, so nothing is known of it.
    """
    watch = a.watch
    if o.alarms != watch["was"]:
        return True
    if "job" in watch:
        return False
    return o.first is None or any(name in watch and getattr(o, name) != watch[name] for name in ("heard", "moved"))


def record_alarm(d: Draft, o: Operation, a: Arrival) -> int:
    """Return its number among the events of the run."""
    watch, seq = a.watch, next_seq(o)
    o.alarms = watch["becomes"]
    if "since" in watch:
        o.first = o.first if o.first is not None else watch["since"]
        state_facts(o, a)
    if a.rank is not None:
        d.put(documents(o.name), a.name, a.body, kept=KEEP_OPERATION)
        o.seqs[a.name] = seq
    if "job" in watch:
        if watch["open"]:
            d.put(MISSING, o.name, watch["job"].encode())
        else:
            d.remove(MISSING, o.name)
    elif watch["open"]:
        d.place(STALLED, o.name, d.now)
    else:
        d.take_out(STALLED, o.name)
    return seq
