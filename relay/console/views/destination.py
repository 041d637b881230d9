"""One destination: its addresses with what stands in the way of each, its limits, who wants no more, its digests."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from relay.config import Config
from relay.console.context import Context
from relay.console.facts import Facts, Name, Question, Time, Typed, Unknown
from relay.console.text import N_
from relay.console.views import health
from relay.console.views.health import DestinationHealth
from relay.console.views.messages import ScheduledDigest, scheduled
from relay.domain.deliveries import Target
from relay.domain.limits import Limits
from relay.policy.destinations import Destination, modes_at, quiet_at, zone_at
from relay.policy.recipients import KEYS, NAME, limit_of
from relay.policy.serving import Serving
from relay.store.budgets import Budgets
from relay.store.history import History
from relay.store.reachability import Reachability
from relay.store.suppressions import EVERYWHERE, Suppressed, Suppressions
from relay.store.trials import Trials, TriedAddress

MOST_ADDRESSES = 100  # that are shown of one destination
Place = tuple[str, str, Limits]  # channel, address, and what it runs under


class DestinationQuestion(Question):
    """The name of one; `address` is looked up there, be it configured or not, and `off` goes on in the list of those
    who want no more. `reason` and `lasts` fill the form of a pause.
    """

    name: Name
    address: Name = ""
    reason: Typed = ""
    lasts: Typed = ""
    off: str = Field("", pattern=r"^(\d{1,3}\.\d{1,15})?$")


class LimitFacts(Facts):
    """One limit of an address.

    of         `new` messages or an `edit`, of which one more may go after each `per` seconds, `most` at once; or new
               `live` messages and those `requested` by operations, of which `most` may go in each `per` seconds
    left       how many may go now, the next at `free_at` (null: at once)
    throttled  until when the other side wants none, and why; null if it takes them
    shared     all addresses of the channel are under it
    """

    of: str
    most: int
    per: float
    left: int
    free_at: Time
    throttled: Time
    why: str
    shared: bool


class AddressFacts(Facts):
    """One address: its `state` (never_tried, works or failing), why it is not written to any more, and its limits."""

    address: str
    channel: str
    state: str
    since: Time
    why: str
    suppressed: str
    suppressed_at: Time
    everywhere: bool
    limits: list[LimitFacts]


class LastTestFacts(Facts):
    """The last test message of the last week, with the answer or the error of each address."""

    at: Time
    by: str
    rows: list[TriedAddress]


class DestinationFacts(Facts):
    """`quiet_until` is the end of the quiet hours that it is in, null outside of them; `channel_fault` why its channel
    does not work, '' if it does.

    domains     whose addresses operations may ask for, of the destination that is whoever they ask for; else empty
    suppressed  those who are not written to and are none of `addresses`; `more_suppressed` is where the list goes on
    """

    name: str
    channel: str
    mode: str
    language: str
    timezone: str
    addresses: list[AddressFacts]
    more_addresses: int
    domains: list[str]
    mentions: dict[str, list[str]]
    rules: list[str]
    health: DestinationHealth
    channel_fault: str
    quiet_until: Time
    digests: list[ScheduledDigest]
    suppressed: list[Suppressed]
    more_suppressed: str
    tested: LastTestFacts | None
    parked: int
    last_delivered: Time


async def destination(context: Context, question: DestinationQuestion) -> DestinationFacts:
    config, now, name = context.config(), context.clock(), question.name
    its, dynamic = config.destinations.get(name), config.dynamic_destinations
    if its is None and not (name == NAME and dynamic):
        raise Unknown(N_("The configuration has no destination of this name."))
    options, defaults = its or config.destination_defaults, config.destination_defaults
    states = await Reachability(context.store, partial=True).states(config, now)
    last = (await History(context.store, partial=True).last_delivered([name])).get(name)
    its_health = (
        health.destination_health(name, its.channel, health.scopes_of(config, its), states, last)
        if its
        else await health.dynamic_health(context, config, states)
    )
    every = [*_places(context, config, its)]
    shown = every[:MOST_ADDRESSES]
    if question.address and question.address not in [address for _, address, _ in shown]:
        shown = [*_looked_up(context, config, its, question.address), *shown]
    # The list for all destinations means those with addresses of mails alone.
    mails = any(getattr(context.kinds.get(one), "unsubscribes", False) for one in its_health.channel.split(", "))
    off, more = await Suppressions(context.store).page(name, question.off, everywhere=mails)
    last_test = await Trials(context.store).last(name)
    quiet, spelled = quiet_at(options, defaults, now), {address.lower() for _, address, _ in shown}
    return DestinationFacts.merged(
        its_health,
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


def _places(context: Context, config: Config, its: Destination | None) -> Iterator[Place]:
    """Yield those of a configured destination; None: of whoever operations ask for, as far as it is listed."""
    serving = Serving(config, context.kinds)
    if its:
        yield from ((its.channel, address, limits) for address, limits in serving.of(its).addresses)
    else:
        for channel, address in health.dynamic_addresses(config):
            yield _requested(context, config, serving, channel, address)


def _looked_up(context: Context, config: Config, its: Destination | None, address: str) -> Iterator[Place]:
    """Yield it as of the destination, which has no such address any more; of what is asked for, by its looks."""
    if its:
        yield its.channel, address, Limits()
    elif (channel := next((name for name in KEYS if _takes(context.kinds.get(name), address)), "")) in config.channels:
        yield _requested(context, config, Serving(config, context.kinds), channel, address)


def _takes(kind: Any, address: str) -> bool:
    try:
        return bool(kind and kind.addresses(address))
    except ValueError:
        return False


def _requested(context: Context, config: Config, serving: Serving, channel: str, address: str) -> Place:
    """Return it as an operation would be told there."""
    mode = modes_at(context.kinds[channel], config.channels[channel], address)[0]
    served = serving.of(Destination(name=NAME, channel=channel, addresses=(address,), mode=mode)).addresses[0][1]
    limit = limit_of(channel, address, config.dynamic_destinations, context.kinds)
    return channel, address, replace(served, requested=limit)


async def _addresses(context: Context, name: str, places: Sequence[Place]) -> list[AddressFacts]:
    targets = [Target(name, channel, address, limits=limits) for channel, address, limits in places]
    scopes = [f"destination:{name}/{row.address}" for row in targets]
    states = await Reachability(context.store, partial=True).of(scopes, [*context.config().channels])
    suppressed = await Suppressions(context.store).among(name, [row.address for row in targets])
    budgets = await Budgets(context.store).of(targets, context.clock())
    rows = []
    for target, scope, limits in zip(targets, scopes, budgets, strict=True):
        state, off = states[scope], suppressed.get(target.address)
        rows.append(AddressFacts.merged(
            state, target, state=state.name, why=state.cause, suppressed=off.reason if off else "",
            suppressed_at=off.at if off else None, everywhere=bool(off and off.destination == EVERYWHERE),
            limits=[LimitFacts.merged(row, of=row.kind, why=row.reason) for row in limits],
        ))  # fmt: skip
    return rows
