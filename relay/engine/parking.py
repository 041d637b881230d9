"""Parking of deliveries that wait for something broken, or for an address that the configuration lacks.

A delivery whose channel, destination or limit is paused for long leaves the queue, so that nothing looks at it again
and again. The index `parking` says when to look at each place: at the end of its pause, or at once when that is lifted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import ClassVar

from relay.engine.arrival import OUTCOMES
from relay.engine.deliveries import dead_letter, supersede
from relay.engine.draft import Draft
from relay.engine.lanes import make_due
from relay.engine.ledger import note
from relay.engine.pauses import (
    CHANNEL,
    DESTINATION,
    REMOVED,
    Pause,
    drop_pause,
    failed_probes,
    find_pause,
    lift_pause,
    look_at,
    paused_until,
    place_of,
    places,
    scope_of,
)
from relay.engine.records import DAY, PARKING, TERMINAL, Bundle, Delivery, Operation, Thread, due, parked, parked_urgent
from relay.engine.state import Record

UNREADABLE = 30_000  # ms until what could not be read is tried again
RECHECK = 1000  # ms; a place whose probe was lost sends the next one after so long
PLACES = 10  # that are looked at in one step
CHUNK = 200  # so many come back to a place's queue in one step
REPEAT = 900_000  # ms between two probes with one message that may have arrived, where others wait
PROBERS = 100  # so many are looked at for the next probe
EVER = 1 << 60
CONFIGURED = "configured"  # the name of the only record of its kind
LOOK = 60_000  # ms after which the newest configuration may have an address that it lacked
KEPT_REMOVED = 3 * DAY
EXPIRES = 7 * DAY


@dataclass
class Configured(Record):
    """Addresses of the newest configuration. There is one, named `configured`."""

    PREFIX: ClassVar[str] = ""

    announced: bool = False
    addresses: dict[str, list[str]] = field(default_factory=dict)  # destination → addresses, `*` for any
    heirs: dict[str, str] = field(default_factory=dict)  # "<destination>\0<channel>" → where a former address's go
    several: list[str] = field(default_factory=list)  # destinations that have, or had, several
    lacking: dict[str, int] = field(default_factory=dict)  # "<destination>\0<address>" that has deliveries → when seen

    def has(self, destination: str, address: str) -> bool:
        addresses = self.addresses.get(destination, ())
        return address in addresses or "*" in addresses

    def heir(self, destination: str, channel: str) -> str:
        """Return the one address that a destination has in a channel now, where it never had several; '' otherwise."""
        return self.heirs.get(f"{destination}\0{channel}", "")


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
    at_hand = d.first(PARKING, d.now, PLACES)
    for place in at_hand:
        d.place(PARKING, place, d.now + UNREADABLE)  # for one that fails
    d.each(_reopen, at_hand)


def _reopen(d: Draft, place: str) -> bool:
    scope = scope_of(place)
    until = paused_until(d, scope)
    if until > d.now:
        d.place(PARKING, place, _look_again_at(scope, until))
        return True
    if failed_probes(d, scope) is not None:
        brought, look = any(d.attempt(_bring_back, id_, place) for id_ in _probes(d, place)), d.now + RECHECK
    else:
        brought, look = d.each(_bring_back, _next(d, place), place) > 0, 0
    if not d.size(parked(place)):
        d.take_out(PARKING, place)
    elif brought:
        d.place(PARKING, place, look)
    return True


def _look_again_at(scope: str, until: int) -> int:
    """A channel's probe is among what is parked; another one stays in the queue, and goes first."""
    return until if scope.startswith(CHANNEL) else until + RECHECK


def _next(d: Draft, place: str) -> list[str]:
    """Return those that go next: the urgent ones first, each the oldest first."""
    return d.first(parked_urgent(place), EVER, CHUNK) or d.first(parked(place), EVER, CHUNK)


def _probes(d: Draft, place: str) -> list[str]:
    """Return those to probe with, the best first: what has not failed yet, or longest ago, may not be the cause.

    What may have arrived just now is the last. What is gone leaves, and a damaged one stays.
    """
    names = d.first(parked(place), EVER, PROBERS)
    known = d.get_all(Delivery, names)
    in_doubt = [name for name, x in known.items() if x.last_marked + REPEAT > d.now]
    clear = sorted(known.keys() - in_doubt, key=lambda name: (known[name].failed, names.index(name)))
    return [*(name for name in names if name not in known), *clear, *in_doubt]


