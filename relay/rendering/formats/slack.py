"""The last step to a Slack message: Slack's limits, kept by cutting, and everything that would become active by itself.

Limits: https://docs.slack.dev/reference/block-kit/blocks. Some are smaller here, where nobody reads as much.

A block with `profile: rich` is one of the newer kinds, which not every Slack shows; one with `profile: classic` stands
for it where they are not wanted. So one file makes both messages. The rows of a table are written as `cells:`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from markupsafe import Markup

from relay.domain.display import ELLIPSIS, MAX_BLOCKS, TEXT_BUDGET, escape_mrkdwn, length, truncate_mrkdwn
from relay.domain.documents import moment
from relay.rendering.autoescape import Escaping
from relay.rendering.formats.plain import Content, FillLayout, PlainFormat
from relay.rendering.localized_values import LONGEST, Localizer
from relay.rendering.texts import bound, line

MAX_TEXT = 400  # the cause whole; a phone cuts for itself
LIMITS = {"header": 150, "section": 3000, "field": 2000, "context": 2000, "button": 75, "plan": 150, "task": 500}
COUNTS = {"fields": 10, "elements": 10, "tasks": 50}
MAX_ROWS = 100

# Titles and cells are plain to Slack: it is not said whether it would turn entities back there. So there are none.
_LITERAL = (("&lt;", "‹"), ("&gt;", "›"), ("&amp;", "&"))

Block = dict[str, Any]


class SlackFormat(PlainFormat):
    """`text` and `blocks` ready for chat.postMessage and chat.update; with `rich`, other blocks to try first."""

    escaping: ClassVar[Escaping] = "mrkdwn"
    required: ClassVar[Mapping[str, str]] = {"text": "it is what a phone shows and what a screen reader reads"}

    def finish(self, content: Content, fill_layout: FillLayout) -> Content:  # noqa: ARG002 - Slack has no layouts
        return _finished(content)

    def fallback(self, text: str, language: str) -> Content:  # noqa: ARG002 - Slack asks for none
        escaped = escape_mrkdwn(text)
        return _finished({"text": escaped, "blocks": [{"type": "section", "text": _plain_text(escaped)}]})

    def marked(self, content: Content, mark: str, note: str) -> Content:
        block = {"type": "context", "elements": [_plain_text(note)]}
        return (
            content
            | {"text": f"{escape_mrkdwn(mark)}: {content['text']}"}
            | {key: [block, *content[key][: MAX_BLOCKS - 1]] for key in ("blocks", "rich") if content.get(key)}
        )

    def footnote(self, content: Content, note: str) -> Content:
        block = {"type": "context", "elements": [_plain_text(note)]}
        return content | {
            key: [*content[key][: MAX_BLOCKS - 1], block] for key in ("blocks", "rich") if content.get(key)
        }


def _finished(content: Content) -> Content:
    blocks = [block for block in content.get("blocks", []) if isinstance(block, dict)]
    profiles = [block.pop("profile", "") for block in blocks]
    message = {**content, "text": _bound(truncate_mrkdwn(line(plain_dates(str(content["text"]))), MAX_TEXT))}
    if "rich" not in profiles:
        return message | {"blocks": _cut_blocks(blocks)}
    rich = [block for block, profile in zip(blocks, profiles, strict=True) if profile != "classic"]
    classic = [block for block, profile in zip(blocks, profiles, strict=True) if profile != "rich"]
    # No fewer characters than all texts have, counted in a twentieth of the time that it takes to look for them.
    if len(blocks) <= MAX_BLOCKS and length(repr(blocks)) + MAX_ROWS <= TEXT_BUDGET:  # there is room for both in one
        _cut_blocks(blocks)
        return message | {"rich": rich, "blocks": classic}
    # Copied, since a block of both may have to be cut in one of them alone.
    return message | {"rich": _cut_blocks(_copied(rich)), "blocks": _cut_blocks(classic)}


def _copied(node: Any) -> Any:
    """A copy of what templates make: objects and lists of texts. The library's `deepcopy` takes 20 times as long."""
    if isinstance(node, dict):
        return {key: _copied(value) for key, value in node.items()}
    return [_copied(item) for item in node] if isinstance(node, list) else node


