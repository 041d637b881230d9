"""Entries and answers that Redis may have: in the inbox, and kept for a repeated question."""

from typing import Any

from relay.domain.deliveries import Accepted
from relay.engine import names
from relay.engine.intake import Report
from relay.engine.receipts import Held
from relay.engine.records import Delivery, Operation, Thread
from relay.engine.state import Record
from relay.engine.step import ENTRIES
from relay.engine.take import Taken

KINDS: tuple[type, ...] = (Accepted, Taken, *ENTRIES)


def needs(entry: Any) -> list[tuple[type[Record], str]]:
    """Return the kind and name of the records that an entry reads in any case."""
    if isinstance(entry, Report):
        event = entry.event
        ids = {event.own_id, event.subject, event.original, event.member_of}
        return [(Operation, names.operation(id_)) for id_ in ids if id_]
    if isinstance(entry, Held):
        return [(Delivery, entry.id), *([(Thread, entry.lane)] if entry.lane else [])]
    return []