def _bring_back(d: Draft, id_: str, place: str) -> bool:
    d.take_out(parked_urgent(place), id_)
    d.take_out(parked(place), id_)
    if d.get(Delivery, id_) is None:
        return False
    x = d.edit(Delivery, id_)
    x.parked = ""
    make_due(d, x, d.now)  # it was due when it was parked
    return True


@dataclass(frozen=True, slots=True)
class Announce:
    """The newest configuration's addresses: destination → channel → addresses (`*`: any).

    What waits for the present ones goes on at once. What waits for an address that is gone leaves for the present one,
    if its destination has, and had, a single one.
    """

    addresses: Mapping[str, Mapping[str, Sequence[str]]]

    def decide(self, d: Draft) -> None:
        if not d.get_all(Configured, [CONFIGURED]):
            d.add(Configured(CONFIGURED))  # in the place of a damaged one
        configured = d.edit(Configured, CONFIGURED)
        configured.announced = True
        configured.addresses = {name: [*chain(*channels.values())] for name, channels in self.addresses.items()}
        several = configured.several
        configured.several = [name for name, them in configured.addresses.items() if len(them) > 1 or name in several]
        configured.heirs = {
            f"{name}\0{channel}": addresses[0]
            for name, channels in self.addresses.items()
            for channel, addresses in channels.items()
            if addresses and "*" not in addresses and name not in configured.several
        }
        d.each(_follow, places(d))


def _follow(d: Draft, place: str) -> bool:
    """Let what waits in a place go on, if it is for a present address, or its destination is here no more."""
    configured = d.edit(Configured, CONFIGURED)
    channel, _, scope = place.partition(" ")
    destination, _, address = scope.partition(":")[2].partition("/")
    here = configured.has(destination, address)
    goes_on = scope.startswith(REMOVED) and (here or configured.heir(destination, channel))
    if goes_on or (scope.startswith(DESTINATION) and not here):  # the latter: its place is another one now
        drop_pause(d, scope)
        configured.lacking.pop(f"{destination}\0{address}", None)
        look_at(d, place)
        return True
    return False


def keep_from_removed(d: Draft, x: Delivery) -> bool:
    """Keep it from an address that the newest configuration lacks: perhaps a person was taken out. False: it has it.

    It is sent to the present address, if there is one. Else it is parked like anything that is paused, with one that
    looks each minute, for a newer relay may have it. Three days after the first of them they are dead letters.
    """
    scope = f"{REMOVED}{x.destination}/{x.address}"
    configured = d.get(Configured, CONFIGURED)
    if configured is None or not configured.announced or configured.has(x.destination, x.address):
        if x.removed:
            x.removed = 0
            lift_pause(d, x.channel, scope)  # the others follow
        return False
    if _moves(d, x, configured.heir(x.destination, x.channel)):
        return True
    if not x.removed:
        x.removed = d.now
        note(d, x.operation, "waits", x.destination, "destination_removed", x.address)
    place = f"{x.destination}\0{x.address}"
    if not 0 <= d.now - configured.lacking.get(place, 0) < LOOK // 2:
        d.edit(Configured, CONFIGURED).lacking[place] = d.now
    _park_removed(d, x, scope)
    return True


def _park_removed(d: Draft, x: Delivery, scope: str) -> None:
    known = find_pause(d, scope)
    since = known.since if known else d.now
    created = max(since, x.created)
    pause = d.edit(Pause, scope)
    pause.until, pause.since = d.now + LOOK - RECHECK, since  # it is looked at so much later
    pause.reason, pause.probe, pause.expires = "destination_removed", True, d.now + EXPIRES
    if d.now - created > KEPT_REMOVED:
        give_up_removed(d, x)
    else:
        park(d, x, scope, created, pause.until)


def _moves(d: Draft, x: Delivery, address: str) -> bool:
    """Send it to the present address, if there is one; a reply below a message at the old one is not.

    The live message of a run that goes on waits: its next event begins one at the present address, and the outcome
    there makes this one obsolete.
    """
    thread = d.get(Thread, x.lane)
    if not address or (thread and thread.posted):
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


def give_up_removed(d: Draft, x: Delivery) -> None:
    dead_letter(d, x, "destination_removed", f"the newest configuration has no {x.destination} with {x.address}")
