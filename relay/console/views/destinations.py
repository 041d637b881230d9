"""The destinations: where each leads, who notifies it, and what stands in the way there."""

from collections.abc import Mapping
from datetime import datetime

from relay.background.digests import at_hand
from relay.console.desk import Desk
from relay.console.questions import Name
from relay.console.times import moment
from relay.console.view import Facts, NoQuestion, Question, Unknown
from relay.console.views import parts
from relay.console.views.parts import DestinationHealth
from relay.console.words import said
from relay.policy.destinations import quiet_at, zone_at
from relay.store.operator_pauses import OperatorPause, OperatorPauses
from relay.store.suppressions import EVERYWHERE, Suppressions

MOST_ADDRESSES = 100  # that are shown of one destination


class PersonsPause(Facts):
    """Times in UTC; `until` is null where it has no end. `parked` deliveries wait for it."""

    destination: str
    by: str
    reason: str
    since: datetime | None
    until: datetime | None
    parked: int


class DestinationRow(Facts):
    """`health` says what does not work there, `pause` who has paused it."""

    health: DestinationHealth
    mode: str
    pause: PersonsPause | None


class DestinationsFacts(Facts):
    """In the configuration's order, what is paused first. `removed` are paused, and configured no more."""

    rows: list[DestinationRow]
    removed: list[PersonsPause]


class DestinationQuestion(Question):
    """The name of one."""

    name: Name


class AddressFacts(Facts):
    """One address: what is broken since when, and why it is not written to any more ('' if it is)."""

    address: str
    paused_since: datetime | None
    why: str
    suppressed: str
    suppressed_at: datetime | None
    everywhere: bool


class DigestFacts(Facts):
    """The digest at hand of one address: when it is sent, and how many entries it has so far."""

    address: str
    at: datetime | None
    entries: int


class DestinationFacts(Facts):
    """`quiet_until` is the end of the quiet hours that it is in, null outside of them."""

    name: str
    channel: str
    mode: str
    language: str
    timezone: str
    addresses: list[AddressFacts]
    more_addresses: int
    mentions: dict[str, list[str]]
    rules: list[str]
    pause: PersonsPause | None
    quiet_until: datetime | None
    digests: list[DigestFacts]
    parked: int
    last_delivered: datetime | None


async def destinations(desk: Desk, _question: NoQuestion) -> DestinationsFacts:
    config = desk.config()
    _, health = await parts.channels(desk, {}, {})
    pauses = await _pauses(desk)
    rows = [
        DestinationRow(health=row, mode=config.destinations[row.name].mode, pause=pauses.get(row.name))
        for row in health
    ]
    removed = [pause for name, pause in pauses.items() if name not in config.destinations]
    rows.sort(key=lambda row: row.pause is None and not row.health.paused)
    return DestinationsFacts(rows=rows, removed=removed)


async def destination(desk: Desk, question: DestinationQuestion) -> DestinationFacts:
    config, now = desk.config(), desk.clock()
    its = config.destinations.get(question.name)
    if its is None:
        raise Unknown(said("The configuration has no destination of this name."))
    shown = its.addresses[:MOST_ADDRESSES]
    paused = await desk.admin.paused([f"destination:{its.name}/{address}" for address in shown])
    kept = await Suppressions(desk.store).among(its.name, shown)
    _, health = await parts.channels(desk, {}, {})
    own = next(row for row in health if row.name == its.name)
    addresses = []
    for address in shown:
        since, why = paused.get(f"destination:{its.name}/{address}", (None, ""))
        off = kept.get(address)
        addresses.append(
            AddressFacts(
                address=address,
                paused_since=moment(since),
                why=why,
                suppressed=off.reason if off else "",
                suppressed_at=off.at if off else None,
                everywhere=bool(off and off.destination == EVERYWHERE),
            )
        )
    quiet = quiet_at(its, config.destination_defaults, now)
    return DestinationFacts(
        name=its.name,
        channel=its.channel,
        mode=its.mode,
        language=its.language or config.language,
        timezone=zone_at(its, config.destination_defaults),
        addresses=addresses,
        more_addresses=len(its.addresses) - len(shown),
        mentions={when: [*whom] for when, whom in its.mention.items()},
        rules=[rule.name for rule in config.rules if its.name in rule.notify],
        pause=(await _pauses(desk)).get(its.name),
        quiet_until=moment(quiet.end) if quiet else None,
        digests=await _digests(desk, question.name) if its.mode == "digest" else [],
        parked=own.parked,
        last_delivered=own.last_delivered,
    )


async def _digests(desk: Desk, name: str) -> list[DigestFacts]:
    config, rows = desk.config(), list[DigestFacts]()
    for target, window in at_hand(config.destinations[name], config, desk.kinds, desk.clock()):
        if len(rows) == MOST_ADDRESSES:
            break
        bundle = await desk.store.bundles.describe(target, window)
        rows.append(DigestFacts(address=target.address, at=moment(window.end), entries=bundle.entries))
    return rows


async def _pauses(desk: Desk) -> Mapping[str, PersonsPause]:
    """Those by people."""
    every = await OperatorPauses(desk.store, partial=True).all(desk.clock())
    scopes = [f"operator:{row.destination}" for row in every]
    parked = await desk.admin.parked([*desk.config().channels], scopes)
    return {row.destination: _pause(row, parked.get(f"operator:{row.destination}", 0)) for row in every}


def _pause(row: OperatorPause, parked: int) -> PersonsPause:
    return PersonsPause(
        destination=row.destination,
        by=row.by,
        reason=row.reason,
        since=moment(row.since),
        until=moment(row.until),
        parked=parked,
    )
