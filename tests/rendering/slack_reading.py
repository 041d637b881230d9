"""The text that people read of a message in Slack."""

import re
from collections.abc import Iterator
from typing import Any

NBSP = "\u00a0"
# A time in Slack's own notation, and what stands for it where Slack shows none.
DATE = re.compile(r"<!date\^\d{10}\^[{}a-z_ ]+\|[\w.,:+− ]+>")


def texts(node: Any) -> Iterator[str]:
    """Every text that people read, in reading order."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("text", "title") and isinstance(value, str):
                yield value
            yield from texts(value)
    elif isinstance(node, list):
        for item in node:
            yield from texts(item)


def strings(node: Any) -> list[str]:
    """Return every string of a document."""
    items = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [node] if isinstance(node, str) else [text for item in items for text in strings(item)]


def mrkdwn(node: Any) -> list[dict[str, Any]]:
    """Return every text object that Slack formats."""
    if isinstance(node, dict) and node.get("type") == "mrkdwn":
        return [node]
    items = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [text for item in items for text in mrkdwn(item)]


def shown(content: dict[str, Any]) -> str:
    """The message as it is read, without links' addresses."""
    text = "\n".join(texts(content["blocks"])).replace(NBSP, " ")
    return re.sub(r"<[^|>]+\|([^>]*)>", r"\1", text)
