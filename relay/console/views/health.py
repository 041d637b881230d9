"""The state of relay's parts: channels, destinations, and the store below."""

from collections.abc import Mapping, Sequence

from relay.config import Config
from relay.console.context import Context
from relay.console.facts import Facts, NoQuestion, Time
from relay.policy.reachability import OPERATOR, State, States, channel_scope
from relay.policy.recipients import KEYS, NAME
from relay.store.queries.history import History
from relay.store.queries.reachability import Reachability
from relay.store.queries.runs import Runs

BY_GRAVITY = ("failing", "paused", "works", "never_tried")


class ChannelHealth(Facts):
    """`state` is never_tried, works or failing. Of `waiting` deliveries `parked` wait for it to work."""

    name: str
    state: str
    since: Time
    why: str
    waiting: int
    parked: int
    oldest_due: Time


class DestinationHealth(Facts):
    """`state` is never_tried, works, failing or paused (with `by`, `until`); `mode` is '' of `dynamic`.

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
    """Redis: `memory` in bytes, `fullness` 0 to 1 of its maxmemory (0: it has none). `owns`: this process decides."""

    memory: int
    fullness: float
    replicas: int
    owns: bool
    aof_failing: bool
    last_tick: Time


class DestinationsFacts(Facts):
    """Destinations, failing ones first; failing `channels`, and `removed` destinations that are still paused."""

    channels: list[ChannelHealth]
    rows: list[DestinationHealth]
    removed: list[DestinationHealth]


async def destinations(context: Context, _question: NoQuestion) -> DestinationsFacts:
    config = context.config()
    names = [*config.channels]
    states = await Reachability(context.store).states(config, context.clock())
    waiting, due = await context.admin.waiting(names, context.clock()), await context.admin.oldest_due(names)
    listed = [*config.destinations, *([NAME] if config.dynamic_destinations else [])]
    paused = {scope.removeprefix(OPERATOR) for scope in states if scope.startswith(OPERATOR)}
    return DestinationsFacts(
        channels=[row for row in channels_of(config, states, waiting, due) if row.state == "failing"],
        rows=await destinations_of(context, states, listed),
        removed=await destinations_of(context, states, sorted(paused.difference(listed))),
    )


def channels_of(
    config: Config, states: States, waiting: Mapping[str, int], due: Mapping[str, float]
) -> list[ChannelHealth]:
    """Return the channels, those that fail first."""
    rows = [
        ChannelHealth.merged(
            state, name=name, state=state.name, why=state.why, waiting=waiting.get(name, state.parked),
            oldest_due=due.get(name) if waiting.get(name) else None,
        )
        for scope, state in states.items()
        for kind, _, name in [scope.partition(":")]
        if kind == "channel" and (name in config.channels or state.name != "never_tried")
    ]  # fmt: skip
    return sorted(rows, key=lambda row: BY_GRAVITY.index(row.state))


def places_of(config: Config, name: str) -> list[tuple[str, str]]:
    """Return channel and address of each of a destination; for `dynamic` those that are listed by name."""
    if its := config.destinations.get(name):
        return [(its.channel, address) for address in its.addresses]
    if name != NAME or not (allowed := config.dynamic_destinations):
        return []
    by_name = [channel for channel, key in KEYS.items() if key == channel and channel in config.channels]
    return [(channel, address) for channel in by_name for address in allowed.by_channel[channel]]


async def destinations_of(context: Context, states: States, names: Sequence[str]) -> list[DestinationHealth]:
    """Return these destinations, those that fail first. `states` has all scopes but the addresses of `dynamic`."""
    config, history = context.config(), History(context.store)
    last = await history.last_delivered([*names]) if names else {}
    if NAME in names and NAME not in config.destinations:
        scopes = [scope for pair in _scopes(config, NAME) for scope in pair]
        its_states = await Reachability(context.store).of(scopes, [*config.channels])
        states = {**states, **its_states}
    rows = [_destination(config, name, states, last.get(name)) for name in names]
    return sorted(rows, key=lambda row: BY_GRAVITY.index(row.state))


def _scopes(config: Config, name: str) -> list[tuple[str, str]]:
    """Return the scopes of its addresses, each with that of its channel."""
    return [
        (f"destination:{name}/{address}", channel_scope(config, channel, address))
        for channel, address in places_of(config, name)
    ]


def _destination(config: Config, name: str, states: States, last: float | None) -> DestinationHealth:
    """`last` is the time of the last delivery."""
    nothing, scopes, its = State(), _scopes(config, name), config.destinations.get(name)
    addresses = [states.get(scope, nothing) for scope, _ in scopes]
    failing = [state for state in addresses if state.fails]
    channels = {scope: states.get(scope, nothing) for _, scope in scopes}
    down = [state for state in channels.values() if state.fails]
    worked = any(state.name == "works" for state in addresses) or bool(last)
    pause, usual = states.get(f"{OPERATOR}{name}"), State("works" if worked else "never_tried")
    state = pause or min(failing or down, key=lambda row: row.since, default=usual)
    allowed = config.dynamic_destinations.by_channel if name == NAME and config.dynamic_destinations else {}
    channel = its.channel if its else ", ".join(channel for channel, listed in allowed.items() if listed)
    return DestinationHealth.merged(
        state, name=name, channel=channel, mode=its.mode if its else "", state=state.name, why=state.why,
        addresses=len(scopes), failing=len(failing),
        channel_fault="; ".join(dict.fromkeys(state.why for state in down)),
        parked=sum(state.parked for state in (*failing, *filter(None, [pause]))), last_delivered=last,
    )  # fmt: skip


async def redis(context: Context) -> StoreHealth:
    store, last_tick = context.store, await Runs(context.store).last_tick()
    return StoreHealth.merged(await store.signs(), owns=store.partition.owns, last_tick=last_tick)
