"""Slack's limits, without asking it: for authors of templates, and for the stand-in.

Slack publishes no schema. The numbers are those of its reference: https://docs.slack.dev/reference/block-kit/blocks.
A check takes a value and its place, and yields what is wrong with it.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from relay.domain.display import MAX_BLOCKS, TEXT_BUDGET, length
from relay.rendering.formats.slack import text_size

MAX_METADATA = 8_000  # characters of JSON

Node = Mapping[str, Any]


def validate(message: Node) -> list[str]:
    """List what Slack would refuse of chat.postMessage's arguments, each as "code: where: what is wrong"."""
    text, blocks = message.get("text"), message.get("blocks")
    faults: list[str] = []
    if not any((text, blocks, message.get("attachments"))):
        faults.append("no_text: /: neither text nor blocks")
    if isinstance(text, str) and length(text) > MAX_TEXT:
        faults.append(f"msg_too_long: /text: {length(text)} characters, at most {MAX_TEXT}")
    faults += [f"invalid_blocks: {fault}" for fault in _block_faults(blocks or [], "/blocks")]
    faults += _metadata_faults(message.get("metadata"))
    if not faults and blocks and (total := text_size(blocks)) > TEXT_BUDGET:
        faults.append(f"msg_blocks_too_long: /: {total} characters of text, at most {TEXT_BUDGET}")
    return faults


def _block_faults(blocks: Any, at: str) -> Iterator[str]:
    if not isinstance(blocks, list):
        yield f"{at}: expected a list"
        return
    if len(blocks) > MAX_BLOCKS:
        yield f"{at}: {len(blocks)} blocks, at most {MAX_BLOCKS}"
    objects = [block for block in blocks if isinstance(block, Mapping)]
    buttons = [item for block in objects if block.get("type") == "actions" for item in block.get("elements") or ()]
    yield from _repeated("block_id", objects, at)
    yield from _repeated("action_id", [button for button in buttons if isinstance(button, Mapping)], at)
    for index, block in enumerate(blocks):
        yield from _typed(block, f"{at}/{index}", BLOCK_KINDS, "block")


def _repeated(key: str, nodes: Iterable[Node], at: str) -> Iterator[str]:
    counts = Counter(str(node[key]) for node in nodes if node.get(key))
    yield from (f"{at}: {key} {name!r} is used twice" for name, count in sorted(counts.items()) if count > 1)


def _metadata_faults(value: Any) -> Iterator[str]:
    if value is None or value == {}:
        return
    if not isinstance(value, Mapping) or not isinstance(value.get("event_type"), str):
        yield "invalid_metadata_format: /metadata: expected event_type and event_payload"
    elif not isinstance(value.get("event_payload"), Mapping):
        yield "invalid_metadata_schema: /metadata/event_payload: expected an object"
    elif len(json.dumps(value["event_payload"])) > MAX_METADATA:
        yield f"metadata_too_large: /metadata/event_payload: at most {MAX_METADATA} characters"


MAX_TEXT = 40_000  # characters of one text that has no smaller limit of its own

Check = Callable[[Any, str], Iterator[str]]
Fields = Mapping[str, Check]  # a name that ends in a star is required

_URL = re.compile(r"(?:https?|mailto|slack):[^\s<>|]+", re.IGNORECASE)


def _typed(node: Any, at: str, kinds: Mapping[str, Fields | None], noun: str) -> Iterator[str]:
    """Check an object whose `type` says which fields it has."""
    kind = node.get("type") if isinstance(node, Mapping) else None
    if not isinstance(kind, str) or kind not in kinds:
        yield f"{at}: unsupported {noun} {kind!r}; expected one of {', '.join(kinds)}"
        return
    if (fields := kinds[kind]) is not None:
        yield from _fields(node, at, fields)
    if kind == "section" and not (node.get("text") or node.get("fields")):
        yield f"{at}: expected text or fields"


def _fields(node: Any, at: str, checks: Fields) -> Iterator[str]:
    """Check the fields: none unknown, none missing whose name ends in a star."""
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


def _text(limit: int, minimum: int = 1) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield f"{at}: expected text"
        elif length(value) < minimum:
            yield f"{at}: must be more than {minimum - 1} characters"
        elif length(value) > limit:
            yield f"{at}: must be less than {limit + 1} characters"

    return check


def _text_object(limit: int, *kinds: str) -> Check:
    """Check a text object: `plain_text` or `mrkdwn`, whichever are allowed there."""
    allowed = {
        "plain_text": {"text*": _text(limit), "emoji": _any},
        "mrkdwn": {"text*": _text(limit), "verbatim": _any},
    }
    forms = {kind: allowed[kind] for kind in kinds or allowed}
    return lambda value, at: _typed(value, at, forms, "text object")


def _list(limit: int, check: Check, minimum: int = 1) -> Check:
    def checks(value: Any, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{at}: expected a list"
            return
        if not minimum <= len(value) <= limit:
            yield f"{at}: {len(value)} items, expected {minimum} to {limit}"
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


_CONFIRM: Fields = {
    "title*": _text_object(100, "plain_text"), "text*": _text_object(300), "confirm*": _text_object(30, "plain_text"),
    "deny*": _text_object(30, "plain_text"), "style": _one_of("primary", "danger"),
}  # fmt: skip
_BUTTON: Fields = {
    "text*": _text_object(75, "plain_text"), "value": _text(2_000), "url": _url,
    "style": _one_of("primary", "danger"), "accessibility_label": _text(75),
    "confirm": lambda value, at: _fields(value, at, _CONFIRM),
}  # fmt: skip
_IMAGE: Fields = {"image_url*": _url, "alt_text*": _text(2_000, minimum=0)}
OTHER_KINDS = ("card", "carousel", "data_table", "data_visualization", "markdown", "plan", "table", "task_card")
BLOCK_KINDS: Mapping[str, Fields | None] = {
    "header": {"text*": _text_object(150, "plain_text"), "level": _any},
    "section": {"text": _text_object(3_000), "fields": _list(10, _text_object(2_000)), "expand": _any,
                "accessory": lambda value, at: _typed(value, at, {"button": _BUTTON, "image": _IMAGE}, "element")},
    "divider": {},
    "context": {"elements*": _list(10, lambda value, at: _typed(value, at, _CONTEXT, "element"))},
    "actions": {"elements*": _list(25, lambda value, at: _typed(value, at, {"button": _BUTTON}, "element"))},
    "image": {**_IMAGE, "title": _text_object(2_000, "plain_text")},
    "rich_text": {"elements*": _any},
    **dict.fromkeys(OTHER_KINDS),  # none of relay's messages has them
}  # fmt: skip
_CONTEXT: Mapping[str, Fields] = {
    "image": _IMAGE,
    "plain_text": {"text*": _text(3_000), "emoji": _any},
    "mrkdwn": {"text*": _text(3_000), "verbatim": _any},
}
