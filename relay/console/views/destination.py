"""One destination: its addresses with what stands in the way of each, its limits, who wants no more, its digests."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from relay.background.upkeep import at_hand
from relay.console.desk import Desk
from relay.console.permalinks import link_of
from relay.console.questions import Name, Typed
from relay.console.times import moment
from relay.console.view import Facts, Question, Unknown
from relay.console.views import parts
from relay.console.views.addresses import AddressFacts, addresses, looked_up, places
from relay.console.views.destinations import dynamic_health
from relay.console.views.parts import DestinationHealth
from relay.console.words import said
from relay.policy.destinations import Destination, quiet_at, zone_at
from relay.policy.recipients import NAME
from relay.store.history import History
from relay.store.reachability import Reachability
from relay.store.suppressions import EVERYWHERE, Suppressed, Suppressions
from relay.store.trials import Trials

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


class DigestFacts(Facts):
    """The digest at hand of one address: when it is sent, and how many entries it has so far."""

    address: str
    at: datetime | None
    entries: int


class SuppressedFacts(Facts):
    """An address that is not written to: `reason` is that of `relay suppressed`, `everywhere` if at no destination."""

    address: str
    reason: str
    detail: str
    at: datetime | None
    everywhere: bool


class TriedFacts(Facts):
    """One address of a test message: what the other side answered, or what went wrong; `link` leads to it in Slack."""

    address: str
    answer: str
    error: str
    link: str


class TrialFacts(Facts):
    """The last test message of the last week from the console."""

    at: datetime | None
    by: str
    rows: list[TriedFacts]


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
    quiet_until: datetime | None
    digests: list[DigestFacts]
    suppressed: list[SuppressedFacts]
    more_suppressed: str
    tested: TrialFacts | None
    parked: int
    last_delivered: datetime | None


async def destination(desk: Desk, question: DestinationQuestion) -> DestinationFacts:
    config, now, name = desk.config(), desk.clock(), question.name
    its = config.destinations.get(name)
    if its is None and not (name == NAME and config.dynamic_destinations):
        raise Unknown(said("The configuration has no destination of this name."))
    options, defaults = its or config.destination_defaults, config.destination_defaults
    states = await Reachability(desk.store, partial=True).states(config, desk.clock())
    last = (await History(desk.store, partial=True).last_delivered([name])).get(name)
    own = (
        parts.destination_health(name, its.channel, parts.places_of(config, its), states, last)
        if its
        else await dynamic_health(desk, config, states)
    )
    every = [*places(desk, config, its)]
    shown = every[:MOST_ADDRESSES]
    if question.address and question.address not in [address for _, address, _ in shown]:
        shown = [*looked_up(desk, config, its, question.address), *shown]
    off, more = await Suppressions(desk.store).page(name, question.off, everywhere=_unsubscribes(desk, own.channel))
    quiet = quiet_at(options, defaults, now)
    return DestinationFacts(
        name=name,
        channel=own.channel,
        mode=its.mode if its else "",
        language=options.language or config.language,
        timezone=zone_at(options, defaults),
        addresses=await addresses(desk, name, shown),
        more_addresses=max(len(every) - MOST_ADDRESSES, 0),
        domains=[*config.dynamic_destinations.email_domains] if not its and config.dynamic_destinations else [],
        mentions={when: [*whom] for when, whom in options.mention.items()},
        rules=[rule.name for rule in config.rules if name in rule.notify],
        health=own,
        channel_fault=own.channel_fault,
        quiet_until=moment(quiet.end) if quiet else None,
        digests=await _digests(desk, its) if its and its.mode == "digest" else [],
        suppressed=_suppressed(off, {address.lower() for _, address, _ in shown}),
        more_suppressed=more,
        tested=await _tested(desk, name),
        parked=own.parked,
        last_delivered=own.last_delivered,
    )


def _unsubscribes(desk: Desk, channels: str) -> bool:
    """Whether the list for all destinations means one of these channels: it has addresses of mails."""
    return any(getattr(desk.kinds.get(channel), "unsubscribes", False) for channel in channels.split(", "))


def _suppressed(entries: Sequence[Suppressed], shown: set[str]) -> list[SuppressedFacts]:
    return [
        SuppressedFacts(
            address=row.address,
            reason=row.reason,
            detail=row.detail,
            at=row.at,
            everywhere=row.destination == EVERYWHERE,
        )
        for row in entries
        if row.address.lower() not in shown
    ]


async def _digests(desk: Desk, its: Destination) -> list[DigestFacts]:
    rows = list[DigestFacts]()
    for target, window in at_hand(its, desk.config(), desk.kinds, desk.clock()):
        if len(rows) == MOST_ADDRESSES:
            break
        bundle = await desk.store.bundles.describe(target, window)
        rows.append(DigestFacts(address=target.address, at=moment(window.end), entries=bundle.entries))
    return rows


async def _tested(desk: Desk, name: str) -> TrialFacts | None:
    last = await Trials(desk.store).last(name)
    if last is None:
        return None
    rows = [
        TriedFacts(address=row.address, answer=row.answer, error=row.error, link=link_of(row.answer))
        for row in last.rows
    ]
    return TrialFacts(at=moment(last.at), by=last.by, rows=rows)
