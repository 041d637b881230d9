"""Slack's limits on a message, checked as strictly as Slack does and without asking it.

Slack publishes no schema. The numbers are those of its block reference (https://docs.slack.dev/reference/block-kit/blocks);
the sum of all text is not documented: messages of 11,341 characters have been refused, so 9,000 is allowed here.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

TEXT = 40_000
BUDGET = 9_000  # all text in blocks; `text` beside them does not count
BLOCKS = 50
ATTACHMENTS = 100
METADATA = 8_000

Node = Mapping[str, Any]
Check = Callable[[Any, str], Iterator[str]]

_URL = re.compile(r"(?:https?|mailto|slack):[^\s<>|]+", re.IGNORECASE)
_COLOR = re.compile(r"#?[0-9a-fA-F]{6}|good|warning|danger")


RICH = frozenset({"plan", "task_card", "table", "data_table", "data_visualization", "card", "carousel"})


def validate(message: Node, *, without: Collection[str] = ()) -> list[str]:
    """What Slack would refuse, each as "code: where: what is wrong"; empty if it would take the message.

    `message` holds the arguments of chat.postMessage or chat.update. `without`: kinds of blocks, for instance RICH,
    that this workspace has not got yet: Slack brings new ones to one workspace after the other.
    """
    text, blocks, attachments = (message.get(key) for key in ("text", "blocks", "attachments"))
    found: list[str] = []
    if not any((text, blocks, attachments)):
        found.append("no_text: /: neither text nor blocks nor attachments")
    if isinstance(text, str) and length(text) > TEXT:
        found.append(f"msg_too_long: /text: {length(text)} characters, at most {TEXT}")
    if message.get("markdown_text") and (text or blocks):
        found.append("markdown_text_conflict: /markdown_text: not together with text or blocks")
    found += _refused("invalid_blocks", _blocks(blocks or [], "/blocks"))
    kinds = [block.get("type") for block in blocks or [] if isinstance(block, Mapping)]
    found += [f"invalid_blocks: /blocks: unsupported block {kind!r}" for kind in kinds if kind in without]
    if attachments and len(attachments) > ATTACHMENTS:
        found.append(f"too_many_attachments: /attachments: {len(attachments)}, at most {ATTACHMENTS}")
    for index, attachment in enumerate(attachments or []):
        found += _refused("invalid_attachments", _attachment(attachment, f"/attachments/{index}"))
    found += _metadata(message.get("metadata"))
    if not found and (blocks or attachments) and (total := text_size(message)) > BUDGET:
        found.append(f"msg_blocks_too_long: /: {total} characters of text, at most {BUDGET}")
    return found


def text_size(message: Node) -> int:
    """All text that counts towards BUDGET: every text and title inside blocks that have no sum of their own."""

    def size(node: Any) -> int:
        if isinstance(node, list):
            return sum(map(size, node))
        if isinstance(node, Mapping) and node.get("type") not in ("markdown", "data_table"):
            return sum(length(value) if key in ("text", "title") and isinstance(value, str) else size(value)
                       for key, value in node.items())  # fmt: skip
        return 0

    return size([message.get("blocks"), message.get("attachments")])


def length(text: str) -> int:
    """In UTF-16 units: Slack does not say how it counts, and no way of counting gives more."""
    return len(text) + sum(character > "\uffff" for character in text)


def _refused(code: str, faults: Iterator[str]) -> list[str]:
    return [f"{code}: {fault}" for fault in faults]


def _blocks(blocks: Any, at: str) -> Iterator[str]:
    if not isinstance(blocks, list):
        yield f"{at}: expected a list"
        return
    if len(blocks) > BLOCKS:
        yield f"{at}: {len(blocks)} blocks, at most {BLOCKS}"
    ids = [str(block["block_id"]) for block in blocks if isinstance(block, Mapping) and block.get("block_id")]
    for twice in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"{at}: block_id {twice!r} is used twice"
    for kind, limit, measured in _SUMS:
        total = sum(measured(block) for block in blocks if isinstance(block, Mapping) and block.get("type") == kind)
        if total > limit:
            yield f"{at}: {total} in all {kind} blocks, at most {limit}"
    pressed = [
        str(one.get("action_id")) for block in blocks if isinstance(block, Mapping) and block.get("type") == "actions"
        for one in block.get("elements") or () if isinstance(one, Mapping) and one.get("action_id")
    ]  # fmt: skip
    for twice in sorted({name for name in pressed if pressed.count(name) > 1}):
        yield f"{at}: action_id {twice!r} is used twice"
    kinds = {block.get("type") for block in blocks if isinstance(block, Mapping)}
    if kinds >= {"plan", "task_card"}:
        yield f"{at}: task_card blocks stand inside a plan or alone, not beside one"
    for index, block in enumerate(blocks):
        yield from _typed(block, f"{at}/{index}", _BLOCKS, "block")


def _typed(node: Any, at: str, kinds: Mapping[str, Mapping[str, Check]], what: str) -> Iterator[str]:
    """An object whose `type` says which fields it has."""
    kind = node.get("type") if isinstance(node, Mapping) else None
    if not isinstance(kind, str) or kind not in kinds:
        yield f"{at}: unsupported {what} {kind!r}; expected one of {', '.join(kinds)}"
        return
    yield from _fields(node, at, kinds[kind])
    if kind == "section" and not (node.get("text") or node.get("fields")):
        yield f"{at}: expected text or fields"


def _fields(node: Any, at: str, checks: Mapping[str, Check]) -> Iterator[str]:
    """None unknown, each as its check says, and none missing whose name is marked with a star."""
    if not isinstance(node, Mapping):
        yield f"{at}: expected an object"
        return
    for key in node.keys() - {"type", "block_id", "action_id"} - {name.rstrip("*") for name in checks}:
        yield f"{at}: invalid additional property: {key}"
    for key in ("block_id", "action_id"):
        if key in node:
            yield from _text(255)(node[key], f"{at}/{key}")
    for name, check in checks.items():
        key = name.rstrip("*")
        if key in node:
            yield from check(node[key], f"{at}/{key}")
        elif name.endswith("*"):
            yield f"{at}: missing required field: {key}"


def _text(limit: int, least: int = 1) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield f"{at}: expected text"
        elif length(value) < least:
            yield f"{at}: must be more than {least - 1} characters"
        elif length(value) > limit:
            yield f"{at}: must be less than {limit + 1} characters"

    return check


def _object(limit: int, *kinds: str) -> Check:
    """A text object: `plain_text` or `mrkdwn`, whichever are allowed there."""
    allowed = {
        "plain_text": {"text*": _text(limit), "emoji": _any},
        "mrkdwn": {"text*": _text(limit), "verbatim": _any},
    }
    forms = {kind: allowed[kind] for kind in kinds or allowed}
    return lambda value, at: _typed(value, at, forms, "text object")


def _list(limit: int, check: Check, least: int = 1) -> Check:
    def checks(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{at}: expected a list"
            return
        if not least <= len(value) <= limit:
            yield f"{at}: {len(value)} items, expected {least} to {limit}"
        for index, item in enumerate(value):
            yield from check(item, f"{at}/{index}")

    return checks


def _url(value: Any, at: str) -> Iterator[str]:
    yield from _text(3_000)(value, at)
    if isinstance(value, str) and not _URL.fullmatch(value):
        yield f"{at}: invalid URL"


def _one_of(*choices: str) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if value not in choices:
            yield f"{at}: expected one of {', '.join(choices)}"

    return check


def _any(_value: Any, _at: str) -> Iterator[str]:
    return iter(())


def _fields_of(checks: Mapping[str, Check]) -> Check:
    return lambda value, at: _fields(value, at, checks)


def _attachment(value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{at}: expected an object"
        return
    yield from _blocks(value.get("blocks", []), f"{at}/blocks")
    if "footer" in value:
        yield from _text(300)(value["footer"], f"{at}/footer")
    if "color" in value and not _COLOR.fullmatch(str(value["color"])):
        yield f"{at}/color: expected a colour such as #1A7F37"


def _metadata(value: Any) -> Iterator[str]:
    if value is None or value == {}:
        return
    if not isinstance(value, Mapping) or not isinstance(value.get("event_type"), str):
        yield "invalid_metadata_format: /metadata: expected event_type and event_payload"
    elif not isinstance(value.get("event_payload"), Mapping):
        yield "invalid_metadata_schema: /metadata/event_payload: expected an object"
    elif len(json.dumps(value["event_payload"])) > METADATA:
        yield f"metadata_too_large: /metadata/event_payload: at most {METADATA} characters"


_CONFIRM = _fields_of({
    "title*": _object(100, "plain_text"), "text*": _object(300), "confirm*": _object(30, "plain_text"),
    "deny*": _object(30, "plain_text"), "style": _one_of("primary", "danger"),
})  # fmt: skip
_BUTTON: Mapping[str, Check] = {
    "text*": _object(75, "plain_text"), "value": _text(2_000), "url": _url, "style": _one_of("primary", "danger"),
    "accessibility_label": _text(75), "confirm": _CONFIRM,
}  # fmt: skip
_IMAGE: Mapping[str, Check] = {"image_url*": _url, "alt_text*": _text(2_000, least=0)}
_CARD: Mapping[str, Check] = {
    "title": _object(150), "subtitle": _object(150), "body": _object(200), "hero_image": _any, "icon": _any,
    "actions": _list(3, _any),
}  # fmt: skip
_TASK: Mapping[str, Check] = {
    "task_id*": _text(255), "title*": _text(2_000), "details": _any, "output": _any, "sources": _any,
    "status": _one_of("pending", "in_progress", "complete", "error"),
}  # fmt: skip
_CELL: Mapping[str, Mapping[str, Check]] = {"raw_text": {"text*": _text(TEXT)}, "rich_text": {"elements*": _any}}
_CELLS = _list(20, lambda value, at: _typed(value, at, _CELL, "cell"))
_COLUMN = _fields_of({"align": _one_of("left", "center", "right"), "is_wrapped": _any})
_TASKS = _list(50, lambda value, at: _typed(value, at, {"task_card": _TASK}, "task"))


def _table(value: Any, at: str) -> Iterator[str]:
    yield from _list(100, _CELLS)(value, at)


def _data_table(value: Any, at: str) -> Iterator[str]:
    yield from _list(201, _list(20, _any), least=2)(value, at)
    if (characters := len(json.dumps(value, ensure_ascii=False))) > 20_000:
        yield f"{at}: {characters} characters, at most 20000"


_POINTS = _fields_of({"label*": _text(20), "value*": _any})
_SERIES = _fields_of({"name*": _text(20), "data*": _list(20, _POINTS)})
_CHART = _fields_of({"type": _any, "series": _list(12, _SERIES), "segments": _list(12, _POINTS), "axis_config": _any})
_BLOCKS: Mapping[str, Mapping[str, Check]] = {
    "header": {"text*": _object(150, "plain_text"), "level": _any},
    "section": {"text": _object(3_000), "fields": _list(10, _object(2_000)), "expand": _any,
                "accessory": lambda value, at: _typed(value, at, {"button": _BUTTON, "image": _IMAGE}, "element")},
    "divider": {},
    "context": {"elements*": _list(10, lambda value, at: _typed(value, at, _CONTEXT, "element"))},
    "actions": {"elements*": _list(25, lambda value, at: _typed(value, at, {"button": _BUTTON}, "element"))},
    "image": {**_IMAGE, "title": _object(2_000, "plain_text")},
    "markdown": {"text*": _text(TEXT)},  # all of them together: _SUMS
    "rich_text": {"elements*": _any},
    "table": {"rows*": _table, "column_settings": _list(20, _COLUMN)},
    "data_table": {"rows*": _data_table, "caption": _text(2_000), "page_size": _any},
    "data_visualization": {"title*": _text(50), "chart*": _CHART},
    "plan": {"title*": _text(2_000), "tasks": _TASKS},
    "task_card": _TASK,
    "card": _CARD,
    "carousel": {"elements*": _list(10, _fields_of(_CARD))},
}  # fmt: skip
_CONTEXT: Mapping[str, Mapping[str, Check]] = {
    "image": _IMAGE,
    "plain_text": {"text*": _text(3_000), "emoji": _any},
    "mrkdwn": {"text*": _text(3_000), "verbatim": _any},
}
_SUMS: tuple[tuple[str, int, Callable[[Node], int]], ...] = (
    ("markdown", 12_000, lambda block: length(str(block.get("text", "")))),
    ("data_visualization", 2, lambda _block: 1),
    ("table", 1, lambda _block: 1),
)
