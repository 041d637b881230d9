"""What can be wrong with relay itself, as one look finds it. Pure.

A cause has a kind, a name within that kind, and whatever helps to say what it means. `blocks` are the scopes (as of the
store's pauses) through which nobody can be told of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from relay.domain.events import OPERATOR_EVENTS
from relay.reasons import Dead

CHANNEL, DESTINATION, DEAD, TEMPLATE, STORE, REFUSED = "channel", "destination", "dead", "template", "store", "refused"
KINDS = (CHANNEL, DESTINATION, DEAD, TEMPLATE, STORE, REFUSED)  # in the order in which they are told

MOST_NAMED = 5  # destinations that a cause names
LONGEST = 300  # characters of a reason
RECENT = 3600.0  # seconds that a dead letter is news
ATTENTION = 300.0  # seconds that a channel or a destination must fail before it is a trouble
SETTLED = ATTENTION + 60.0  # and those that a dead letter waits for it: a look of every process more
LATE = 120.0  # seconds after its return in which a channel's last dead letters still come in
# What says that the whole channel does not work, and not one message or address of it.
OF_CHANNEL = frozenset({Dead.RETRIES_EXHAUSTED, Dead.PAUSED_TOO_LONG, Dead.OUTCOME_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Cause:
    """`since` and `at` are in seconds since the epoch; `count` and `total` are of what the kind counts."""

    kind: str
    name: str
    since: float
    reason: str = ""
    count: int = 0  # messages that wait, dead letters, requests that were refused
    total: int = 0  # of so many requests
    affected: tuple[str, ...] = ()  # destinations, by name
    blocks: tuple[str, ...] = ()
    at: float | None = None  # when it last showed; None: it holds now

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
    works       scopes in which something got through since the last look, and when it last did
    configured  the scopes that the configuration has
    """

    causes: tuple[Cause, ...] = ()
    deaths: tuple[Death, ...] = ()
    works: Mapping[str, float] = field(default_factory=dict)
    configured: frozenset[str] = frozenset()


def of_pauses(
    paused: Mapping[str, tuple[float, str]], waiting: Mapping[str, int], names: Mapping[str, Iterable[str]]
) -> list[Cause]:
    """What is paused, by scope, since when and why.

    `waiting` and `names` are of channels: how many deliveries wait, and which destinations they are for.
    """
    causes = []
    for scope, (since, reason) in paused.items():
        kind, _, name = scope.partition(":")
        if kind == CHANNEL:
            causes.append(channel_down(name, since, reason, waiting, names))
        elif kind == DESTINATION:
            destination = name.partition("/")[0]
            causes.append(Cause(DESTINATION, name, since, reason[:LONGEST], affected=(destination,), blocks=(scope,)))
    return causes


def channel_down(
    name: str,
    since: float,
    reason: str,
    waiting: Mapping[str, int],
    names: Mapping[str, Iterable[str]],
    *,
    at: float | None = None,
) -> Cause:
    """Nothing gets through in this channel. `at`: the last attempt that shows it."""
    affected = tuple(names.get(name, ()))[: MOST_NAMED + 1]
    blocks = (f"{CHANNEL}:{name}",)
    waits = waiting.get(name, 0)
    return Cause(CHANNEL, name, since, reason[:LONGEST], waits, affected=affected, blocks=blocks, at=at)


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
