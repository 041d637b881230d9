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


def shown(content: dict[str, Any]) -> str:
    """The message as it is read, without links' addresses."""
    text = "\n".join(texts(content["blocks"])).replace(NBSP, " ")
    return re.sub(r"<[^|>]+\|([^>]*)>", r"\1", text)
