"""Pauses of whatever fails for every delivery, and for how long nothing is tried there.

A scope says what a pause concerns:
    operator:<destination>               a person paused it; nothing else lifts it
    channel:<name>[@<host>]              of a host that an address has a credential of its own for
    destination:<destination>/<address>
    removed:<destination>/<address>      the newest configuration lacks it
    limit:<name>                         the other side asked for patience
    lane:<lane>                          the same, of the messages of one lane
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from relay.engine.draft import Draft
from relay.engine.health import Health, record_success
from relay.engine.records import BROKEN, DAY, MAIN, PARKING, PAUSED, Delivery
from relay.engine.records import Limit as Rate
from relay.engine.state import Record
from relay.engine.suppressions import forgive

OPERATOR, CHANNEL, DESTINATION, REMOVED, LIMIT = "operator:", "channel:", "destination:", "removed:", "limit:"
WITNESS = 60_000  # ms within which another message has to fail as well, before a channel counts as broken
PROBED = 7 * DAY  # a scope where nothing was tried for so long counts as working
FOR_EVER = 36_500 * DAY


@dataclass
class Pause(Record):
    """Something that fails for all deliveries in its scope. Its name is the scope."""

    PREFIX: ClassVar[str] = "pause:"
    KEPT: ClassVar[int] = 8 * DAY

    until: int = 0
    since: int = 0
    reason: str = ""
    probe: bool = False
    probes: int = 0  # that failed
    expires: int = 0


@dataclass
class OperatorPause(Record):
    """A destination that a person paused."""

    PREFIX: ClassVar[str] = "paused:"

    until: int = 0
    since: int = 0
    reason: str = ""
    by: str = ""
    ends: bool = True


@dataclass(frozen=True, slots=True)
class PauseScope:
    """A fault that concerns every delivery in a scope (relay.policy.retry.Pause); `ms` for which it does."""

    scope: str
    ms: int
    reason: str
    probe: bool = False
    witnessed: bool = False


def channel_scope(x: Delivery) -> str:
    """Return the scope of its channel, or of the host that its address has a credential of its own for."""
    host = x.calls.get("own")
    return f"{CHANNEL}{x.channel}@{host}" if host else f"{CHANNEL}{x.channel}"


def destination_scope(x: Delivery) -> str:
    return f"{DESTINATION}{x.destination}/{x.address}"


def lane_of(x: Delivery) -> str:
    """Return its lane, which is another one for the replies in a thread."""
    return x.lane if x.queue in ("", MAIN) else f"{x.lane}/{x.queue}"


def lane_scope(x: Delivery) -> str:
    return f"lane:{lane_of(x)}"


def place_of(channel: str, scope: str) -> str:
    """Return the name of the place where deliveries of a channel wait for the end of a pause."""
    return f"{channel} {scope}"


def scope_of(place: str) -> str:
    return place.partition(" ")[2]


def places(d: Draft) -> list[str]:
    return [place for _, place in d.ascending(PARKING)]


def look_at(d: Draft, place: str) -> None:
    """Look at a place at once, if anything waits there: its pause may be over."""
    if d.score(PARKING, place) is not None:
        d.place(PARKING, place, 0)


def find_pause(d: Draft, scope: str) -> Pause | OperatorPause | None:
    """Return the pause of a scope; one that is probed stays after its end, until something arrives."""
    kind: type[Pause | OperatorPause] = Pause
    name = scope
    if scope.startswith(OPERATOR):
        kind, name = OperatorPause, scope.removeprefix(OPERATOR)
    pause = d.get(kind, name)
    if pause is None or (isinstance(pause, Pause) and 0 < pause.expires <= d.now):
        return None
    return pause


def paused_until(d: Draft, scope: str) -> int:
    """Return when the pause of a scope ends; 0 if there is none."""
    pause = find_pause(d, scope)
    return pause.until if pause else 0


def failed_probes(d: Draft, scope: str) -> int | None:
    """Return how many probes of a scope have failed; None if it is not paused, or not probed."""
    pause = find_pause(d, scope)
    return pause.probes if isinstance(pause, Pause) and pause.probe else None


def drop_pause(d: Draft, scope: str) -> bool:
    """End a pause that no person made. False if there is none."""
    if d.score(BROKEN, scope) is not None:
        d.take_out(BROKEN, scope)
    if d.get(Pause, scope) is None:
        return False
    d.drop(Pause, scope)
    return True


def lift_pause(d: Draft, channel: str, scope: str) -> None:
    """End a pause that no person made; what waits for that in this channel goes on."""
    if drop_pause(d, scope):
        look_at(d, place_of(channel, scope))


def pause(d: Draft, x: Delivery, faults: Sequence[PauseScope], *, probing: bool, unresponsive: bool) -> bool:
    """Pause what a failed attempt says is broken.

    Return whether the delivery waits among what is parked for it, also where that ends before its time.
    """
    parks = False
    for fault in faults:
        scope = lane_scope(x) if fault.scope == "lane" else fault.scope
        of_channel = scope.startswith(CHANNEL)
        if not fault.witnessed or _is_witnessed(d, scope, lane_of(x)):
            paused = _pause(d, scope, fault)
            paused.probes += of_channel and probing
            parks |= fault.probe and scope.startswith((CHANNEL, LIMIT))
        if of_channel and unresponsive:
            d.edit(Health, scope).unresponsive = d.now
    return parks


def _pause(d: Draft, scope: str, fault: PauseScope) -> Pause:
    known = find_pause(d, scope)
    if known is None:
        drop_pause(d, scope)
    ms = min(fault.ms, DAY)  # whatever the other side asks for
    until = d.now + ms
    longest = max(until, min(known.until, d.now + DAY)) if known else until
    paused = d.edit(Pause, scope)
    paused.until = until if fault.probe else longest
    paused.reason, paused.since = fault.reason, paused.since or d.now
    paused.expires = d.now + ms + PROBED if fault.probe else longest + 1000
    if fault.probe:
        paused.probe = True
        d.place(BROKEN, scope, until)
    return paused


def _is_witnessed(d: Draft, scope: str, lane: str) -> bool:
    """Return whether a failure that may be the message's own pauses its channel: also another message fails."""
    if find_pause(d, scope):
        return True
    health = d.get(Health, scope)
    if health is None or not health.failed or health.by == lane:
        return False
    return d.now - health.failed <= WITNESS and health.works <= health.failed


