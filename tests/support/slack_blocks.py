"""Blocks and messages of any length, for tests of Slack's limits."""

from typing import Any

JSON = dict[str, Any]


def mrkdwn(length: int = 1) -> JSON:
    return {"type": "mrkdwn", "text": "x" * length}


def plain(length: int = 1) -> JSON:
    return {"type": "plain_text", "text": "x" * length}


def button(**changes: Any) -> JSON:
    return {"type": "button", "text": plain(), "url": "https://example.com/"} | changes


def confirm(**changes: Any) -> JSON:
    return {"title": plain(), "text": plain(), "confirm": plain(), "deny": plain()} | changes


def address(length: int) -> str:
    return "https://example.com/".ljust(length, "x")


def image(**changes: Any) -> JSON:
    return {"type": "image", "image_url": "https://example.com/a.png", "alt_text": ""} | changes


def message(*blocks: JSON, **arguments: Any) -> JSON:
    return {"channel": "C0123ABCD", "text": "x", "blocks": list(blocks), **arguments}


def block(kind: str, **fields: Any) -> JSON:
    return message({"type": kind, **fields})


def beside(accessory: JSON) -> JSON:
    return block("section", text=plain(), accessory=accessory)


def sections(*lengths: int) -> JSON:
    return message(*({"type": "section", "text": mrkdwn(length)} for length in lengths))


def metadata(length: int) -> JSON:
    return {"text": "x", "metadata": {"event_type": "e", "event_payload": {"k": "x" * (length - len('{"k": ""}'))}}}
