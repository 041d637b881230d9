"""The last step to a Slack message: Slack's limits, kept by cutting, and everything that would become active by itself.

Limits: https://docs.slack.dev/reference/block-kit/blocks; the sum of all texts is limited too, by a rule that is not
documented: messages of about 12,000 characters were refused.
"""

import re
from collections.abc import Iterator
from typing import Any

from relay.rendering.texts import ELLIPSIS, line

MAX_TEXT = 150
MAX_BLOCKS = 50
MAX_TOTAL = 9000
LIMITS = {"header": 150, "section": 3000, "field": 2000, "context": 2000, "button": 75}
COUNTS = {"fields": 10, "elements": 10}

# What must not be torn apart: a link, an entity, a character.
_TOKEN = re.compile(r"<[^<>]*>|&(?:amp|lt|gt);|.", re.DOTALL)


def finish(content: dict[str, Any]) -> dict[str, Any]:
    """`text` and `blocks` ready for chat.postMessage and chat.update."""
    blocks = [block for block in content.get("blocks", []) if isinstance(block, dict)][:MAX_BLOCKS]
    for block in blocks:
        for key, most in COUNTS.items():
            if isinstance(block.get(key), list):
                block[key] = block[key][:most]
    room = MAX_TOTAL
    for text, limit in _texts(blocks):
        text["text"] = fit(text["text"], max(1, min(limit, room)))
        room -= length(text["text"])
        if text["type"] == "mrkdwn":
            text["verbatim"] = True  # else Slack makes links of addresses and names that an event mentions
    return {**content, "text": fit(line(str(content["text"])), MAX_TEXT), "blocks": blocks}


def fit(text: str, limit: int) -> str:
    """At most `limit` characters as Slack counts them; no link, entity or character is torn apart."""
    if length(text) <= limit:
        return text
    kept, room = [], limit - 1
    for token in _TOKEN.findall(text):
        room -= length(token)
        if room < 0:
            break
        kept.append(token)
    return "".join(kept).rstrip() + ELLIPSIS


def length(text: str) -> int:
    """UTF-16 units, the strictest way in which Slack could count."""
    return len(text) + sum(character > "\uffff" for character in text)


def fallback(told: str) -> dict[str, Any]:
    """A message without any template."""
    text = told.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    block = {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}
    return finish({"text": text, "blocks": [block]})


def _texts(blocks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], int]]:
    """Each text object with the limit of its place."""
    for block in blocks:
        kind = str(block.get("type"))
        places = [(block.get("text"), LIMITS.get(kind, 3000))]
        places += [(field, LIMITS["field"]) for field in block.get("fields", [])]
        places += [(element, LIMITS["context"]) for element in block.get("elements", [])]
        buttons = [*block.get("elements", []), block.get("accessory")]
        places += [(button.get("text"), LIMITS["button"]) for button in buttons if isinstance(button, dict)]
        for text, limit in places:
            if isinstance(text, dict) and isinstance(text.get("text"), str):
                yield text, limit