def probe_again(d: Draft, x: Delivery, after: int | None) -> None:
    """Let the next delivery probe its channel at once; or after so many ms, where this one found no answer."""
    scope = channel_scope(x)
    if find_pause(d, scope):
        paused = d.edit(Pause, scope)
        paused.until = d.now + (after or 0)
        paused.probes += after is not None
        look_at(d, place_of(x.channel, scope))


def resume(d: Draft, x: Delivery) -> None:
    """End the pauses of all that a delivery needed, since it arrived; its address takes messages."""
    forgive(d, x.address)
    for scope in (destination_scope(x), channel_scope(x)):
        record_success(d, scope)
        lift_pause(d, x.channel, scope)


def lift_throttles(d: Draft, x: Delivery, limits: Iterable[Rate]) -> None:
    """End the long throttles of these limits: something got through. Shorter ones end by the clock."""
    if not d.size(BROKEN):
        return
    for limit in limits:
        scope = f"{LIMIT}{limit[0]}"
        if d.score(BROKEN, scope) is not None:
            lift_pause(d, x.channel, scope)


@dataclass(frozen=True, slots=True)
class PauseDestination:
    """A person pauses a destination for `ms`; None: without an end. It takes the place of an earlier pause.

    No success, no reload lifts it; no probe is sent.
    """

    destination: str
    ms: int | None
    reason: str
    by: str

    def decide(self, d: Draft) -> None:
        for name in d.first(PAUSED, d.now):
            _forget_operator_pause(d, name)
        until, ends = d.now + (FOR_EVER if self.ms is None else self.ms), self.ms is not None
        d.add(OperatorPause(self.destination, until, d.now, reason=self.reason, by=self.by, ends=ends))
        d.place(PAUSED, self.destination, until)
        _look_behind(d, OPERATOR + self.destination)  # the new end may be the earlier one


@dataclass(frozen=True, slots=True)
class ResumeDestination:
    """End the pause that a person made. Answer: whether there was one."""

    destination: str

    def decide(self, d: Draft) -> bool:
        known = d.get(OperatorPause, self.destination)
        _forget_operator_pause(d, self.destination)
        _look_behind(d, OPERATOR + self.destination)
        return known is not None and known.until > d.now


@dataclass(frozen=True, slots=True)
class LiftPauses:
    """Lift pauses that no person made, and all long throttles: the configuration changed, so the reason may be gone.

    Answer: how many were lifted.
    """

    scopes: Sequence[str] = ()  # none: all but those that people made

    def decide(self, d: Draft) -> int:
        broken = [scope for _, scope in d.ascending(BROKEN)]
        scopes = [*self.scopes, *(scope for scope in broken if scope.startswith(LIMIT))] if self.scopes else broken
        lifted = d.each(drop_pause, scopes)
        for place in places(d):
            look_at(d, place)
        return lifted


def _forget_operator_pause(d: Draft, destination: str) -> None:
    d.drop(OperatorPause, destination)
    d.take_out(PAUSED, destination)


def _look_behind(d: Draft, scope: str) -> None:
    for place in places(d):
        if scope_of(place) == scope:
            look_at(d, place)
