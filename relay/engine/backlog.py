"""Backlog: more messages waiting for something broken than people read one by one.

The oldest become rows of a round-up, which waits like all else, and shows them as they are by then.
"""

from relay.engine import names
from relay.engine.bundles import add_row, has_summary, is_closed, move_to_bundle, open_bundle
from relay.engine.lanes import BUNDLED
from relay.engine.records import DAY, Delivery, Operation, Pointer, Thread
from relay.engine.state import Draft

OPEN = DAY  # then the next one begins: none is given up with what has only just come into it
ANSWER_TO_PRESS = "operation.action."  # how such events begin


def move_to_backlog(d: Draft, x: Delivery) -> bool:
    """Make it a row of the round-up. False where it stays as it is.

    So do lists, edits, of which there is one for each posted message, what buttons asked for, and what has no
    summary.
    """
    if x.kind in BUNDLED or x.kind == "rolling" or x.event.startswith(ANSWER_TO_PRESS):
        return False
    thread = d.get(Thread, x.lane)
    if (x.kind == "live" and thread and thread.posted) or not has_summary(d.get(Operation, x.operation)):
        return False
    add_row(d, _open_round_up(d, x), x.operation)
    move_to_bundle(d, x, "backlog")
    return True


def _open_round_up(d: Draft, x: Delivery) -> str:
    """Return the round-up of this address that takes more. The first delivery in it says since when it lists."""
    place = x.destination, x.address
    pointer = d.edit(Pointer, f"backlog {names.of_address(*place)}")
    if not (pointer.bundle and d.now < pointer.expires and _takes_more(d, pointer.bundle)):
        pointer.bundle = names.bundle(x.lane, "backlog", place, x.created, d.now)
        pointer.expires = d.now + OPEN
        open_bundle(d, pointer.bundle, "backlog", x, x.created, d.now)
    return pointer.bundle


def _takes_more(d: Draft, bundle: str) -> bool:
    """Return whether it is not sent yet, and neither given up nor dropped."""
    delivery = d.get(Delivery, bundle)
    return delivery is not None and not delivery.died and not is_closed(d, bundle)