def _plain_text(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def _cut_blocks(blocks: list[Block]) -> list[Block]:
    """The blocks, each within its own limits and all within the message's."""
    blocks = blocks[:MAX_BLOCKS]
    room = TEXT_BUDGET
    for block in blocks:
        for key, count in COUNTS.items():
            if isinstance(block.get(key), list):
                block[key] = block[key][:count]
        for text, limit in _texts(block):
            if text.get("type") == "mrkdwn":
                text["verbatim"] = True  # else Slack makes links of addresses and names that an event mentions
            else:
                text["text"] = plain_dates(text["text"])
            text["text"] = _bound(truncate_mrkdwn(text["text"], max(1, min(limit, room))))
            room -= length(text["text"])
        if block.get("type") == "plan":
            room = _plan(block, room)
        elif block.get("type") == "table":
            room = _table(block, room)
    return blocks


def _plan(block: Block, room: int) -> int:
    """The tasks there is room for, and the room that is left."""
    block["title"] = _literal(str(block.get("title", "")), LIMITS["plan"])
    room -= length(block["title"])
    fitting = []
    for task in block.get("tasks", []):
        task["title"] = _literal(str(task.get("title", "")), LIMITS["plan"])
        room -= length(task["title"])
        for text in _rich_texts([task.get("details"), task.get("output")]):
            text["text"] = _literal(str(text["text"]), LIMITS["task"])
            room -= length(text["text"])
        if room < 0:
            break
        fitting.append(task)
    block["tasks"] = fitting
    return max(room, 0)


def _rich_texts(node: Any) -> Iterator[Block]:
    """Every text of formatted text, which holds no entities."""
    for item in node if isinstance(node, list) else ():
        if isinstance(item, dict):
            if "text" in item:
                yield item
            yield from _rich_texts(item.get("elements"))


def _table(block: Block, room: int) -> int:
    """The rows there is room for; what is left out is marked by a row of its own."""
    rows: list[list[Block]] = []
    all_rows = block.get("rows", [])
    for row in all_rows:
        cells = row["cells"] if isinstance(row, dict) else row
        for cell in cells:
            cell["text"] = _literal(str(cell.get("text", "")), LIMITS["plan"])
        size = sum(length(cell["text"]) for cell in cells)
        if room - size < len(cells) or (len(rows) == MAX_ROWS - 1 and len(all_rows) > MAX_ROWS):
            rows.append([{"type": "raw_text", "text": ELLIPSIS} for _ in cells])
            room -= len(cells)
            break
        rows.append(cells)
        room -= size
    block["rows"] = rows
    return max(room, 0)


def _texts(block: Block) -> Iterator[tuple[Block, int]]:
    """Each text object with the limit of its place."""
    elements = block.get("elements", ())
    places = [(block.get("text"), LIMITS.get(str(block.get("type")), 3000))]
    places += [(field, LIMITS["field"]) for field in block.get("fields", ())]
    places += [(element, LIMITS["context"]) for element in elements]
    places += [(button.get("text"), LIMITS["button"]) for button in elements if isinstance(button, dict)]
    if isinstance(accessory := block.get("accessory"), dict):
        places.append((accessory.get("text"), LIMITS["button"]))
    for text, limit in places:
        if isinstance(text, dict) and isinstance(text.get("text"), str):
            yield text, limit


@lru_cache(256)  # most are bound twice, in the blocks and in the rich ones
def _bound(text: str) -> str:
    """Numbers stay on one line with their units, but what a machine said stays as it is."""
    return text if "```" in text else bound(text)


def _literal(text: str, limit: int) -> str:
    text = plain_dates(text)
    for entity, character in _LITERAL:
        text = text.replace(entity, character)
    return bound(truncate_mrkdwn(line(text), limit))


# How Slack writes a time, and how it is written for those to whom Slack does not. Days without a time stay as they are.
FORMS = {
    "short": ("{date_short_pretty} {time}", "zoned"),
    "at": ("{date_short_pretty} at {time}", "zoned at"),
    "full": ("{date_pretty} {time}", "zoned"),
    "day": ("{date_short_pretty} {time}", "zoned"),
}

_DATE = re.compile(r"<!date\^\d+\^[^<>|]*\|([^<>]*)>")


def slack_time(formats: Localizer, value: object, style: str = "short") -> str:
    """A time of the documents as `Localizer.localtime` takes it, in Slack's notation."""
    if not isinstance(value, str) or len(value) > LONGEST:
        return _slack_time(formats, value, style)
    key = value, style, formats.zone, formats.now.year
    return formats.language.patterns.remembered(key, lambda: _slack_time(formats, value, style))


def _slack_time(formats: Localizer, value: object, style: str) -> str:
    time = moment(value)
    if time is None or style not in FORMS or value == str(time.date()) or time.timestamp() < 0:
        return formats.localtime(value, style)
    form, otherwise = FORMS[style]
    form = formats.language.translations.pgettext("time", form)
    minute = int(time.timestamp()) // 60 * 60  # no more is shown, so what is shown alike is alike
    shown = formats.localtime(time, otherwise)
    return Markup(f"<!date^{minute}^{escape_mrkdwn(form)}|{escape_mrkdwn(shown)}>")  # noqa: S704 - escaped


def plain_dates(text: str) -> str:
    """The text with every date as it is written for those to whom Slack does not write it."""
    return _DATE.sub(r"\1", text) if "<!date^" in text else text
