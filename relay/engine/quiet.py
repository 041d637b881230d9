"""New messages that are not wanted now: in quiet hours, or above the cap of a conversation, they are listed instead."""

from relay.engine import names
from relay.engine.bundles import add_row, has_summary, is_closed, move_rows, move_to_bundle, open_bundle
from relay.engine.lanes import BUNDLED, make_due, set_due
from relay.engine.overflow import move_to_list, over_cap
from relay.engine.records import Bundle, Delivery, Operation
from relay.engine.state import Draft

Hours = tuple[int, int]  # ms
MORNING = ("cause", "requested")  # lists that wait for the end of quiet hours


def divert(d: Draft, x: Delivery, hours: Hours | None, *, edit: bool) -> bool:
    """Put a new message into a list, or let a list wait. False: it may be sent. `hours`: the quiet hours at hand.

    What may have arrived already is not put above the cap by that; in quiet hours it is sent again at their end.
    """
    if hours and x.kind == "roundup" and _join_quiet_hours(d, x, hours):
        return True
    if _waits_for_morning(d, x, hours) and not edit:
        if hours:
            set_due(d, x, hours[1])
            make_due(d, x)
        return bool(hours)
    if edit or x.kind in BUNDLED or not has_summary(d.get(Operation, x.operation)):
        return False
    if hours and not x.passes and (name := _open_morning(d, x, hours)):
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
    bundle = d.get(Bundle, x.name) if hours and x.kind == "roundup" else None
    return bundle is not None and bundle.kind in MORNING and not bundle.passes


def _join_quiet_hours(d: Draft, x: Delivery, hours: Hours) -> bool:
    """The end of a silence comes in quiet hours: list what it held with theirs, unless a part of that may pass."""
    bundle = d.get(Bundle, x.name)
    if bundle is None or bundle.kind != "silence" or bundle.passes or x.attempts:
        return False
    name = _open_morning(d, x, hours)
    if not name:
        return False
    move_rows(d, x.name, name)
    move_to_bundle(d, x, "quiet_hours")
    return True


def _open_morning(d: Draft, x: Delivery, hours: Hours) -> str:
    """Return the list that is sent at the end of quiet hours; '' if it has left."""
    name = names.bundle(x.lane, "quiet", (x.destination, x.address), *hours)
    if is_closed(d, name):
        return ""
    open_bundle(d, name, "quiet", x, *hours)
    return name
