"""The addresses of a destination: what stands in the way of each, and what it takes now."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from relay.config import Config
from relay.console.desk import Desk
from relay.console.times import moment
from relay.console.view import Facts
from relay.console.views.destinations import dynamic_addresses
from relay.console.views.limits import LimitFacts, limits_of
from relay.domain.deliveries import Limits
from relay.policy.destinations import Destination, modes_at
from relay.policy.reachability import Serving
from relay.policy.recipients import KEYS, NAME, limit_of
from relay.store.reachability import Reachability
from relay.store.suppressions import EVERYWHERE, Suppressions

Place = tuple[str, str, Limits]  # channel, address, and what it runs under


class AddressFacts(Facts):
    """One address: its `state` (never_tried, works or failing), why it is not written to any more, and its limits."""

    address: str
    channel: str
    state: str
    since: datetime | None
    why: str
    suppressed: str
    suppressed_at: datetime | None
    everywhere: bool
    limits: list[LimitFacts]


def places(desk: Desk, config: Config, its: Destination | None) -> Iterator[Place]:
    """Of a destination of the configuration; None: of whoever operations ask for, where that is listed by name."""
    serving = Serving(config, desk.kinds)
    if its:
        yield from ((its.channel, address, limits) for address, limits in serving.of(its).addresses)
    else:
        for channel, address in dynamic_addresses(config):
            yield _requested(desk, config, serving, channel, address)


def looked_up(desk: Desk, config: Config, its: Destination | None, address: str) -> Iterator[Place]:
    """Of the destination itself, which has no such address any more; of what is asked for, by its looks."""
    if its:
        yield its.channel, address, Limits()
    elif (channel := next((name for name in KEYS if _takes(desk.kinds.get(name), address)), "")) in config.channels:
        yield _requested(desk, config, Serving(config, desk.kinds), channel, address)


def _takes(kind: Any, address: str) -> bool:
    try:
        return bool(kind and kind.addresses(address))
    except ValueError:
        return False


def _requested(desk: Desk, config: Config, serving: Serving, channel: str, address: str) -> Place:
    """As an operation would be told there."""
    mode = modes_at(desk.kinds[channel], config.channels[channel], address)[0]
    served = serving.of(Destination(name=NAME, channel=channel, addresses=(address,), mode=mode)).addresses[0][1]
    limit = limit_of(channel, address, config.dynamic_destinations, desk.kinds)
    return channel, address, replace(served, requested=limit)


async def addresses(desk: Desk, name: str, places: Sequence[Place]) -> list[AddressFacts]:
    names = [address for _, address, _ in places]
    scopes = [f"destination:{name}/{address}" for address in names]
    states = await Reachability(desk.store, partial=True).of(scopes, [*desk.config().channels])
    kept = await Suppressions(desk.store).among(name, names)
    limits = await limits_of(desk, name, places)
    rows = []
    for (channel, address, _), own in zip(places, limits, strict=True):
        state = states[f"destination:{name}/{address}"]
        off = kept.get(address)
        rows.append(
            AddressFacts(
                address=address,
                channel=channel,
                state=state.name,
                since=moment(state.since),
                why=state.cause,
                suppressed=off.reason if off else "",
                suppressed_at=off.at if off else None,
                everywhere=bool(off and off.destination == EVERYWHERE),
                limits=own,
            )
        )
    return rows
