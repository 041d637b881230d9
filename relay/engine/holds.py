"""Held failures: one waits a while, for a run that is begun anew meanwhile heals it."""

from relay.engine.arrival import Recipient
from relay.engine.bundles import move_to_bundle
from relay.engine.records import Delivery, Operation, Thread
from relay.engine.state import Draft

IN_A_ROW = 2  # failures in a row that are held: of what fails again and again people are to hear


def held_until(d: Draft, r: Recipient, run: int) -> int:
    """Return until when a failure of this run is held; 0 if not at all."""
    if not r.target.hold:
        return 0
    of, row = _in_a_row(d, r.lane)
    return 0 if of == run and row >= IN_A_ROW else d.now + round(r.target.hold * 1000)


def hold(o: Operation, delivery: str, until: int) -> None:
    """Remember a held delivery: the next run finds it by that."""
    o.holds.append((delivery, until))


def heal(d: Draft, o: Operation, run: int) -> set[str]:
    """Drop what is held of the failure before; return its lanes, in which the end of this run says what was wrong."""
    holds, o.holds = o.holds, []
    healed = set()
    for name, until in holds:
        x = d.get(Delivery, name)
        if x is None or d.now >= until or x.ticket or x.attempts or x.died:
            continue  # people hear of it, or it is about to be sent
        of, row = _in_a_row(d, x.lane)
        thread = d.edit(Thread, x.lane)
        thread.healed = (run, row + 1 if of == o.run else 1, x.error_line)
        if x.kind == "live":
            thread.calls_people = ""
        move_to_bundle(d, d.edit(Delivery, name), "healed")
        healed.add(x.lane)
    return healed


def _in_a_row(d: Draft, lane: str) -> tuple[int | None, int]:
    """Return which run makes a failure good, and how many in a row were held by then."""
    thread = d.get(Thread, lane)
    return thread.healed[:2] if thread and thread.healed else (None, 0)
