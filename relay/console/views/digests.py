"""The next digests, and one as its readers will see it. Nothing is sent."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from itertools import islice
from typing import Any

from relay.background.upkeep import at_hand
from relay.console.context import Context
from relay.console.facts import Facts, Name, NoQuestion, Question, Time
from relay.operating.digests import DigestPreview, digest_named, preview_of
from relay.policy.destinations import Destination, zone_at
from relay.policy.schedules import spoken
from relay.rendering.formats.slack import plain_dates

MOST = 200_000  # characters of what is shown
LINK = re.compile(r"<([a-z]+:[^|>]+)\|([^>]*)>")


class DigestQuestion(Question):
    """A destination with `mode: digest`, and one of its addresses; else the first."""

    name: Name
    address: Name = ""


class DigestFacts(Facts):
    """The next digest as its readers will see it: a mail's `subject` and `html`, or Slack's `blocks`.

    `fault`: why it is in relay's own wording.
    """

    channel: str
    destination: str
    address: str
    event: str
    language: str
    at: Time
    entries: int
    subject: str
    text: str
    html: str
    blocks: list[dict[str, Any]]
    fault: str = ""


class ScheduledDigest(Facts):
    """Next digest of one address: schedule in its zone, time, and entries so far."""

    destination: str
    address: str
    at: str
    days: str
    timezone: str
    next: Time
    entries: int


class DigestListFacts(Facts):
    """Digests of all destinations with `mode: digest`."""

    rows: list[ScheduledDigest]


async def digests(context: Context, _question: NoQuestion) -> DigestListFacts:
    return DigestListFacts(rows=await scheduled(context, context.config().destinations.values()))


async def scheduled(
    context: Context, destinations: Iterable[Destination], most: int | None = None
) -> list[ScheduledDigest]:
    """Return the digests at hand of those that have mode: digest; of each of at most so many addresses."""
    config, rows = context.config(), list[ScheduledDigest]()
    for its in destinations:
        if its.mode == "digest":
            for target, window in islice(at_hand(its, config, context.kinds, context.clock()), most):
                rows.append(ScheduledDigest.merged(
                    target, at=f"{its.at:%H:%M}", days=spoken(its.days), next=window.end,
                    timezone=zone_at(its, config.destination_defaults),
                    entries=await context.store.bundles.size(target, window),
                ))  # fmt: skip
    return rows


async def digest(context: Context, question: DigestQuestion) -> DigestFacts:
    preview = await _digest(context, question)
    content, target, window = preview.content, preview.target, preview.window
    return DigestFacts.merged(
        target, preview, event=preview.event.name, at=window.end,
        entries=await context.store.bundles.size(target, window), subject=text_of(content.get("subject")),
        text=words_of(content)[:MOST], html=text_of(content.get("html")), blocks=[*(content.get("blocks") or ())],
    )  # fmt: skip


async def digest_html(context: Context, question: DigestQuestion) -> str:
    return text_of((await _digest(context, question)).content.get("html"))


async def _digest(context: Context, question: DigestQuestion) -> DigestPreview:
    return await preview_of(
        digest_named(context.config(), question.name),
        question.address or None,
        config=context.config(),
        channels=context.kinds,
        store=context.store,
        renderer=context.renderer(),
        now=context.clock(),
    )


def words_of(content: Mapping[str, Any]) -> str:
    """Return the words of a message in their order: of a mail its text, of Slack's those of its blocks."""
    if "blocks" in content:
        return "\n\n".join(map(_read, [str(content.get("text", "")), *_texts(content["blocks"])]))
    return str(content["text"]) if "text" in content else json.dumps(content, ensure_ascii=False, indent=2)


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if isinstance(part.get("text"), str):
            yield part["text"]
        part = [*part.values()]
    for inner in part if isinstance(part, list) else ():
        yield from _texts(inner)


def _read(text: str) -> str:
    """Return Slack's text as its reader sees it: dates in words, links with their address behind them."""
    return unescape(LINK.sub(r"\2 (\1)", plain_dates(text)))


def text_of(value: object) -> str:
    return value[:MOST] if isinstance(value, str) else ""
