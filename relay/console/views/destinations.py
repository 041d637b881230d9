"""The destinations: where each leads, who notifies it, and what stands in the way there."""

from collections.abc import Sequence

from relay.config import Config
from relay.console.desk import Desk
from relay.console.times import moment
from relay.console.view import Facts, NoQuestion
from relay.console.views import parts
from relay.console.views.parts import ChannelHealth, DestinationHealth, Throttled
from relay.console.views.persons_pauses import PersonsPause, persons_pauses
from relay.policy.recipients import NAME
from relay.store.history import History


class DestinationRow(Facts):
    """`health` says what does not work there, `pause` who has paused it; `mode` is '' where operations ask for it."""

    health: DestinationHealth
    mode: str
    pause: PersonsPause | None


class DestinationsFacts(Facts):
    """In the configuration's order, what does not work first; `channels` that do not, and limits that are used up.

    `removed` are paused, and configured no more.
    """

    channels: list[ChannelHealth]
    throttled: list[Throttled]
    rows: list[DestinationRow]
    removed: list[PersonsPause]


async def destinations(desk: Desk, _question: NoQuestion) -> DestinationsFacts:
    config = desk.config()
    names = [*config.channels]
    channels, health = await parts.channels(desk, await desk.admin.queued(names), await desk.admin.oldest_due(names))
    pauses = await persons_pauses(desk)
    rows = [
        DestinationRow(health=row, mode=config.destinations[row.name].mode, pause=pauses.get(row.name))
        for row in health
    ]
    if config.dynamic_destinations:
        health_there = await dynamic_health(desk, config, channels)
        rows.append(DestinationRow(health=health_there, mode="", pause=pauses.get(NAME)))
    there = {row.health.name for row in rows}
    rows.sort(key=lambda row: row.pause is None and not row.health.paused and not row.health.channel_fault)
    return DestinationsFacts(
        channels=[row for row in channels if row.why],
        throttled=await parts.throttled(desk),
        rows=rows,
        removed=[pause for name, pause in pauses.items() if name not in there],
    )


async def dynamic_health(desk: Desk, config: Config, health: Sequence[ChannelHealth]) -> DestinationHealth:
    """Of the destination that is whoever operations ask for: its addresses are those that are listed by name."""
    places = dynamic_addresses(config)
    scopes = [f"destination:{NAME}/{address}" for _, address in places]
    paused = await desk.admin.paused(scopes)
    parked = await desk.admin.parked([*config.channels], [*paused])
    since, why = min(paused.values(), default=(None, ""))
    last = await History(desk.store, partial=True).last_delivered([NAME])
    allowed = config.dynamic_destinations
    channels = [name for name, listed in (allowed.by_channel if allowed else {}).items() if listed]
    return DestinationHealth(
        name=NAME,
        channel=", ".join(channels),
        addresses=len(places),
        paused=len(paused),
        paused_since=moment(since),
        why=why,
        channel_fault="; ".join(row.why for row in health if row.why and row.name in channels),
        parked=sum(parked.values()),
        last_delivered=moment(last.get(NAME)),
    )


def dynamic_addresses(config: Config) -> list[tuple[str, str]]:
    """Channel and address of what operations may ask for and is listed by name; of mail, domains alone are."""
    allowed = config.dynamic_destinations
    return [("slack", address) for address in allowed.slack] if allowed and "slack" in config.channels else []
