"""What can be wrong with relay itself, as one look finds it. Pure.

A cause has a kind, a name within that kind, and whatever helps to say what it means. `blocks` are the scopes (as of the
store's pauses) through which nobody can be told of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from relay.domain.events import OPERATOR_EVENTS
from relay.policy.reachability import DOWN, State, States
from relay.reasons import Dead

CHANNEL, DESTINATION, DEAD, TEMPLATE, STORE, REFUSED = "channel", "destination", "dead", "template", "store", "refused"
KINDS = (CHANNEL, DESTINATION, DEAD, TEMPLATE, STORE, REFUSED)  # in the order in which they are told

MOST_NAMED = 5  # destinations that a cause names
LONGEST = 300  # characters of a reason
RECENT = 3600.0  # seconds that a dead letter is news
SETTLED = DOWN + 60.0  # seconds that a dead letter waits for its channel to be a trouble
LATE = 120.0  # seconds after its return in which a channel's last dead letters still come in
# What says that the whole channel does not work, and not one message or address of it.
OF_CHANNEL = frozenset({Dead.RETRIES_EXHAUSTED, Dead.PAUSED_TOO_LONG, Dead.OUTCOME_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Cause:
    """`since` is in seconds since the epoch; `count` and `total` are of what the kind counts."""

    kind: str
    name: str
    since: float
    reason: str = ""
    count: int = 0  # messages that wait, dead letters, requests that were refused
    total: int = 0  # of so many requests
    affected: tuple[str, ...] = ()  # destinations, by name
    blocks: tuple[str, ...] = ()
    ripe: bool = True  # it has lasted long enough to be told

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.name}"


class Death(Protocol):
    """The part of a dead letter that is needed."""

    @property
    def at(self) -> float: ...
    @property
    def channel(self) -> str: ...
    @property
    def destination(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def reason(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that one look found.

    deaths      the newest dead letters of the last day
    states      of all channels and destinations that the configuration has
    """

    causes: tuple[Cause, ...] = ()
    deaths: tuple[Death, ...] = ()
    states: States = field(default_factory=dict)


def of_states(
    states: States, waiting: Mapping[str, int], names: Mapping[str, Iterable[str]], now: float
) -> list[Cause]:
    """Return a cause for each channel and destination that fails.

    `waiting` deliveries by channel, and the `names` of the destinations that each scope of a channel reaches.
    """
    return [_failing(scope, state, waiting, names, now) for scope, state in states.items() if state.fails]


def _failing(
    scope: str, state: State, waiting: Mapping[str, int], names: Mapping[str, Iterable[str]], now: float
) -> Cause:
    kind, _, name = scope.partition(":")
    of_channel = kind == CHANNEL
    affected = names.get(scope, ()) if of_channel else (name.partition("/")[0],)
    return Cause(
        kind,
        name,
        state.since,
        state.cause[:LONGEST],
        waiting.get(name, state.parked) if of_channel else 0,
        affected=tuple(affected)[: MOST_NAMED + 1],
        blocks=(scope,),
        ripe=state.is_down(now),
    )


def unexplained(deaths: Iterable[Death], ended: Mapping[str, float], now: float) -> Cause | None:
    """The dead letters of the last hour that no other cause accounts for; None if there are none.

    `ended`: when each trouble was over that is or was there, 0 where it is not. relay's own messages to its operators
    raise nothing.
    """

    def explained(death: Death) -> bool:
        keys = (f"{CHANNEL}:{death.channel}", f"{DESTINATION}:{death.destination}/{death.address}")
        return any(key in ended and (not ended[key] or death.at <= ended[key] + LATE) for key in keys)

    def settled(death: Death) -> bool:
        """Not if it may turn out to be the whole channel, which another process may know already."""
        return now - death.at >= (SETTLED if death.reason in OF_CHANNEL else 0.0)

    recent = [death for death in deaths if death.at > now - RECENT and death.event not in OPERATOR_EVENTS]
    left = [death for death in recent if settled(death) and not explained(death)]
    if not left:
        return None
    blocks = {f"{DESTINATION}:{death.destination}/{death.address}" for death in left}
    blocks |= {f"{CHANNEL}:{death.channel}" for death in left if death.reason in OF_CHANNEL}
    affected = dict.fromkeys(death.destination for death in left)
    return Cause(
        DEAD,
        "",
        min(death.at for death in left),
        left[0].reason,
        len(left),
        affected=tuple(affected)[: MOST_NAMED + 1],
        blocks=tuple(sorted(blocks)[:100]),
    )


def lost(cause: Cause, deaths: Iterable[Death]) -> int:
    """How many dead letters there are since this cause began, of the channel or destination that it is."""
    if cause.kind not in (CHANNEL, DESTINATION):
        return 0
    return sum(
        death.at >= cause.since
        and cause.name in (death.channel, f"{death.destination}/{death.address}")
        and death.event not in OPERATOR_EVENTS
        for death in deaths
    )


def merged(was: Cause, now: Cause) -> Cause:
    """The same cause as it is seen now: it began when it was first seen."""
    return replace(now, since=min(was.since, now.since))
