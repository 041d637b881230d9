"""One destination: its addresses and their states, who wants no more, its digests."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from relay.console.context import Context
from relay.console.facts import N_, Facts, Name, Question, Time, Typed, Unknown
from relay.console.views import health
from relay.console.views.health import DestinationHealth
from relay.console.views.messages import ScheduledDigest, scheduled
from relay.policy.destinations import quiet_at, zone_at
from relay.policy.recipients import NAME
from relay.store.history import History
from relay.store.reachability import Reachability
from relay.store.suppressions import EVERYWHERE, Suppressed, Suppressions
from relay.store.trials import Trials, TriedAddress

MOST_ADDRESSES = 100  # that are shown of one destination


class DestinationQuestion(Question):
    """The name of one; `address` is looked up there, be it configured or not, and `off` goes on in the list of those
    who want no more. `reason` and `lasts` fill the form of a pause.
    """

    name: Name
    address: Name = ""
    reason: Typed = ""
    lasts: Typed = ""
    off: str = Field("", pattern=r"^(\d{1,3}\.\d{1,15})?$")


class AddressFacts(Facts):
    """One address: its `state` (never_tried, works or failing), and why it is not written to any more."""

    address: str
    channel: str
    state: str
    since: Time
    why: str
    suppressed: str
    suppressed_at: Time
    everywhere: bool


class LastTestFacts(Facts):
    """The last test message of the last week, with the answer or the error of each address."""

    at: Time
    by: str
    rows: list[TriedAddress]


class DestinationFacts(Facts):
    """`quiet_until` is the end of the quiet hours that it is in, null outside of them.

    domains     whose addresses operations may ask for, of the destination that is whoever they ask for; else empty
    suppressed  those who are not written to and are none of `addresses`; `more_suppressed` is where the list goes on
    """

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
    more_suppressed: str
    tested: LastTestFacts | None


async def destination(context: Context, question: DestinationQuestion) -> DestinationFacts:
    config, now, name = context.config(), context.clock(), question.name
    its, dynamic = config.destinations.get(name), config.dynamic_destinations
    if its is None and not (name == NAME and dynamic):
        raise Unknown(N_("The configuration has no destination of this name."))
    options, defaults = its or config.destination_defaults, config.destination_defaults
    states = await Reachability(context.store, partial=True).states(config, now)
    last = (await History(context.store, partial=True).last_delivered([name])).get(name)
    its_health = (
        health.configured_health(config, its, states, last)
        if its
        else await health.dynamic_health(context, config, states)
    )
    every = [(its.channel, address) for address in its.addresses] if its else health.dynamic_addresses(config)
    shown = every[:MOST_ADDRESSES]
    if question.address and question.address not in [address for _, address in shown]:
        channel = its.channel if its else _channel_of(context, question.address)
        shown = [*([(channel, question.address)] if channel else []), *shown]
    # The list for all destinations means those with addresses of mails alone.
    mails = any(getattr(context.kinds.get(one), "unsubscribes", False) for one in its_health.channel.split(", "))
    off, more = await Suppressions(context.store).page(name, question.off, everywhere=mails)
    last_test = await Trials(context.store).last(name)
    quiet, spelled = quiet_at(options, defaults, now), {address.lower() for _, address in shown}
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
        suppressed=[row for row in off if row.address.lower() not in spelled],
        more_suppressed=more,
        tested=LastTestFacts.merged(last_test) if last_test else None,
    )


def _channel_of(context: Context, address: str) -> str:
    """Return the configured channel that takes an address of this form, '' for none."""
    return next((name for name in context.config().channels if _takes(context.kinds.get(name), address)), "")


def _takes(kind: Any, address: str) -> bool:
    try:
        return bool(kind and kind.addresses(address))
    except ValueError:
        return False


async def _addresses(context: Context, name: str, places: Sequence[tuple[str, str]]) -> list[AddressFacts]:
    addresses = [address for _, address in places]
    scopes = [f"destination:{name}/{address}" for address in addresses]
    states = await Reachability(context.store, partial=True).of(scopes, [*context.config().channels])
    suppressed = await Suppressions(context.store).among(name, addresses)
    rows = []
    for (channel, address), scope in zip(places, scopes, strict=True):
        state, off = states[scope], suppressed.get(address)
        rows.append(
            AddressFacts(
                address=address,
                channel=channel,
                state=state.name,
                since=state.since,
                why=state.cause,
                suppressed=off.reason if off else "",
                suppressed_at=off.at if off else None,
                everywhere=bool(off and off.destination == EVERYWHERE),
            )
        )
    return rows
