"""Parking of deliveries that wait for something broken.

A delivery whose channel, destination or limit is paused for long leaves the queue, so that nothing looks at it again
and again. The index `parking` says when to look at each place: at the end of its pause, or at once when that is lifted.
"""

from relay.engine.deliveries import dead_letter
from relay.engine.lanes import make_due, set_due
from relay.engine.pauses import CHANNEL, DESTINATION, REMOVED, failed_probes, paused_until, place_of
from relay.engine.records import PARKING, Delivery, due, parked, parked_urgent
from relay.engine.state import Draft

UNREADABLE = 30_000  # ms until what could not be read is tried again
RECHECK = 1000  # ms; a place whose probe was lost sends the next one after so long
PLACES = 10  # that are looked at in one step
CHUNK = 200  # so many come back to a place's queue in one step
REPEAT = 900_000  # ms between two probes with one message that may have arrived, where others wait
PROBERS = 100  # so many are looked at for the next probe
EVER = 1 << 60


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


def scope_of(place: str) -> str:
    return place.partition(" ")[2]


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


def removed_scope(x: Delivery) -> str:
    """Return the scope of what waits because the newest configuration lacks its address."""
    return f"{REMOVED}{x.destination}/{x.address}"


def give_up_removed(d: Draft, x: Delivery) -> None:
    error = f"the newest configuration has no {x.destination} with {x.address}"
    dead_letter(d, x, "destination_removed", error)
