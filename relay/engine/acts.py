"""Acts of people and of housekeeping on deliveries that wait, are paused, or were given up."""

from relay.engine import entries
from relay.engine.backlog import move_to_backlog
from relay.engine.causes import leave_cause
from relay.engine.deliveries import converges, dead_letter, forget, supersede
from relay.engine.entries import Settings
from relay.engine.lanes import URGENCIES, join
from relay.engine.ledger import note, record_end
from relay.engine.parking import EVER, give_up_removed, scope_of
from relay.engine.pauses import DESTINATION, LIMIT, OPERATOR, REMOVED, find, look_at
from relay.engine.pauses import drop as drop_pause
from relay.engine.records import (
    BROKEN,
    CHANNELS,
    DAY,
    DEAD,
    FLYING,
    PARKING,
    PAUSED,
    Configured,
    Delivery,
    OperatorPause,
    Thread,
    due,
    parked,
)
from relay.engine.removed import KEPT, is_configured, present_address
from relay.engine.state import Draft
from relay.engine.suppressions import suppressed

FOR_EVER = 36_500 * DAY
LOOKED_AT = 2000  # deliveries in a place: where none of these can go into a list, they wait

# Dead letters


def replay(d: Draft, entry: entries.ReplayDead, _: Settings) -> int:
    """Deliver dead letters again. A second entry finds them no longer dead."""
    return sum(d.apart(_replay, id_) or False for id_ in entry.ids)


def _replay(d: Draft, id_: str) -> bool:
    x = _dead(d, id_)
    # It would be dropped when it is handed out. A round-up goes to another address of its destination then.
    if x is None or (x.kind != "roundup" and suppressed(d, x.destination, x.address, x.passes == "2")):
        return False
    _revive(d, x)
    d.count("pending")
    x.attempts = x.crashes = x.died = x.failing = x.faults = x.failed = x.removed = 0
    x.unknowns = min(1, x.unknowns)  # what may have arrived still may: its channel is asked first, if it can answer
    x.reason, x.error, x.unreadable = "", "", False
    x.due = x.dated = x.created = d.now
    if converges(x.kind):
        thread = d.edit(Thread, x.lane)
        if thread.waiting:
            supersede(d, x, "newer state")
            return True
        thread.waiting = x.name
    note(d, x.operation, "replayed", x.destination)
    join(d, x)
    return True


def drop(d: Draft, entry: entries.DropDead, _: Settings) -> int:
    """Drop dead letters for good."""
    return sum(d.apart(_drop, id_) or False for id_ in entry.ids)


def _drop(d: Draft, id_: str) -> bool:
    x = _dead(d, id_)
    if x is None:
        return False
    _revive(d, x)
    d.count("dropped")
    note(d, x.operation, "dropped", x.destination)
    record_end(d, x, "dropped")
    leave_cause(d, x)
    forget(d, x)
    return True


def _dead(d: Draft, id_: str) -> Delivery | None:
    return d.edit(Delivery, id_) if d.score(DEAD, id_) is not None and d.get(Delivery, id_) else None


def _revive(d: Draft, x: Delivery) -> None:
    d.take_out(DEAD, x.name)
    d.count("dead", -1)


# Pauses


def pause(d: Draft, entry: entries.PauseDestination, _: Settings) -> None:
    """Pause a destination, in the place of an earlier pause. No success, no reload lifts it; no probe is sent."""
    for name in d.first(PAUSED, d.now):
        _forget_pause(d, name)
    until = d.now + (FOR_EVER if entry.ms is None else entry.ms)
    ends = entry.ms is not None
    it = OperatorPause(entry.destination, until, d.now, since=d.now, reason=entry.reason, by=entry.by, ends=ends)
    d.add(it)
    d.place(PAUSED, entry.destination, until)
    _look_behind(d, OPERATOR + entry.destination)  # the new end may be the earlier one


def resume(d: Draft, entry: entries.ResumeDestination, _: Settings) -> bool:
    known = d.get(OperatorPause, entry.destination)
    _forget_pause(d, entry.destination)
    _look_behind(d, OPERATOR + entry.destination)
    return known is not None and known.until > d.now


def _forget_pause(d: Draft, destination: str) -> None:
    d.drop(OperatorPause, destination)
    d.take_out(PAUSED, destination)


def _look_behind(d: Draft, scope: str) -> None:
    for place in _places(d):
        if scope_of(place) == scope:
            look_at(d, place)


