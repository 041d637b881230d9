"""Schema of Slack's blocks: the fields of each kind, and how long each may be.

Slack publishes no schema. The numbers are those of its reference: https://docs.slack.dev/reference/block-kit/blocks.
A check takes a value and where it stands, and yields what is wrong with it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from relay.domain.display import length

MAX_TEXT = 40_000  # characters of one text that has no smaller limit of its own

Check = Callable[[Any, str], Iterator[str]]
Fields = Mapping[str, Check]  # a name that ends in a star is required

_URL = re.compile(r"(?:https?|mailto|slack):[^\s<>|]+", re.IGNORECASE)


def typed(node: Any, at: str, kinds: Mapping[str, Fields], noun: str) -> Iterator[str]:
    """Check an object whose `type` says which fields it has."""
    kind = node.get("type") if isinstance(node, Mapping) else None
    if not isinstance(kind, str) or kind not in kinds:
        yield f"{at}: unsupported {noun} {kind!r}; expected one of {', '.join(kinds)}"
        return
    yield from _fields(node, at, kinds[kind])
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
            yield from text_check(255)(node[key], f"{at}/{key}")
    for name, check in checks.items():
        key = name.rstrip("*")
        if key in node:
            yield from check(node[key], f"{at}/{key}")
        elif name.endswith("*"):
            yield f"{at}: missing required field: {key}"


def text_check(limit: int, minimum: int = 1) -> Check:
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
        "plain_text": {"text*": text_check(limit), "emoji": _any},
        "mrkdwn": {"text*": text_check(limit), "verbatim": _any},
    }
    forms = {kind: allowed[kind] for kind in kinds or allowed}
    return lambda value, at: typed(value, at, forms, "text object")


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
    yield from text_check(3_000)(value, at)
    if isinstance(value, str) and not _URL.fullmatch(value):
        yield f"{at}: invalid URL"


def _one_of(*choices: str) -> Check:
    def check(value: Any, at: str) -> Iterator[str]:
        if value not in choices:
            yield f"{at}: expected one of {', '.join(choices)}"

    return check


def _any(_value: Any, _at: str) -> Iterator[str]:
    return iter(())


def _fields_of(checks: Fields) -> Check:
    return lambda value, at: _fields(value, at, checks)


def _rich_text(value: Any, at: str) -> Iterator[str]:
    yield from typed(value, at, {"rich_text": {"elements*": _list(100, _rich_section)}}, "formatted text")


def _rich_section(value: Any, at: str) -> Iterator[str]:
    kinds = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
    yield from typed(value, at, dict.fromkeys(kinds, _SECTION), "section of formatted text")


_CONFIRM = _fields_of({
    "title*": _text_object(100, "plain_text"), "text*": _text_object(300), "confirm*": _text_object(30, "plain_text"),
    "deny*": _text_object(30, "plain_text"), "style": _one_of("primary", "danger"),
})  # fmt: skip
_BUTTON: Fields = {
    "text*": _text_object(75, "plain_text"), "value": text_check(2_000), "url": _url,
    "style": _one_of("primary", "danger"), "accessibility_label": text_check(75), "confirm": _CONFIRM,
}  # fmt: skip
_IMAGE: Fields = {"image_url*": _url, "alt_text*": text_check(2_000, minimum=0)}
_CARD: Fields = {
    "title": _text_object(150), "subtitle": _text_object(150), "body": _text_object(200),
    "hero_image": _any, "icon": _any, "actions": _list(3, _any),
}  # fmt: skip
_TASK: Fields = {
    "task_id*": text_check(255), "title*": text_check(2_000), "details": _rich_text, "output": _rich_text,
    "sources": _any,
    "status": _one_of("pending", "in_progress", "complete", "error"),
}  # fmt: skip
_SECTION: Fields = {"elements*": _list(500, _any), "style": _any, "indent": _any, "offset": _any, "border": _any}
_CELL: Mapping[str, Fields] = {"raw_text": {"text*": text_check(MAX_TEXT)}, "rich_text": {"elements*": _any}}
_CELLS = _list(20, lambda value, at: typed(value, at, _CELL, "cell"))
_COLUMN = _fields_of({"align": _one_of("left", "center", "right"), "is_wrapped": _any})
_TASKS = _list(50, lambda value, at: typed(value, at, {"task_card": _TASK}, "task"))


def _table(value: Any, at: str) -> Iterator[str]:
    yield from _list(100, _CELLS)(value, at)


def _data_table(value: Any, at: str) -> Iterator[str]:
    yield from _list(201, _list(20, _any), minimum=2)(value, at)
    if (characters := len(json.dumps(value, ensure_ascii=False))) > 20_000:
        yield f"{at}: {characters} characters, at most 20000"


_POINTS = _fields_of({"label*": text_check(20), "value*": _any})
_SERIES = _fields_of({"name*": text_check(20), "data*": _list(20, _POINTS)})
_CHART = _fields_of({"type": _any, "series": _list(12, _SERIES), "segments": _list(12, _POINTS), "axis_config": _any})
BLOCK_KINDS: Mapping[str, Fields] = {
    "header": {"text*": _text_object(150, "plain_text"), "level": _any},
    "section": {"text": _text_object(3_000), "fields": _list(10, _text_object(2_000)), "expand": _any,
                "accessory": lambda value, at: typed(value, at, {"button": _BUTTON, "image": _IMAGE}, "element")},
    "divider": {},
    "context": {"elements*": _list(10, lambda value, at: typed(value, at, _CONTEXT, "element"))},
    "actions": {"elements*": _list(25, lambda value, at: typed(value, at, {"button": _BUTTON}, "element"))},
    "image": {**_IMAGE, "title": _text_object(2_000, "plain_text")},
    "markdown": {"text*": text_check(MAX_TEXT)},  # all of them together: _SUMS
    "rich_text": {"elements*": _any},
    "table": {"rows*": _table, "column_settings": _list(20, _COLUMN)},
    "data_table": {"rows*": _data_table, "caption": text_check(2_000), "page_size": _any},
    "data_visualization": {"title*": text_check(50), "chart*": _CHART},
    "plan": {"title*": text_check(2_000), "tasks": _TASKS},
    "task_card": _TASK,
    "card": _CARD,
    "carousel": {"elements*": _list(10, _fields_of(_CARD))},
}  # fmt: skip
_CONTEXT: Mapping[str, Fields] = {
    "image": _IMAGE,
    "plain_text": {"text*": text_check(3_000), "emoji": _any},
    "mrkdwn": {"text*": text_check(3_000), "verbatim": _any},
}
