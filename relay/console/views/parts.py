"""How the parts of relay are: who sends, where messages go, what waits, and the store below."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import Field

from relay.background.self_monitor import request_counts
from relay.config import Config
from relay.console.desk import Desk
from relay.console.times import moment
from relay.console.view import Facts
from relay.console.words import said
from relay.policy.destinations import Destination
from relay.policy.reachability import State, States, channel_scope
from relay.store.history import History
from relay.store.runs import Runs

BY_GRAVITY = ("failing", "paused", "works", "never_tried")


# By the outcome under which requests that were refused are counted (relay_events_total).
REFUSED: Mapping[str, str] = {
    "malformed": said("body is not JSON"), "unsigned": said("signature missing, wrong or too old"),
    "too_slow": said("body too slow"), "too_large": said("body larger than server.max_body"),
    "unsupported": said("content type or encoding that relay does not read"),
    "invalid": said("no event that relay takes from it"), "rate_limited": said("more than the source may send"),
    "unavailable": said("could not be made durable"), "fault": said("relay itself failed"),
    "wrong_method": said("no POST"),
}  # fmt: skip


class SourceHealth(Facts):
    """Requests of a source since this process began; those that were `refused` by outcome."""

    name: str
    accepted: int = 0
    duplicates: int = 0
    late: int = 0
    refused: dict[str, int] = Field(default_factory=dict)

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Return the outcomes in words."""
        return [(REFUSED.get(outcome, outcome), count) for outcome, count in self.refused.items()]


class ChannelHealth(Facts):
    """`state` is never_tried, works or failing: `since` when, and `why`. Of `waiting` deliveries, due or not, `parked`
    wait for it to work again. What is due by the calendar, such as a digest, does not wait.
    """

    name: str
    state: str
    since: datetime | None
    why: str
    waiting: int
    parked: int
    oldest_due: datetime | None


class DestinationHealth(Facts):
    """`state` is never_tried, works, failing or paused (`by` somebody, perhaps `until` then); `since` when, and `why`.

    Where it fails that is of the address that has failed longest; `failing` of its `addresses` do. `channel_fault` is
    why its channel fails, '' if it does not: then nothing is sent there either. `parked` has what waits for all that.
    """

    name: str
    channel: str
    state: str
    since: datetime | None
    why: str
    by: str = ""
    until: datetime | None = None
    addresses: int
    failing: int
    channel_fault: str = ""
    parked: int
    last_delivered: datetime | None


class StoreHealth(Facts):
    """Redis: `memory` in bytes, `fullness` 0 to 1 of its maxmemory (0 where it has none)."""

    memory: int
    fullness: float
    replicas: int
    partitions: int
    away: int
    aof_failing: bool
    last_tick: datetime | None


class Throttled(Facts):
    """A limit of the other side that is used up for long."""

    name: str
    since: datetime | None
    why: str


def sources(desk: Desk) -> list[SourceHealth]:
    """Return the configured sources, those of which most was refused first."""
    counts: dict[str, dict[str, int]] = {name: {} for name in desk.config().sources}
    for (source, outcome), count in request_counts().items():
        if count and source in counts:
            counts[source][outcome] = int(count)
    rows = [
        SourceHealth(
            name=name,
            accepted=row.get("accepted", 0),
            duplicates=row.get("duplicate", 0),
            late=row.get("late", 0),
            refused={outcome: row[outcome] for outcome in REFUSED if outcome in row},
        )
        for name, row in counts.items()
    ]
    return sorted(rows, key=lambda row: -sum(row.refused.values()))


async def channels(
    desk: Desk, states: States, waiting: Mapping[str, int], due: Mapping[str, float]
) -> tuple[list[ChannelHealth], list[DestinationHealth]]:
    """Channels and destinations: what does not work first."""
    config = desk.config()
    last = await History(desk.store, partial=True).last_delivered([*config.destinations])
    rows = [
        ChannelHealth(
            name=name,
            state=state.name,
            since=moment(state.since),
            why=state.cause,
            waiting=waiting.get(name, state.parked),
            parked=state.parked,
            oldest_due=moment(due.get(name)) if waiting.get(name) else None,
        )
        for scope, state in states.items()
        for kind, _, name in [scope.partition(":")]
        if kind == "channel" and (name in config.channels or state.name != "never_tried")
    ]
    every = [
        destination_health(name, its.channel, places_of(config, its), states, last.get(name))
        for name, its in config.destinations.items()
    ]
    every.sort(key=lambda row: BY_GRAVITY.index(row.state))
    return sorted(rows, key=lambda row: BY_GRAVITY.index(row.state)), every


def places_of(config: Config, its: Destination) -> list[tuple[str, str]]:
    """Return the scopes of each of its addresses: the address's own, and its channel's."""
    return [
        (f"destination:{its.name}/{address}", channel_scope(config, its.channel, address)) for address in its.addresses
    ]


def destination_health(
    name: str, channel: str, places: Sequence[tuple[str, str]], states: States, last: float | None
) -> DestinationHealth:
    """Return how it is; `places` are the scopes of its addresses, each with its channel's, `last` the last delivery."""
    nothing = State()
    own = [states.get(scope, nothing) for scope, _ in places]
    failing = [state for state in own if state.fails]
    channels = {scope: states.get(scope, nothing) for _, scope in places}
    down = [state for state in channels.values() if state.fails]
    worked = any(state.name == "works" for state in own) or bool(last)
    pause = states.get(f"operator:{name}")
    state = pause or min(
        failing or down, key=lambda row: row.since, default=State("works" if worked else "never_tried")
    )
    return DestinationHealth(
        name=name,
        channel=channel,
        state=state.name,
        since=moment(state.since),
        why=state.cause,
        by=state.by,
        until=moment(state.until),
        addresses=len(places),
        failing=len(failing),
        channel_fault="; ".join(dict.fromkeys(state.cause for state in down)),
        parked=sum(state.parked for state in (*failing, *filter(None, [pause]))),
        last_delivered=moment(last),
    )


async def throttled(desk: Desk) -> list[Throttled]:
    limits = await desk.admin.throttled()
    return [
        Throttled(name=name.removeprefix("limit:"), since=moment(since), why=why)
        for name, (since, why) in limits.items()
    ]


async def redis(desk: Desk) -> StoreHealth:
    signs = await desk.store.signs()
    return StoreHealth(
        memory=signs.memory,
        fullness=signs.fullness,
        replicas=signs.replicas,
        partitions=len(desk.store.partitions),
        away=len(desk.store.away),
        aof_failing=signs.aof_failing,
        last_tick=moment(await Runs(desk.store).last_tick()),
    )


def oldest(due: Iterable[float]) -> datetime | None:
    return moment(min(due, default=None))
