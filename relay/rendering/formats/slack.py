"""The last step to a Slack message: Slack's limits, kept by cutting, and everything that would become active by itself.

Limits: https://docs.slack.dev/reference/block-kit/blocks. Some are smaller here, where nobody reads as much.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from markupsafe import Markup

from relay.domain.display import MAX_BLOCKS, TEXT_BUDGET, escape_mrkdwn, length, truncate_mrkdwn
from relay.domain.documents import moment
from relay.rendering.autoescape import Escaping
from relay.rendering.formats.plain import Content, FillLayout, PlainFormat
from relay.rendering.localized_values import LONGEST, Localizer
from relay.rendering.texts import bound, line

MAX_TEXT = 400  # the cause whole; a phone cuts for itself
LIMITS = {"header": 150, "section": 3000, "field": 2000, "context": 2000, "button": 75}
COUNTS = {"fields": 10, "elements": 10}

Block = dict[str, Any]


class SlackFormat(PlainFormat):
    """Make `text` and `blocks` ready for chat.postMessage and chat.update."""

    escaping: ClassVar[Escaping] = "mrkdwn"
    required: ClassVar[Mapping[str, str]] = {"text": "it is what a phone shows and what a screen reader reads"}

    def finish(self, content: Content, fill_layout: FillLayout) -> Content:  # noqa: ARG002 - Slack has no layouts
        text = _bound(truncate_mrkdwn(line(plain_dates(str(content["text"]))), MAX_TEXT))
        blocks = [block for block in content.get("blocks", []) if isinstance(block, dict)]
        return {**content, "text": text, "blocks": _cut_blocks(blocks)}

    def fallback(self, text: str, language: str) -> Content:  # noqa: ARG002 - Slack asks for none
        escaped = escape_mrkdwn(text)
        blocks = [{"type": "section", "text": _plain_text(escaped)}]
        return self.finish({"text": escaped, "blocks": blocks}, lambda *_: "")

    def marked(self, content: Content, mark: str, note: str) -> Content:
        block = {"type": "context", "elements": [_plain_text(note)]}
        blocks = [block, *content["blocks"][: MAX_BLOCKS - 1]] if content["blocks"] else []
        return content | {"text": f"{escape_mrkdwn(mark)}: {content['text']}", "blocks": blocks}

    def footnote(self, content: Content, note: str) -> Content:
        block = {"type": "context", "elements": [_plain_text(note)]}
        blocks = [*content["blocks"][: MAX_BLOCKS - 1], block] if content["blocks"] else []
        return content | {"blocks": blocks}


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
    return blocks


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


def _bound(text: str) -> str:
    """Numbers stay on one line with their units, but what a machine said stays as it is."""
    return text if "```" in text else bound(text)


# How Slack writes a time, and how it is written for those to whom Slack does not. Days without a time stay as they are.
FORMS = {
    "short": ("{date_short_pretty} {time}", "zoned"),
    "at": ("{date_short_pretty} at {time}", "zoned at"),
    "full": ("{date_pretty} {time}", "zoned"),
    "day": ("{date_short_pretty} {time}", "zoned"),
}
# On the same day the time says more.
TODAY = {"short": "{time} {date_short_pretty}", "at": "at {time} {date_short_pretty}"}

_DATE = re.compile(r"<!date\^\d+\^[^<>|]*\|([^<>]*)>(?:(?<=\.>)\.)?")  # `3. Dez.` ends its sentence


def slack_time(formats: Localizer, value: object, style: str = "short") -> str:
    """A time of the documents as `Localizer.localtime` takes it, in Slack's notation."""
    if not isinstance(value, str) or len(value) > LONGEST:
        return _slack_time(formats, value, style)
    key = "slack", value, style, formats.zone, formats.now.astimezone(formats.zone).date()
    return formats.language.patterns.remembered(key, lambda: _slack_time(formats, value, style))


def _slack_time(formats: Localizer, value: object, style: str) -> str:
    time = moment(value)
    if time is None or style not in FORMS or value == str(time.date()) or time.timestamp() < 0:
        return formats.localtime(value, style)
    form, otherwise = FORMS[style]
    if time.astimezone(formats.zone).date() == formats.now.astimezone(formats.zone).date():
        form = TODAY.get(style, form)
    form = formats.language.translations.pgettext("time", form)
    minute = int(time.timestamp()) // 60 * 60  # no more is shown, so what is shown alike is alike
    shown = formats.localtime(time, otherwise)
    return Markup(f"<!date^{minute}^{escape_mrkdwn(form)}|{escape_mrkdwn(shown)}>")  # noqa: S704 - escaped


def plain_dates(text: str) -> str:
    """The text with every date as it is written for those to whom Slack does not write it."""
    return _DATE.sub(r"\1", text) if "<!date^" in text else text


def text_size(node: Any) -> int:
    """Count the text towards TEXT_BUDGET."""
    return sum(map(length, texts_in(node)))


def texts_in(node: Any) -> list[str]:
    """List every text and title in blocks, in reading order."""
    texts: list[str] = []
    if isinstance(node, Mapping):
        for key, value in node.items():
            if not isinstance(value, str):
                texts += texts_in(value)
            elif key in ("text", "title"):
                texts.append(value)
    elif isinstance(node, (list, tuple)):
        for item in node:
            texts += texts_in(item)
    return texts
