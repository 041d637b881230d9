"""Parking of deliveries that wait for something broken.

A delivery whose channel, destination or limit is paused for long leaves the queue, so that nothing looks at it again
and again. The index `parking` says when to look at each place: at the end of its pause, or at once when that is lifted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from relay.engine.deliveries import dead_letter, supersede
from relay.engine.lanes import make_due, set_due
from relay.engine.ledger import note
from relay.engine.pauses import (
    CHANNEL,
    DESTINATION,
    REMOVED,
    Pause,
    drop_pause,
    failed_probes,
    find_pause,
    look_at,
    paused_until,
    place_of,
    places,
    scope_of,
)
from relay.engine.records import DAY, PARKING, TERMINAL, Bundle, Delivery, Operation, Thread, due, parked, parked_urgent
from relay.engine.state import Draft, Record

UNREADABLE = 30_000  # ms until what could not be read is tried again
RECHECK = 1000  # ms; a place whose probe was lost sends the next one after so long
PLACES = 10  # that are looked at in one step
CHUNK = 200  # so many come back to a place's queue in one step
REPEAT = 900_000  # ms between two probes with one message that may have arrived, where others wait
PROBERS = 100  # so many are looked at for the next probe
EVER = 1 << 60
LOOK = 60_000  # ms
KEPT_REMOVED = 3 * DAY
EXPIRES = 7 * DAY
OUTCOMES = frozenset({"operation.completed", "operation.failed", "operation.cancelled", "batch.completed"})


@dataclass
class Configured(Record):
    """Addresses of the newest configuration. There is one, named `configured`."""

    PREFIX: ClassVar[str] = ""

    announced: bool = False
    addresses: dict[str, list[str]] = field(default_factory=dict)  # destination → addresses, `*` for any
    heirs: dict[str, str] = field(default_factory=dict)  # "<destination>\0<channel>" → where a former address's go
    several: list[str] = field(default_factory=list)  # destinations that have, or had, several
    lacking: dict[str, int] = field(default_factory=dict)  # "<destination>\0<address>" that has deliveries → when seen


def park(d: Draft, x: Delivery, scope: str, created: int, until: int) -> None:
    """Take it out of its queue until the pause of a scope ends. `created` is its age among what waits there."""
    place = place_of(x.channel, scope)
    x.parked = place
    if scope.startswith((CHANNEL, DESTINATION)):
        x.failing = x.failing or d.now
    d.take_out(due(x.channel, x.urgency), x.name)
    d.place(parked(place), x.name, created)
    if x.urgency == "1":
        d.place(parked_urgent(place), x.name, created)
    look = _look_again_at(scope, until)
    before = d.score(PARKING, place)
    d.place(PARKING, place, look if before is None else min(before, look))


def reopen(d: Draft) -> None:
    """Look at the places where a pause is over, or a probe is due."""
    for place in d.first(PARKING, d.now, PLACES):
        if not d.apart(_reopen, place):
            d.place(PARKING, place, d.now + UNREADABLE)


def _reopen(d: Draft, place: str) -> bool:
    scope = scope_of(place)
    until = paused_until(d, scope)
    if until > d.now:
        d.place(PARKING, place, _look_again_at(scope, until))
        return True
    probed = failed_probes(d, scope) is not None
    for id_ in _next_probe(d, place) if probed else _next(d, place):
        if not d.apart(_bring_back, place, id_):
            _set_aside(d, place, id_)
    if d.size(parked(place)):
        d.place(PARKING, place, d.now + RECHECK if probed else 0)
    else:
        d.take_out(PARKING, place)
    return True


def _look_again_at(scope: str, until: int) -> int:
    """A channel's probe is among what is parked; another one stays in the queue, and goes first."""
    return until if scope.startswith(CHANNEL) else until + RECHECK


def _next(d: Draft, place: str) -> list[str]:
    """Return those that go next: the urgent ones first, each the oldest first."""
    return d.first(parked_urgent(place), EVER, CHUNK) or d.first(parked(place), EVER, CHUNK)


def _next_probe(d: Draft, place: str) -> list[str]:
    """Return the one to probe with: it has not failed yet, or longest ago, for it may be what makes the channel fail.

    None that may have arrived just now, if there is another. What is gone, or cannot be read, leaves with it.
    """
    names = d.first(parked(place), EVER, PROBERS)
    known = d.readable(Delivery, names)
    waiting = [x for x in known.values() if x]
    clear = [x for x in waiting if not x.last_marked or x.last_marked + REPEAT <= d.now]
    probe = [min(clear, key=lambda x: x.failed)] if clear else waiting[:1]
    return [*(name for name in names if not known.get(name)), *(x.name for x in probe)]


