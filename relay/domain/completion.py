"""One outcome from two reports: the webhook and the callback may each know what the other leaves out. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from relay.domain.events import TERMINAL, Event

PARTS = ("error", "results", "cancellation")
MOST_FIELDS = 20  # of a part that are told apart


def said(event: Event) -> list[str]:
    """What an outcome says beside its status: `name`, the parts that it has, and their fields, as `error.message`."""
    if event.about_batch or event.status not in TERMINAL or event.operation is None:
        return []
    words = ["name"] if event.operation.name else []
    for part in PARTS:
        stated = [key for key, value in getattr(event, part).items() if value not in (None, "", [], {})]
        words += [part, *(f"{part}.{key}" for key in sorted(stated)[:MOST_FIELDS])] if stated else []
    return words


def completed(kept: Event, other: Event) -> Event:
    """The outcome that is kept, with what another report of it adds. What both say, the first one says."""
    parts: dict[str, Mapping[str, Any]] = {
        part: {**getattr(other, part), **getattr(kept, part)} for part in PARTS if getattr(other, part)
    }
    operation = kept.operation
    if operation and other.operation:
        operation = replace(operation, name=operation.name or other.operation.name)
    return replace(kept, operation=operation, document={**kept.document, **parts}, raw=b"", **parts)  # type: ignore[arg-type]
