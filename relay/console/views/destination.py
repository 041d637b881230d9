"""A destination: its addresses and their states, suppressed ones, and its digests."""

from collections.abc import Sequence

from relay.console.context import Context
from relay.console.facts import Facts, Name, Question, Time, Typed, Unknown
from relay.console.views.digests import ScheduledDigest, scheduled
from relay.console.views.health import DestinationHealth, destinations_of, places_of
from relay.engine.suppressions import EVERYWHERE
from relay.policy.destinations import quiet_at, zone_at
from relay.policy.recipients import NAME
from relay.store.queries.reachability import Reachability
from relay.store.queries.suppressions import Suppressed, Suppressions

MOST_ADDRESSES = 100  # that are shown of one destination


class DestinationQuestion(Question):
    """The name of one. `reason` and `lasts` fill the form of a pause."""

    name: Name
    reason: Typed = ""
    lasts: Typed = ""


class AddressFacts(Facts):
    """An address: its `state` (never_tried, works or failing), and the reason if it is suppressed."""

    address: str
    channel: str
    state: str
    since: Time
    why: str
    suppressed: str
    suppressed_at: Time
    everywhere: bool


class DestinationFacts(Facts):
    """`domains`: allowed ones of `dynamic`; `suppressed`: addresses beside `addresses`, newest first."""

    name: str
    mode: str
    language: str
    timezone: str
    addresses: list[AddressFacts]
    more_addresses: int
    domains: list[str]
    mentions: dict[str, list[str]]
    rules: list[str]
    health: DestinationHealth
    quiet_until: Time
    digests: list[ScheduledDigest]
    suppressed: list[Suppressed]
    more_suppressed: int


async def destination(context: Context, question: DestinationQuestion) -> DestinationFacts:
    config, now, name = context.config(), context.clock(), question.name
    its, dynamic = config.destinations.get(name), config.dynamic_destinations
    if its is None and not (name == NAME and dynamic):
        raise Unknown("The configuration has no destination of this name.")
    options, defaults = its or config.destination_defaults, config.destination_defaults
    states = await Reachability(context.store).states(config, now)
    [its_health] = await destinations_of(context, states, [name])
    every = places_of(config, name)
    shown = every[:MOST_ADDRESSES]
    # The list for all destinations means those with addresses of mails alone.
    mails = any(getattr(context.kinds.get(one), "unsubscribes", False) for one in its_health.channel.split(", "))
    lists, spelled = (name, EVERYWHERE) if mails else (name,), {address.lower() for _, address in shown}
    suppressed = [
        row
        for row in reversed(await Suppressions(context.store).all())
        if row.destination in lists and row.address.lower() not in spelled
    ]
    quiet = quiet_at(options, defaults, now)
    return DestinationFacts(
        name=name,
        mode=its.mode if its else "",
        language=options.language or config.language,
        timezone=zone_at(options, defaults),
        addresses=await _addresses(context, name, shown),
        more_addresses=max(len(every) - MOST_ADDRESSES, 0),
        domains=dynamic.email_domains if dynamic and not its else [],
        mentions=options.mention,
        rules=[rule.name for rule in config.rules if name in rule.notify],
        health=its_health,
        quiet_until=quiet.end if quiet else None,
        digests=await scheduled(context, [its], MOST_ADDRESSES) if its else [],
        suppressed=suppressed[:MOST_ADDRESSES],
        more_suppressed=max(len(suppressed) - MOST_ADDRESSES, 0),
    )


async def _addresses(context: Context, name: str, places: Sequence[tuple[str, str]]) -> list[AddressFacts]:
    addresses = [address for _, address in places]
    scopes = [f"destination:{name}/{address}" for address in addresses]
    states = await Reachability(context.store).of(scopes, [*context.config().channels])
    suppressed = await Suppressions(context.store).among(name, addresses)
    return [
        AddressFacts.merged(
            states[scope], address=address, channel=channel, state=states[scope].name, why=states[scope].cause,
            suppressed=off.reason if off else "", suppressed_at=off.at if off else None,
            everywhere=bool(off and off.destination == EVERYWHERE),
        )
        for (channel, address), scope in zip(places, scopes, strict=True)
        for off in [suppressed.get(address)]
    ]  # fmt: skip
