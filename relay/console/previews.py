"""A message as it would be made now: rendered as it is for sending, and sent to nobody."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from relay.console.desk import Desk
from relay.console.view import Facts
from relay.store.delivery_contents import Content

MOST = 64_000  # characters
MARKED = (
    (re.compile(r"<!date\^[^|>]*\|([^>]*)>"), r"\1"),
    (re.compile(r"<([a-z]+:[^|>]+)\|([^>]*)>"), r"\2 (\1)"),
)
ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


class PreviewFacts(Facts):
    """`subject` and `html` of a mail, `blocks` of Slack; `text` is what its reader sees, without its look.

    fault  why it is in relay's own wording, where a template failed
    """

    channel: str
    destination: str
    address: str
    kind: str
    event: str
    language: str
    subject: str
    text: str
    html: str
    blocks: list[dict[str, Any]]
    fault: str


async def preview(desk: Desk, content: Content) -> PreviewFacts:
    """As `relay.delivering.composer` would, without buttons, links to unsubscribe, and what is asked of others."""
    config, now = desk.config(), desk.clock()
    destination, options = config.destinations.get(content.destination), content.options
    language = (options and options.language) or (destination and destination.language) or config.language
    zone = (options and options.timezone) or (destination and destination.timezone) or config.timezone
    made: Mapping[str, Any] = content.event.document
    fault = ""
    if getattr(desk.channels.get(content.channel), "renders", True):
        rendered = await desk.renderer().message(
            content.channel,
            content.kind,
            content.event,
            tuple(content.history),
            language=language,
            timezone=zone,
            now=datetime.fromtimestamp(now, UTC),
            destination=content.destination,
        )
        made, fault = rendered.content, rendered.fault
    return PreviewFacts(
        channel=content.channel,
        destination=content.destination,
        address=content.address,
        kind=content.kind,
        event=content.event.name,
        language=language,
        subject=str(made.get("subject", "")),
        text=words_of(made)[:MOST],
        html=str(made.get("html", ""))[:MOST],
        blocks=[*made.get("blocks", ())],
        fault=fault,
    )


def words_of(content: Mapping[str, Any]) -> str:
    """The words of a message in their order: of a mail its text, of Slack's those of its blocks."""
    if "blocks" in content:
        return "\n\n".join(map(_read, [str(content.get("text", "")), *_texts(content["blocks"])]))
    return str(content["text"]) if "text" in content else json.dumps(content, ensure_ascii=False, indent=2)


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        text = part.get("text")
        if isinstance(text, str):
            yield text
        for value in part.values():
            if isinstance(value, (Mapping, list)):
                yield from _texts(value)
    elif isinstance(part, list):
        for item in part:
            yield from _texts(item)


def _read(text: str) -> str:
    """Slack's text as its reader sees it: dates in words, links with their address behind them."""
    for pattern, shown in MARKED:
        text = pattern.sub(shown, text)
    for entity, letter in ENTITIES:
        text = text.replace(entity, letter)
    return text