def _bring_back(d: Draft, place: str, id_: str) -> bool:
    d.take_out(parked_urgent(place), id_)
    d.take_out(parked(place), id_)
    if d.get(Delivery, id_):
        x = d.edit(Delivery, id_)
        x.parked = ""
        set_due(d, x, d.now)  # it was due when it was parked
        make_due(d, x)
    return True


def _set_aside(d: Draft, place: str, id_: str) -> None:
    """Let what cannot be read wait among what is due. Which urgency it has is not known (relay/engine/take.py)."""
    urgency = "" if d.score(parked_urgent(place), id_) is None else "1"
    d.take_out(parked_urgent(place), id_)
    d.take_out(parked(place), id_)
    d.place(due(place.partition(" ")[0], urgency), id_, d.now + UNREADABLE)


@dataclass(frozen=True, slots=True)
class Announce:
    """The newest configuration's addresses: destination → channel → addresses (`*`: any).

    What waits for the present ones goes on at once. What waits for an address that is gone leaves for the present one,
    if its destination has, and had, a single one.
    """

    addresses: Mapping[str, Mapping[str, Sequence[str]]]

    def decide(self, d: Draft) -> None:
        if not d.readable(Configured, ["configured"]):
            d.add(Configured("configured"))  # in the place of what cannot be read
        it = d.edit(Configured, "configured")
        it.announced = True
        it.addresses = {name: [one for some in its.values() for one in some] for name, its in self.addresses.items()}
        it.several = [name for name, them in it.addresses.items() if len(them) > 1 or name in it.several]
        it.heirs = {
            f"{name}\0{channel}": next(iter(them))
            for name, its in self.addresses.items()
            for channel, them in its.items()
            if them and "*" not in them and name not in it.several
        }
        for place in places(d):
            d.apart(_follow, place)


def _follow(d: Draft, place: str) -> None:
    """Let what waits in a place go on, if it is for a present address, or its destination is here no more."""
    channel, _, scope = place.partition(" ")
    destination, _, address = scope.partition(":")[2].partition("/")
    here = is_configured(d, destination, address)
    goes_on = scope.startswith(REMOVED) and (here or present_address(d, destination, channel))
    if goes_on or (scope.startswith(DESTINATION) and not here):  # the latter: its place is another one now
        drop_pause(d, scope)
        d.edit(Configured, "configured").lacking.pop(f"{destination}\0{address}", None)
        look_at(d, place)


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
            if drop_pause(d, scope):
                look_at(d, place_of(x.channel, scope))  # the others follow
        return False
    if _moved(d, x):
        return True
    if not x.removed:
        x.removed = d.now
        note(d, x.operation, "waits", x.destination, "destination_removed", x.address)
    _park_removed(d, x, scope)
    return True


def _park_removed(d: Draft, x: Delivery, scope: str) -> None:
    since = min(_removed_since(d, scope), d.now)  # the clock may have been set back
    created = max(since, x.created)
    place = f"{x.destination}\0{x.address}"
    configured = d.get(Configured, "configured")
    if configured and not 0 <= d.now - configured.lacking.get(place, 0) < LOOK // 2:
        d.edit(Configured, "configured").lacking[place] = d.now
    until = d.now + LOOK - RECHECK  # it is looked at so much later
    pause = d.edit(Pause, scope)
    pause.until, pause.at, pause.since = until, d.now, since
    pause.reason, pause.probe, pause.expires = "destination_removed", True, d.now + EXPIRES
    if d.now - created > KEPT_REMOVED:
        give_up_removed(d, x)
    else:
        park(d, x, scope, created, until)


def _removed_since(d: Draft, scope: str) -> int:
    pause = find_pause(d, scope)
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


def removed_scope(x: Delivery) -> str:
    """Return the scope of what waits because the newest configuration lacks its address."""
    return f"{REMOVED}{x.destination}/{x.address}"


def give_up_removed(d: Draft, x: Delivery) -> None:
    error = f"the newest configuration has no {x.destination} with {x.address}"
    dead_letter(d, x, "destination_removed", error)
