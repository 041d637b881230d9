"""New messages above the cap of a conversation: their runs are in a list that one message shows, which is edited."""

from relay.engine import names
from relay.engine.bundles import add_row, describe, keep, move_to_bundle
from relay.engine.deliveries import create, standing_of
from relay.engine.records import Bundle, Delivery, Pointer, Thread, roots, rows
from relay.engine.state import Draft

INTERVAL = 15_000  # ms between two edits of the list
EPISODES = 6  # periods of the cap after which another list begins, where people see it

Cap = tuple[int, float]  # new messages, and the ms in which so many are sent


def over_cap(d: Draft, x: Delivery, cap: Cap) -> bool:
    """Return whether another new message would be one too many. A lane that was let through once stays so."""
    (most, period), index = cap, roots(x.channel, x.address)
    for at, lane in d.ascending(index):
        if not d.now - period < at <= d.now:  # those after now are from before the clock was set back
            d.take_out(index, lane)
    if d.score(index, x.lane) is not None:
        return False
    if not x.loud and d.size(index) >= most:
        return True
    d.place(index, x.lane, d.now)
    return False


def move_to_list(d: Draft, x: Delivery, cap: Cap) -> None:
    """Put the run of a new message above the cap into the list at its address."""
    name = _open_list(d, x, cap)
    add_row(d, name, x.operation)
    leave_list(d, x.lane, x.operation, but=name)
    d.edit(Thread, x.lane).bundle = name
    move_to_bundle(d, x, "overflow")
    show_list(d, name)


def _open_list(d: Draft, x: Delivery, cap: Cap) -> str:
    pointer = d.edit(Pointer, f"overflow {names.of_address(x.destination, x.address)}")
    known = d.get(Bundle, pointer.bundle) if pointer.bundle and d.now < pointer.expires else None
    if known is None or d.now - known.start > EPISODES * cap[1] or d.now - known.added > cap[1]:
        pointer.bundle = names.bundle(x.lane, "overflow", (x.destination, x.address), d.now, d.now)
    pointer.expires = int(d.now + cap[1])
    describe(d, pointer.bundle, "overflow", x, d.now, d.now).added = d.now
    keep(d, pointer.bundle, d.now)
    return pointer.bundle


def leave_list(d: Draft, lane: str, operation: str, but: str = "") -> None:
    """Take a run out of its list: it has a message of its own, or is in the newer list `but`."""
    thread = d.get(Thread, lane)
    name = thread.bundle if thread else ""
    if not name or name == but:
        return
    d.edit(Thread, lane).bundle = ""
    if d.field(rows(name), operation) is not None:
        d.remove(rows(name), operation)
        show_list(d, name)


def show_list(d: Draft, name: str) -> None:
    """Have the list shown as it is. It is like a live message: at most one delivery of it waits."""
    if d.get(Bundle, name) is None:
        return
    bundle, thread = d.edit(Bundle, name), d.edit(Thread, name)
    bundle.end = d.now
    if thread.waiting:
        return
    bundle.shown += 1
    doubt = 0 if thread.posted else thread.doubt
    x = Delivery(f"{name}-{bundle.shown}", operation=name, destination=bundle.destination, channel=bundle.channel,
                 address=bundle.address, kind="rolling", event="roundup", lane=name, calls=bundle.calls,
                 seq=bundle.shown, unknowns=1 if doubt else 0, first_marked=doubt,
                 due=max(d.now, thread.touched + INTERVAL) if thread.posted else d.now)  # fmt: skip
    thread.standing, thread.interval = standing_of(x), INTERVAL
    create(d, x)
