"""New messages that are listed instead: in quiet hours, above a cap or a limit, or while something is broken.

quiet      a list for each quiet hours of an address, sent at their end
overflow   above the cap of a conversation: one message that shows the list, and is edited
requested  above what operations may ask to be sent to a reader in a stretch of time, which begins with its first
           message; sent at its end. A limit is the reader, the messages and the ms, as in `calls["requested"]`
backlog    more messages waiting for something broken than people read one by one: the oldest become rows of a
           round-up, which waits like all else, and shows them as they are by then
"""

from dataclasses import dataclass, field
from math import ceil
from typing import Any, ClassVar

from relay.domain.events import CRITICAL
from relay.engine import names
from relay.engine.bundles import (
    REFRESHED,
    add_row,
    describe,
    has_summary,
    is_closed,
    move_rows,
    move_to_bundle,
    open_bundle,
)
from relay.engine.deliveries import create, standing_of
from relay.engine.draft import Draft
from relay.engine.lanes import BUNDLED, make_due
from relay.engine.records import DAY, KEEP_BUNDLE, Bundle, Delivery, Operation, Thread, roots, rows
from relay.engine.state import Record
from relay.engine.suppressions import suppressed

Hours = tuple[int, int]  # ms
MORNING = ("cause", "requested")  # lists that wait for the end of quiet hours
INTERVAL = 15_000  # ms between two edits of the list
EPISODES = 6  # periods of the cap after which another list begins, where people see it
Cap = tuple[int, float]  # new messages, and the ms in which so many are sent
# Of failures of Critical priority a quarter more is sent at once. Not all: a sender may call anything so.
GRAVE = 1 / 4
OPEN = DAY  # then the next one begins: none is given up with what has only just come into it
ANSWER_TO_PRESS = "operation.action."  # how such events begin


@dataclass
class Requests(Record):
    """Messages to a reader that operations asked for, in the stretch of time since `start`."""

    PREFIX: ClassVar[str] = "requests:"
    KEPT: ClassVar[int] = DAY

    start: int = 0
    deliveries: list[str] = field(default_factory=list)


@dataclass
class Pointer(Record):
    """The bundle that takes more at an address: "overflow <digest>" or "backlog <digest>"."""

    PREFIX: ClassVar[str] = "pointer:"
    KEPT: ClassVar[int] = KEEP_BUNDLE

    bundle: str = ""
    expires: int = 0
    rows: int = 0  # of a backlog


def divert(d: Draft, x: Delivery, hours: Hours | None, *, edit: bool) -> bool:
    """Put a new message into a list, or let a list wait. False: it may be sent. `hours`: the quiet hours at hand.

    What may have arrived already is not put above the cap by that; in quiet hours it is sent again at their end.
    """
    if hours and x.kind == "roundup" and _join_quiet_hours(d, x, hours):
        return True
    if _waits_for_morning(d, x, hours) and not edit:
        if hours:
            make_due(d, x, hours[1])
        return bool(hours)
    if edit or x.kind in BUNDLED or not has_summary(d, x.operation):
        return False
    if hours and not x.passes and (name := open_bundle(d, "quiet", x, hours)):
        add_row(d, name, x.operation)
        move_to_bundle(d, x, "quiet_hours")
        return True
    cap = x.calls.get("cap")
    if not cap or x.kind != "live" or x.attempts or x.unknowns or not over_cap(d, x, cap):
        return False
    move_to_list(d, x, cap)
    return True


def _waits_for_morning(d: Draft, x: Delivery, hours: Hours | None) -> bool:
    """Return whether it is a list that is not sent in quiet hours, though it is due."""
    if x.kind == "rolling":
        return True
    if hours is None or x.kind != "roundup":
        return False
    bundle = d.look(Bundle, x.name)
    return bundle.kind in MORNING and not bundle.passes


def _join_quiet_hours(d: Draft, x: Delivery, hours: Hours) -> bool:
    """The end of a silence comes in quiet hours: list what it held with theirs, unless a part of that may pass."""
    bundle = d.look(Bundle, x.name)
    if bundle.kind != "silence" or bundle.passes or x.attempts:
        return False
    name = open_bundle(d, "quiet", x, hours)
    if not name:
        return False
    move_rows(d, x.name, name)
    move_to_bundle(d, x, "quiet_hours")
    return True


