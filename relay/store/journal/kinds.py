"""Entries and answers that Redis may have: in the inbox, and kept for a repeated question."""

import dataclasses
from typing import Any

from relay.domain.deliveries import Accepted
from relay.engine import entries, names
from relay.engine.records import Delivery, Operation, Thread
from relay.engine.state import Record
from relay.errors import AmbiguousId, NotPermitted

KINDS: tuple[type, ...] = (
    Accepted,
    *(kind for kind in vars(entries).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)),
)


def lost(entry: Any, error: Exception) -> entries.Lost:
    """Return the entry that counts one whose sender has its answer already. What was refused for good is no loss."""
    is_event = isinstance(entry, entries.Report) and not isinstance(error, (AmbiguousId, NotPermitted))
    return entries.Lost(type(error).__name__, is_event)


def needs(entry: Any) -> list[tuple[type[Record], str]]:
    """Return the kind and name of the records that an entry reads in any case."""
    if isinstance(entry, entries.Report):
        event = entry.event
        ids = {event.own_id, event.subject, event.original, event.member_of}
        return [(Operation, names.operation(id_)) for id_ in ids if id_]
    if isinstance(entry, entries.Held):
        return [(Delivery, entry.id), *([(Thread, entry.lane)] if entry.lane else [])]
    return []
