"""Validation of messages by Slack's limits, without asking it: for authors of templates, and for the stand-in."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from relay.channels.slack.block_schema import BLOCK_KINDS, MAX_TEXT, text_check, typed
from relay.domain.display import MAX_BLOCKS, TEXT_BUDGET, length

MAX_ATTACHMENTS = 100
MAX_METADATA = 8_000  # characters of JSON
RICH = frozenset({"plan", "task_card", "table", "data_table", "data_visualization", "card", "carousel"})

Node = Mapping[str, Any]

_COLOR = re.compile(r"#?[0-9a-fA-F]{6}|good|warning|danger")
# What all blocks of a kind may have together.
_SUMS: tuple[tuple[str, int, Callable[[Node], int]], ...] = (
    ("markdown", 12_000, lambda block: length(str(block.get("text", "")))),
    ("data_visualization", 2, lambda _block: 1),
    ("table", 1, lambda _block: 1),
)


def validate(message: Node, *, without: Collection[str] = ()) -> list[str]:
    """List what Slack would refuse, each as "code: where: what is wrong"; empty if it would take the message.

    `message` holds the arguments of chat.postMessage or chat.update. `without`: kinds of blocks, for instance RICH,
    that this workspace has not got yet: Slack brings new ones to one workspace after the other.
    """
    text, blocks, attachments = (message.get(key) for key in ("text", "blocks", "attachments"))
    faults: list[str] = []
    if not any((text, blocks, attachments)):
        faults.append("no_text: /: neither text nor blocks nor attachments")
    if isinstance(text, str) and length(text) > MAX_TEXT:
        faults.append(f"msg_too_long: /text: {length(text)} characters, at most {MAX_TEXT}")
    if message.get("markdown_text") and (text or blocks):
        faults.append("markdown_text_conflict: /markdown_text: not together with text or blocks")
    faults += _with_code("invalid_blocks", _block_faults(blocks or [], "/blocks"))
    kinds = [block.get("type") for block in blocks or [] if isinstance(block, Mapping)]
    faults += [f"invalid_blocks: /blocks: unsupported block {kind!r}" for kind in kinds if kind in without]
    if attachments and len(attachments) > MAX_ATTACHMENTS:
        faults.append(f"too_many_attachments: /attachments: {len(attachments)}, at most {MAX_ATTACHMENTS}")
    for index, attachment in enumerate(attachments or []):
        faults += _with_code("invalid_attachments", _attachment_faults(attachment, f"/attachments/{index}"))
    faults += _metadata_faults(message.get("metadata"))
    if not faults and (blocks or attachments) and (total := text_size(message)) > TEXT_BUDGET:
        faults.append(f"msg_blocks_too_long: /: {total} characters of text, at most {TEXT_BUDGET}")
    return faults


def text_size(message: Node) -> int:
    """Count the text towards TEXT_BUDGET: every text and title inside blocks that have no sum of their own."""

    def size(node: Any) -> int:
        if isinstance(node, list):
            return sum(map(size, node))
        if isinstance(node, Mapping) and node.get("type") not in ("markdown", "data_table"):
            return sum(length(value) if key in ("text", "title") and isinstance(value, str) else size(value)
                       for key, value in node.items())  # fmt: skip
        return 0

    return size([message.get("blocks"), message.get("attachments")])


def _with_code(code: str, faults: Iterator[str]) -> list[str]:
    return [f"{code}: {fault}" for fault in faults]


def _block_faults(blocks: Any, at: str) -> Iterator[str]:
    if not isinstance(blocks, list):
        yield f"{at}: expected a list"
        return
    if len(blocks) > MAX_BLOCKS:
        yield f"{at}: {len(blocks)} blocks, at most {MAX_BLOCKS}"
    ids = [str(block["block_id"]) for block in blocks if isinstance(block, Mapping) and block.get("block_id")]
    for twice in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"{at}: block_id {twice!r} is used twice"
    for kind, limit, measured in _SUMS:
        total = sum(measured(block) for block in blocks if isinstance(block, Mapping) and block.get("type") == kind)
        if total > limit:
            yield f"{at}: {total} in all {kind} blocks, at most {limit}"
    actions = [
        str(button.get("action_id"))
        for block in blocks if isinstance(block, Mapping) and block.get("type") == "actions"
        for button in block.get("elements") or () if isinstance(button, Mapping) and button.get("action_id")
    ]  # fmt: skip
    for twice in sorted({name for name in actions if actions.count(name) > 1}):
        yield f"{at}: action_id {twice!r} is used twice"
    kinds = {block.get("type") for block in blocks if isinstance(block, Mapping)}
    if kinds >= {"plan", "task_card"}:
        yield f"{at}: task_card blocks stand inside a plan or alone, not beside one"
    for index, block in enumerate(blocks):
        yield from typed(block, f"{at}/{index}", BLOCK_KINDS, "block")


def _attachment_faults(value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{at}: expected an object"
        return
    yield from _block_faults(value.get("blocks", []), f"{at}/blocks")
    if "footer" in value:
        yield from text_check(300)(value["footer"], f"{at}/footer")
    if "color" in value and not _COLOR.fullmatch(str(value["color"])):
        yield f"{at}/color: expected a colour such as #1A7F37"


def _metadata_faults(value: Any) -> Iterator[str]:
    if value is None or value == {}:
        return
    if not isinstance(value, Mapping) or not isinstance(value.get("event_type"), str):
        yield "invalid_metadata_format: /metadata: expected event_type and event_payload"
    elif not isinstance(value.get("event_payload"), Mapping):
        yield "invalid_metadata_schema: /metadata/event_payload: expected an object"
    elif len(json.dumps(value["event_payload"])) > MAX_METADATA:
        yield f"metadata_too_large: /metadata/event_payload: at most {MAX_METADATA} characters"
