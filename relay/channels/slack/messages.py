"""Messages that Slack takes: kept within its limits when mentions are added, and reduced when it refuses one.

The renderer keeps each block within its own limits. This is for what it cannot foresee, so that a fault costs a
message its looks and never its arrival.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from relay.domain.text import length, truncate_mrkdwn

BUDGET = 9_000  # characters in all blocks: Slack refuses more at a length it does not publish, once at 11,341
TEXT = 3_000
LINE = 300
LEAST = 40  # a text cut shorter than this says nothing

Message = dict[str, Any]


def degraded_versions(content: Mapping[str, Any], mentions: str = "", otherwise: str = "") -> list[Message]:
    """The message in three degrees, the fullest first: as the templates made it, its words alone, one plain line.

    `content` has `text`, and may have `blocks` and `attachments`; all of it is mrkdwn, escaped already.
    `mentions` go before everything else; `otherwise` is said if there is nothing to say.
    """
    text, blocks, attachments = (content.get(key) for key in ("text", "blocks", "attachments"))
    words = "\n".join(_texts([blocks, attachments])) or text or otherwise
    line = text or words
    fitted, room = _fitted(_addressed(blocks or (), mentions), BUDGET)
    full: Message = {"text": truncate_mrkdwn(_joined(mentions, line), TEXT), "blocks": fitted}
    if attachments:
        full["attachments"] = []
        for one in attachments:
            blocks, room = _fitted(one.get("blocks") or (), room)
            full["attachments"].append({**one, "blocks": blocks})
    return [
        full,
        {"text": truncate_mrkdwn(_joined(mentions, words), TEXT), "blocks": []},
        {"text": truncate_mrkdwn(_joined(mentions, _plain(line)), LINE), "blocks": []},
    ]


def escape(text: str) -> str:
    """The text as Slack shows it, whatever is in it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _joined(mentions: str, text: str) -> str:
    return f"{mentions} {text}" if mentions else text


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())


def _addressed(blocks: Sequence[Message], mentions: str) -> list[Message]:
    """With the mentions at the beginning of the first text that can hold them."""
    if not mentions or not blocks:
        return list(blocks)
    for index, block in enumerate(blocks):
        text = block.get("text")
        if block.get("type") == "section" and isinstance(text, Mapping) and text.get("type") == "mrkdwn":
            named = {**block, "text": {**text, "text": truncate_mrkdwn(f"{mentions} {text.get('text', '')}", TEXT)}}
            return [*blocks[:index], named, *blocks[index + 1 :]]
    return [{"type": "section", "text": {"type": "mrkdwn", "text": mentions}}, *blocks]


def _fitted(blocks: Sequence[Message], room: int) -> tuple[list[Message], int]:
    """The blocks there is room for, and what room is left. A long text is cut; what comes after may still fit."""
    fitted = []
    for block in blocks:
        text = block.get("text")
        if _size(block) > room >= LEAST and block.get("type") == "section" and isinstance(text, Mapping):
            shorter = {**block, "text": {**text, "text": truncate_mrkdwn(str(text.get("text", "")), room)}}
            shorter.pop("fields", None)
        else:
            shorter = block
        if _size(shorter) <= room:
            fitted.append(shorter)
            room -= _size(shorter)
    return fitted, room


def _size(node: Any) -> int:
    return sum(map(length, _texts(node)))


def _texts(node: Any) -> Iterator[str]:
    """Every text in blocks, in reading order."""
    if isinstance(node, list | tuple):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, Mapping):
        for key, value in node.items():
            if key in ("text", "title") and isinstance(value, str):
                yield value
            yield from _texts(value)
