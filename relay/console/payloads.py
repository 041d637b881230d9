"""A body as a page shows it: laid out, and no more of it than anybody reads."""

import json
from typing import Any

MOST = 64_000  # characters that are shown
READ = 1_000_000  # of a longer one only the beginning is, as it came


def document_of(body: str) -> Any:
    """What the sender said, of an event as relay keeps it; the text itself if it is none, or too long to be read."""
    try:
        return json.loads(body)["document"] if body and len(body) <= READ else body
    except (ValueError, KeyError, TypeError, RecursionError):
        return body


def laid_out(body: object) -> tuple[str, bool]:
    """JSON indented, everything else as it is; and whether the end was left out."""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        text = body
        if len(body) <= READ:
            try:
                text = json.dumps(json.loads(body), ensure_ascii=False, indent=2)
            except (ValueError, RecursionError):
                text = body
    else:
        text = json.dumps(body, ensure_ascii=False, indent=2)
    return text[:MOST], len(text) > MOST
