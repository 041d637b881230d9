"""The destinations: where each leads, who notifies it, and what stands in the way there."""

from relay.config import Config
from relay.console.desk import Desk
from relay.console.view import Facts, NoQuestion
from relay.console.views import parts
from relay.console.views.parts import ChannelHealth, DestinationHealth, Throttled
from relay.policy.reachability import OPERATOR, States, channel_scope
from relay.policy.recipients import KEYS, NAME
from relay.store.history import History
from relay.store.reachability import Reachability


class DestinationRow(Facts):
    """`health` says what is failing there and who has paused it; `mode` is '' where operations ask for it."""

    health: DestinationHealth
    mode: str


class DestinationsFacts(Facts):
    """In the configuration's order, what does not work first; `channels` that do not, and limits that are used up.

    `removed` are paused, and configured no more.
    """

    channels: list[ChannelHealth]
    throttled: list[Throttled]
    rows: list[DestinationRow]
    removed: list[DestinationHealth]


async def destinations(desk: Desk, _question: NoQuestion) -> DestinationsFacts:
    config = desk.config()
    names = [*config.channels]
    states = await Reachability(desk.store, partial=True).states(config, desk.clock())
    waiting, due = await desk.admin.waiting(names, desk.clock()), await desk.admin.oldest_due(names)
    channels, health = await parts.channels(desk, states, waiting, due)
    rows = [DestinationRow(health=row, mode=config.destinations[row.name].mode) for row in health]
    if config.dynamic_destinations:
        health_there = await dynamic_health(desk, config, states)
        rows.append(DestinationRow(health=health_there, mode=""))
    paused = {scope.removeprefix(OPERATOR) for scope in states if scope.startswith(OPERATOR)}
    removed = sorted(paused - {row.health.name for row in rows})
    rows.sort(key=lambda row: row.health.state in ("works", "never_tried"))
    return DestinationsFacts(
        channels=[row for row in channels if row.state == "failing"],
        throttled=await parts.throttled(desk),
        rows=rows,
        removed=[parts.destination_health(name, "", [], states, None) for name in removed],
    )


async def dynamic_health(desk: Desk, config: Config, states: States) -> DestinationHealth:
    """Of the destination that is whoever operations ask for: its addresses are those that are listed by name."""
    places = [
        (f"destination:{NAME}/{address}", channel_scope(config, channel, address))
        for channel, address in dynamic_addresses(config)
    ]
    reader = Reachability(desk.store, partial=True)
    own = await reader.of([scope for pair in places for scope in pair], [*config.channels])
    last = await History(desk.store, partial=True).last_delivered([NAME])
    allowed = config.dynamic_destinations
    channels = [name for name, listed in (allowed.by_channel if allowed else {}).items() if listed]
    return parts.destination_health(NAME, ", ".join(channels), places, {**states, **own}, last.get(NAME))


def dynamic_addresses(config: Config) -> list[tuple[str, str]]:
    """Return channel and address of what operations may ask for and is listed by name; of mail, domains alone are."""
    allowed = config.dynamic_destinations
    by_name = [channel for channel, key in KEYS.items() if key == channel and channel in config.channels]
    return [(channel, address) for channel in by_name for address in allowed.by_channel[channel]] if allowed else []
