"""Entries and answers that Redis may have: in the inbox, and kept for a repeated question."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from relay.domain.deliveries import Accepted
from relay.engine import entries, names
from relay.engine.records import Delivery, Operation, Thread
from relay.engine.state import NotLoaded
from relay.errors import AmbiguousId, NotPermitted

KINDS: tuple[type, ...] = (
    Accepted,
    *(kind for kind in vars(entries).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)),
)


def lost(entry: Any, error: Exception) -> entries.Lost:
    """Return the entry that counts one whose sender has its answer already. What was refused for good is no loss."""
    refused = isinstance(error, (AmbiguousId, NotPermitted))
    is_event = isinstance(entry, entries.Report) and not entry.kept and not refused
    return entries.Lost(type(error).__name__, is_event)


def needs(entry: Any) -> Iterator[NotLoaded]:
    """Yield what an entry reads in any case."""
    if isinstance(entry, entries.Report):
        event = entry.event
        for id_ in filter(None, dict.fromkeys((event.own_id, event.subject, event.original, event.member_of))):
            yield NotLoaded("record", Operation, names.operation(id_))
    elif isinstance(entry, entries.Held):
        yield NotLoaded("record", Delivery, entry.id)
        if entry.lane:
            yield NotLoaded("record", Thread, entry.lane)
