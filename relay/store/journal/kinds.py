"""Entries and answers that may stand in Redis: in the inbox, and kept for whoever asks again."""

import dataclasses
from typing import Any

from relay.domain.deliveries import Accepted
from relay.engine import entries
from relay.errors import AmbiguousId, NotPermitted

KINDS: tuple[type, ...] = (
    Accepted,
    *(kind for kind in vars(entries).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)),
)


def lost(entry: Any, error: Exception) -> entries.Lost:
    """Return the entry that counts one which nobody can be told of. What was refused for good is no loss."""
    is_event = isinstance(entry, entries.Report) and not isinstance(error, (AmbiguousId, NotPermitted))
    return entries.Lost(type(error).__name__, is_event)
