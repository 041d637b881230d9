"""The state of relay's parts: channels, destinations, limits, and the store below."""

from collections.abc import Mapping, Sequence

from relay.config import Config
from relay.console.context import Context
from relay.console.facts import Facts, NoQuestion, Time
from relay.policy.destinations import Destination
from relay.policy.reachability import OPERATOR, State, States, channel_scope
from relay.policy.recipients import KEYS, NAME
from relay.store.history import History
from relay.store.reachability import Reachability
from relay.store.runs import Runs

BY_GRAVITY = ("failing", "paused", "works", "never_tried")


class ChannelHealth(Facts):
    """`state`: never_tried, works or failing. Of `waiting`, without digests, `parked` wait for it to work."""

    name: str
    state: str
    since: Time
    why: str
    waiting: int
    parked: int
    oldest_due: Time


class DestinationHealth(Facts):
    """`state` is never_tried, works, failing or paused (`by` whom, `until` when); `mode` is '' of `dynamic`.

    `since` and `why` are of the address failing longest, `failing` counts them; `channel_fault` is its channel's error.
    """

    name: str
    channel: str
    mode: str
    state: str
    since: Time
    why: str
    by: str = ""
    until: Time = None
    addresses: int
    failing: int
    channel_fault: str = ""
    parked: int
    last_delivered: Time


class StoreHealth(Facts):
    """Redis: `memory` in bytes, `fullness` 0 to 1 of its maxmemory (0 where it has none)."""

    memory: int
    fullness: float
    replicas: int
    partitions: int
    away: int
    aof_failing: bool
    last_tick: Time


class Throttled(Facts):
    """A limit of the other side that is used up for long."""

    name: str
    since: Time
    why: str


class DestinationsFacts(Facts):
    """Destinations, failing ones first; failing `channels`, limits, and `removed` ones that are still paused."""

    channels: list[ChannelHealth]
    throttled: list[Throttled]
    rows: list[DestinationHealth]
    removed: list[DestinationHealth]


async def destinations(context: Context, _question: NoQuestion) -> DestinationsFacts:
    config = context.config()
    names = [*config.channels]
    states = await Reachability(context.store, partial=True).states(config, context.clock())
    waiting, due = await context.admin.waiting(names, context.clock()), await context.admin.oldest_due(names)
    channels, rows = await channels_and_destinations(context, states, waiting, due)
    if config.dynamic_destinations:
        rows.append(await dynamic_health(context, config, states))
    paused = {scope.removeprefix(OPERATOR) for scope in states if scope.startswith(OPERATOR)}
    removed = sorted(paused - {row.name for row in rows})
    rows.sort(key=lambda row: row.state in ("works", "never_tried"))
    return DestinationsFacts(
        channels=[row for row in channels if row.state == "failing"],
        throttled=await throttled(context),
        rows=rows,
        removed=[_health(name, "", [], states) for name in removed],
    )


async def channels_and_destinations(
    context: Context, states: States, waiting: Mapping[str, int], due: Mapping[str, float]
) -> tuple[list[ChannelHealth], list[DestinationHealth]]:
    """Return both, what does not work first."""
    config = context.config()
    last = await History(context.store, partial=True).last_delivered([*config.destinations])
    channels = [
        ChannelHealth.merged(
            state, name=name, state=state.name, why=state.cause, waiting=waiting.get(name, state.parked),
            oldest_due=due.get(name) if waiting.get(name) else None,
        )
        for scope, state in states.items()
        for kind, _, name in [scope.partition(":")]
        if kind == "channel" and (name in config.channels or state.name != "never_tried")
    ]  # fmt: skip
    every = [configured_health(config, its, states, last.get(its.name)) for its in config.destinations.values()]
    every.sort(key=lambda row: BY_GRAVITY.index(row.state))
    return sorted(channels, key=lambda row: BY_GRAVITY.index(row.state)), every


def configured_health(config: Config, its: Destination, states: States, last: float | None) -> DestinationHealth:
    """Return that of a destination of the configuration; `last` is the time of the last delivery."""
    scopes = [
        (f"destination:{its.name}/{address}", channel_scope(config, its.channel, address)) for address in its.addresses
    ]
    return _health(its.name, its.channel, scopes, states, last, mode=its.mode)


def _health(
    name: str,
    channel: str,
    scopes: Sequence[tuple[str, str]],
    states: States,
    last: float | None = None,
    *,
    mode: str = "",
) -> DestinationHealth:
    """`scopes` are those of its addresses, each with its channel's."""
    nothing = State()
    addresses = [states.get(scope, nothing) for scope, _ in scopes]
    failing = [state for state in addresses if state.fails]
    channels = {scope: states.get(scope, nothing) for _, scope in scopes}
    down = [state for state in channels.values() if state.fails]
    worked = any(state.name == "works" for state in addresses) or bool(last)
    pause, usual = states.get(f"{OPERATOR}{name}"), State("works" if worked else "never_tried")
    state = pause or min(failing or down, key=lambda row: row.since, default=usual)
    return DestinationHealth.merged(
        state, name=name, channel=channel, mode=mode, state=state.name, why=state.cause, addresses=len(scopes),
        failing=len(failing), channel_fault="; ".join(dict.fromkeys(state.cause for state in down)),
        parked=sum(state.parked for state in (*failing, *filter(None, [pause]))), last_delivered=last,
    )  # fmt: skip


async def dynamic_health(context: Context, config: Config, states: States) -> DestinationHealth:
    """Return that of whoever operations ask for: its addresses are those that are listed by name."""
    scopes = [
        (f"destination:{NAME}/{address}", channel_scope(config, channel, address))
        for channel, address in dynamic_addresses(config)
    ]
    reader = Reachability(context.store, partial=True)
    its_states = await reader.of([scope for pair in scopes for scope in pair], [*config.channels])
    last = await History(context.store, partial=True).last_delivered([NAME])
    allowed = config.dynamic_destinations
    channels = [name for name, listed in (allowed.by_channel if allowed else {}).items() if listed]
    return _health(NAME, ", ".join(channels), scopes, {**states, **its_states}, last.get(NAME))


def dynamic_addresses(config: Config) -> list[tuple[str, str]]:
    """Return channel and address of what operations may ask for and is listed by name; of mail, domains alone are."""
    allowed = config.dynamic_destinations
    by_name = [channel for channel, key in KEYS.items() if key == channel and channel in config.channels]
    return [(channel, address) for channel in by_name for address in allowed.by_channel[channel]] if allowed else []


async def throttled(context: Context) -> list[Throttled]:
    limits = await context.admin.throttled()
    return [
        Throttled.merged(name=scope.removeprefix("limit:"), since=since, why=why)
        for scope, (since, why) in limits.items()
    ]


async def redis(context: Context) -> StoreHealth:
    store, last_tick = context.store, await Runs(context.store).last_tick()
    partitions, away = len(store.partitions), len(store.away)
    return StoreHealth.merged(await store.signs(), partitions=partitions, away=away, last_tick=last_tick)
