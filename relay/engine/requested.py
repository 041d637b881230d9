"""Messages that operations ask for themselves: so many to a reader in each stretch of time.

A stretch begins with its first message. What is above the limit is listed in one message at its end. A limit is the
reader, the messages and the ms, as in `calls["requested"]` of a delivery.
"""

from math import ceil
from typing import Any

from relay.engine import names
from relay.engine.bundles import add_row, has_summary, is_closed, move_to_bundle, open_bundle
from relay.engine.lanes import BUNDLED
from relay.engine.records import Bundle, Delivery, Operation, Requests
from relay.engine.state import Draft
from relay.engine.suppressions import suppressed

# Of failures of Critical priority a quarter more is sent at once. Not all: a sender may call anything so.
GRAVE = 1 / 4


def over_request_limit(d: Draft, x: Delivery, *, edit: bool) -> bool:
    """Put a message above the limit into the list at the end of the stretch. False: it may be sent now.

    What may have arrived already is not listed, nor what was counted before: its process may have died.
    """
    limit, o = _limit_of(x, edit=edit), d.get(Operation, x.operation)
    if not limit or x.attempts or x.unknowns or not has_summary(o):
        return False
    reader, most, ms = limit
    requests = _current(d, limit)
    if requests is None or x.name in requests.deliveries:
        return False
    if len(requests.deliveries) < most + (ceil(most * GRAVE) if _is_grave(o, x) else 0):
        return False
    start, end = requests.start, int(requests.start + ms)
    name = names.bundle(x.lane, "requested", (x.destination, reader), start, end)
    if is_closed(d, name):
        return False
    open_bundle(d, name, "requested", x, start, end)
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
    if _current(d, limit) is None:
        d.drop(Requests, _name(limit))
    requests = d.edit(Requests, _name(limit))
    requests.start = requests.start or d.now
    if x.name not in requests.deliveries:
        requests.deliveries.append(x.name)


def readdress(d: Draft, x: Delivery) -> bool:
    """Send a list to another address of its reader, as its own is not written to any more. False: there is none."""
    bundle = d.get(Bundle, x.name)
    for address in bundle.addresses if bundle else ():
        if not suppressed(d, x.destination, address):
            x.address = address
            return True
    return False


def _limit_of(x: Delivery, *, edit: bool) -> Any:
    """Return the limit of a new message; None where nothing limits it."""
    return None if edit or x.kind in BUNDLED or x.kind == "rolling" else x.calls.get("requested")


def _name(limit: Any) -> str:
    return names.digest("requests", limit[0]).hex()


def _current(d: Draft, limit: Any) -> Requests | None:
    """Return the stretch that goes on. One of before the clock was set back is none."""
    requests = d.get(Requests, _name(limit))
    return requests if requests and requests.start <= d.now < requests.start + limit[2] else None


def _is_grave(o: Operation | None, x: Delivery) -> bool:
    return o is not None and x.event == "operation.failed" and o.facts.get("priority") == "Critical"
