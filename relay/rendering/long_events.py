"""Which events make a message that takes longer than the event loop may be held up: those that list much. Pure."""

from collections.abc import Sequence

from relay.domain.events import Document, Event

MOST_ROWS = 25  # phases, files, operations: with these a message is made within a millisecond
A_ROW = 160  # characters of a text


def is_long(event: Event, history: Sequence[Event]) -> bool:
    """Looks where documents have their lists and long texts: in themselves and in their parts."""
    rows = _rows(event.document)
    for other in history:
        if other is not event:
            rows += _rows(other.document)
    return rows > MOST_ROWS


def _rows(document: Document) -> int:
    rows = 0
    for part in (document, *document.values()):
        if isinstance(part, dict):
            for value in part.values():
                if isinstance(value, str):
                    rows += len(value) // A_ROW
                elif isinstance(value, list):
                    rows += len(value)
    return rows