def over_cap(d: Draft, x: Delivery, cap: Cap) -> bool:
    """Return whether another new message would be one too many. A lane that was let through once stays so."""
    (most, period), index = cap, roots(x.channel, x.address)
    for at, lane in d.ascending(index):
        if at <= d.now - period:
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
    return pointer.bundle


def leave_list(d: Draft, lane: str, operation: str, but: str = "") -> None:
    """Take a run out of its list: it has a message of its own, or is in the newer list `but`."""
    name = d.look(Thread, lane).bundle
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


def over_request_limit(d: Draft, x: Delivery, *, edit: bool) -> bool:
    """Put a message above the limit into the list at the end of the stretch. False: it may be sent now.

    What may have arrived already is not listed, nor what was counted before: its process may have died.
    """
    limit = _limit_of(x, edit=edit)
    if not limit or x.attempts or x.unknowns or not has_summary(d, x.operation):
        return False
    reader, most, ms = limit
    requests = _current_requests(d, limit)
    if requests is None or x.name in requests.deliveries:
        return False
    if len(requests.deliveries) < most + (ceil(most * GRAVE) if _is_grave(d, x) else 0):
        return False
    name = open_bundle(d, "requested", x, (requests.start, int(requests.start + ms)), address=reader)
    if not name:
        return False
    add_row(d, name, x.operation)
    bundle = d.edit(Bundle, name)
    if x.address not in bundle.addresses:
        bundle.addresses.append(x.address)
    move_to_bundle(d, x, "requested")
    return True


def spend_request(d: Draft, x: Delivery, *, edit: bool) -> None:
    limit = _limit_of(x, edit=edit)
    if not limit:
        return
    if _current_requests(d, limit) is None:
        d.drop(Requests, _requests_name(limit))
    requests = d.edit(Requests, _requests_name(limit))
    requests.start = requests.start or d.now
    if x.name not in requests.deliveries:
        requests.deliveries.append(x.name)


def readdress(d: Draft, x: Delivery) -> bool:
    """Send a list to another address of its reader, as its own is not written to any more. False: there is none."""
    for address in d.look(Bundle, x.name).addresses:
        if not suppressed(d, x.destination, address):
            x.address = address
            return True
    return False


def _limit_of(x: Delivery, *, edit: bool) -> Any:
    """Return the limit of a new message; None where nothing limits it."""
    return None if edit or x.kind in BUNDLED or x.kind == "rolling" else x.calls.get("requested")


def _requests_name(limit: Any) -> str:
    return names.digest("requests", limit[0]).hex()


def _current_requests(d: Draft, limit: Any) -> Requests | None:
    """Return the stretch that goes on."""
    requests = d.get(Requests, _requests_name(limit))
    return requests if requests and d.now < requests.start + limit[2] else None


def _is_grave(d: Draft, x: Delivery) -> bool:
    return x.event == "operation.failed" and d.look(Operation, x.operation).facts.get("priority") == CRITICAL


def move_to_backlog(d: Draft, x: Delivery) -> bool:
    """Make it a row of the round-up. False where it stays as it is.

    So do lists, edits, of which there is one for each posted message, what buttons asked for, what has no summary, and
    what comes when a round-up of this very ms has left.
    """
    if x.kind in BUNDLED or x.kind == "rolling" or x.event.startswith(ANSWER_TO_PRESS):
        return False
    if (x.kind == "live" and d.look(Thread, x.lane).posted) or not has_summary(d, x.operation):
        return False
    if not (name := _open_round_up(d, x)):
        return False
    add_row(d, name, x.operation)
    move_to_bundle(d, x, "backlog")
    return True


def _open_round_up(d: Draft, x: Delivery) -> str:
    """Return the round-up of this address that takes more, '' for none. Its first delivery says since when it lists.

    One takes no more than is brought up to date when it is closed: all of it is in memory at once when it is sent.
    """
    pointer = d.edit(Pointer, f"backlog {names.of_address(x.destination, x.address)}")
    is_open = pointer.rows < REFRESHED and d.now < pointer.expires
    if not (pointer.bundle and is_open and _takes_more(d, pointer.bundle)):
        pointer.bundle = open_bundle(d, "backlog", x, (x.created, d.now))
        pointer.expires, pointer.rows = d.now + OPEN, 0
    pointer.rows += 1
    return pointer.bundle


def _takes_more(d: Draft, bundle: str) -> bool:
    """Return whether it is not sent yet, and neither given up nor dropped."""
    x = d.get(Delivery, bundle)
    return x is not None and not x.died and not is_closed(d, bundle)