def lift(d: Draft, entry: entries.LiftPauses, _: Settings) -> int:
    """Lift pauses that no person made, and all long throttles: the configuration changed, so the reason may be gone."""
    broken = [scope for _, scope in d.ascending(BROKEN)]
    scopes = [*entry.scopes, *(scope for scope in broken if scope.startswith(LIMIT))] if entry.scopes else broken
    lifted = sum(d.apart(drop_pause, scope) or False for scope in scopes)
    for place in _places(d):
        look_at(d, place)
    return lifted


def announce(d: Draft, entry: entries.Announce, _settings: Settings) -> None:
    """Take the newest configuration's addresses, and let what waits for the present ones go on at once.

    What waits for an address that it lacks leaves for the present one, if its destination has, and had, a single one.
    """
    if not d.readable(Configured, ["configured"]):
        d.add(Configured("configured"))  # in the place of what cannot be read
    it = d.edit(Configured, "configured")
    it.announced = True
    it.addresses = {name: [one for some in its.values() for one in some] for name, its in entry.addresses.items()}
    it.several = [name for name, them in it.addresses.items() if len(them) > 1 or name in it.several]
    it.heirs = {
        f"{name}\0{channel}": next(iter(them))
        for name, its in entry.addresses.items()
        for channel, them in its.items()
        if them and "*" not in them and name not in it.several
    }
    for place in _places(d):
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


# Housekeeping


def give_up_parked(d: Draft, entry: entries.GiveUpParked, _: Settings) -> int:
    """Dead-letter what has failed, or waited for what fails, for too long: the oldest of each place first."""
    done = 0
    for place in _places(d):
        if not scope_of(place).startswith(OPERATOR):  # what a person paused comes back by itself
            done += d.apart(_give_up_place, place, entry.max_age, entry.most - done) or 0
    return done


def _give_up_place(d: Draft, place: str, max_age: int, most: int) -> int:
    scope = scope_of(place)
    paused = find(d, scope)
    age = KEPT if scope.startswith(REMOVED) else max_age
    reason = paused.reason if paused else "what it waited for was paused"
    old = d.readable(Delivery, d.first(parked(place), d.now - age, most))
    return sum(d.apart(_give_up, name, scope, age, reason) or False for name, x in old.items() if x)


def _give_up(d: Draft, name: str, scope: str, age: int, reason: str) -> bool:
    x = d.edit(Delivery, name)
    if scope.startswith(REMOVED):
        give_up_removed(d, x)
    elif d.now - x.failing > age:
        dead_letter(d, x, "paused_too_long", reason)
    return bool(x.died)


def gather(d: Draft, entry: entries.GatherParked, _: Settings) -> int:
    """Keep so many in each place; put the oldest of the others into a round-up."""
    done = 0
    for place in _places(d):
        excess = min(d.size(parked(place)) - entry.kept, entry.most - done)
        for id_ in d.first(parked(place), EVER, LOOKED_AT) if excess > 0 else ():
            if excess <= 0:
                break
            if d.apart(_gather, id_):
                done, excess = done + 1, excess - 1
    return done


def _gather(d: Draft, id_: str) -> bool:
    return move_to_backlog(d, d.edit(Delivery, id_))


def give_up_channel(d: Draft, entry: entries.GiveUpChannel, _: Settings) -> int:
    """Dead-letter what is too old of a channel that is configured no more; without any the channel is forgotten."""
    done = 0
    error = f"the configuration has no channels.{entry.channel} any more"
    for urgency in URGENCIES:
        for id_ in d.first(due(entry.channel, urgency), d.now - entry.max_age, entry.most - done):
            done += d.apart(_give_up_due, id_, error) or False
    if not _has_deliveries(d, entry.channel):
        d.take_out(CHANNELS, entry.channel)
    return done


def _give_up_due(d: Draft, id_: str, error: str) -> bool:
    dead_letter(d, d.edit(Delivery, id_), "channel_removed", error)
    return True


def _has_deliveries(d: Draft, channel: str) -> bool:
    if any(d.size(due(channel, urgency)) for urgency in URGENCIES):
        return True
    if any(place.startswith(f"{channel} ") for place in _places(d)):
        return True
    flying = [id_ for _, id_ in d.ascending(FLYING)]
    known = d.readable(Delivery, flying)
    return len(known) < len(flying) or any(x.channel == channel for x in known.values() if x)


def _places(d: Draft) -> list[str]:
    return [place for _, place in d.ascending(PARKING)]
