"""Deliveries to an address that the newest configuration lacks: perhaps a person was taken out.

A newer relay may have it, so they are parked like anything that is paused, with one that looks each minute. Three days
after the first of them they are dead letters.
"""

from relay.engine.deliveries import supersede
from relay.engine.lanes import make_due
from relay.engine.ledger import note
from relay.engine.parking import RECHECK, give_up_removed, park, removed_scope
from relay.engine.pauses import drop, find, look_at, place_of
from relay.engine.records import DAY, TERMINAL, Bundle, Configured, Delivery, Operation, Pause, Thread
from relay.engine.state import Draft

LOOK = 60_000  # ms
KEPT = 3 * DAY
EXPIRES = 7 * DAY
OUTCOMES = frozenset({"operation.completed", "operation.failed", "operation.cancelled", "batch.completed"})


def is_configured(d: Draft, destination: str, address: str) -> bool:
    configured = d.get(Configured, "configured")
    addresses = configured.addresses.get(destination, ()) if configured else ()
    return address in addresses or "*" in addresses


def present_address(d: Draft, destination: str, channel: str) -> str:
    """Return the one address that a destination has in a channel now, where it never had several; '' otherwise."""
    configured = d.get(Configured, "configured")
    return configured.heirs.get(f"{destination}\0{channel}", "") if configured else ""


def keep_from_removed(d: Draft, x: Delivery) -> bool:
    """Park what is for an address that is configured no more, or send it to the present one. False: it may be sent."""
    scope = removed_scope(x)
    configured = d.get(Configured, "configured")
    if configured is None or not configured.announced or is_configured(d, x.destination, x.address):
        if x.removed:
            x.removed = 0
            if drop(d, scope):
                look_at(d, place_of(x.channel, scope))  # the others follow
        return False
    if _moved(d, x):
        return True
    if not x.removed:
        x.removed = d.now
        note(d, x.operation, "waits", x.destination, "destination_removed", x.address)
    _park(d, x, scope)
    return True


def _park(d: Draft, x: Delivery, scope: str) -> None:
    since = min(_since(d, scope), d.now)  # the clock may have been set back
    created = max(since, x.created)
    place = f"{x.destination}\0{x.address}"
    configured = d.get(Configured, "configured")
    if configured and not 0 <= d.now - configured.lacking.get(place, 0) < LOOK // 2:
        d.edit(Configured, "configured").lacking[place] = d.now
    until = d.now + LOOK - RECHECK  # it is looked at so much later
    pause = d.edit(Pause, scope)
    pause.until, pause.at, pause.since = until, d.now, since
    pause.reason, pause.probe, pause.expires = "destination_removed", True, d.now + EXPIRES
    if d.now - created > KEPT:
        give_up_removed(d, x)
    else:
        park(d, x, scope, created, until)


def _since(d: Draft, scope: str) -> int:
    pause = find(d, scope)
    return pause.since if pause else d.now


def _moved(d: Draft, x: Delivery) -> bool:
    """Send it to the present address; a reply below a message at the old one is not.

    The live message of a run that goes on waits: its next event begins one at the present address, and the outcome
    there makes this one obsolete.
    """
    thread = d.get(Thread, x.lane)
    address = "" if thread and thread.posted else present_address(d, x.destination, x.channel)
    if not address:
        return False
    if x.kind == "live" and x.event not in OUTCOMES:
        o = d.get(Operation, x.operation)
        if o is None or o.rank != TERMINAL:
            return False
        supersede(d, x, "the run is over")
        return True
    if thread and thread.receipt:
        d.edit(Thread, x.lane).receipt = {}
    if d.get(Bundle, x.lane):
        d.edit(Bundle, x.lane).address = address
    x.address, x.removed = address, 0
    make_due(d, x)
    return True  # the next hand-out sends it there
