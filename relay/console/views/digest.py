"""The digest at hand of one address, as it would be sent now. It is sent to nobody."""

import json
from datetime import datetime
from typing import Any

from relay.background.upkeep import at_hand
from relay.console.desk import Desk
from relay.console.framed import Frame, message_frame
from relay.console.questions import Name
from relay.console.times import moment
from relay.console.view import Facts, NoQuestion, Question, Unknown
from relay.console.words import said
from relay.errors import RelayError, StoreUnavailable, Unsealable
from relay.operating.digests import DigestPreview, digest_named, preview_of
from relay.policy.destinations import zone_at
from relay.policy.schedules import spoken

MOST = 200_000  # characters of what is shown


class DigestQuestion(Question):
    """A destination with `mode: digest`, and one of its addresses; else the first."""

    name: Name
    address: Name = ""


class DigestPreviewFacts(Facts):
    """`subject` and `html` of a mail, `blocks` of Slack; /console/destination/digest/html shows either.

    at       when it is sent
    entries  the runs that it tells of
    fault    why it is in relay's own wording, where a template failed
    """

    destination: str
    address: str
    channel: str
    language: str
    at: datetime | None
    entries: int
    subject: str
    text: str
    html: str
    blocks: list[dict[str, Any]]
    fault: str


class ScheduledDigest(Facts):
    """The digest at hand of one address: its schedule by the clocks of its zone, when it is sent next, and how many
    entries it has so far.
    """

    destination: str
    address: str
    at: str
    days: str
    timezone: str
    next: datetime | None
    entries: int


class DigestListFacts(Facts):
    """Those of all destinations with `mode: digest`."""

    rows: list[ScheduledDigest]


async def digests(desk: Desk, _question: NoQuestion) -> DigestListFacts:
    config, rows = desk.config(), list[ScheduledDigest]()
    for its in config.destinations.values():
        for target, window in at_hand(its, config, desk.kinds, desk.clock()) if its.mode == "digest" else ():
            rows.append(
                ScheduledDigest(
                    destination=its.name,
                    address=target.address,
                    at=f"{its.at:%H:%M}",
                    days=spoken(its.days),
                    timezone=zone_at(its, config.destination_defaults),
                    next=moment(window.end),
                    entries=(await desk.store.bundles.describe(target, window)).entries,
                )
            )
    return DigestListFacts(rows=rows)


async def digest(desk: Desk, question: DigestQuestion) -> DigestPreviewFacts:
    shown = await _preview(desk, question)
    content, target = shown.content, shown.target
    bundle = await desk.store.bundles.describe(target, shown.window)
    plain = content if "text" in content else {"text": json.dumps(content, ensure_ascii=False, indent=2)}
    return DigestPreviewFacts(
        destination=question.name,
        address=target.address,
        channel=target.channel,
        language=shown.language,
        at=moment(shown.window.end),
        entries=bundle.entries,
        subject=str(content.get("subject", "")),
        text=str(plain["text"])[:MOST],
        html=str(content.get("html", ""))[:MOST],
        blocks=[*content.get("blocks", ())],
        fault=shown.fault,
    )


async def html(desk: Desk, question: DigestQuestion) -> Frame:
    return message_frame((await _preview(desk, question)).content, desk.clock())


async def _preview(desk: Desk, question: DigestQuestion) -> DigestPreview:
    config = desk.config()
    try:
        return await preview_of(
            digest_named(config, question.name),
            question.address or None,
            config=config,
            channels=desk.kinds,
            store=desk.store,
            renderer=desk.renderer(),
            now=desk.clock(),
        )
    except StoreUnavailable:
        raise
    except Unsealable as error:
        raise Unknown(said("it cannot be shown: %(fault)s"), fault=str(error)) from None
    except RelayError as error:
        raise Unknown(str(error)) from None
