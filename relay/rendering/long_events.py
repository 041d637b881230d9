"""Which events make a message that takes longer than the event loop may be held up: those that list much. Pure."""

from collections.abc import Sequence
from typing import Any

from relay.domain.events import Event

MOST_ROWS = 25  # phases, files, operations: with these a message is made within a millisecond
MOST_CHARACTERS = 4_000  # of one text


def is_long(event: Event, history: Sequence[Event]) -> bool:
    """Looks where documents have their lists and long texts: two levels down. Takes some microseconds."""
    documents = [event.document, *(other.document for other in history if other is not event)]
    return sum(rows for document in documents for rows in map(_rows, document.values())) > MOST_ROWS


def _rows(value: Any, levels: int = 2) -> int:
    if isinstance(value, str):
        return MOST_ROWS + 1 if len(value) > MOST_CHARACTERS else 0
    if isinstance(value, list):
        return len(value)
    return sum(_rows(item, levels - 1) for item in value.values()) if isinstance(value, dict) and levels else 0
