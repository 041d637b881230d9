"""The lines of an operation's log, packed as the scripts pack them (`scripts/include/ledger.lua`)."""

from typing import Any

from relay.store.packing import unpack

# Each is one byte in a line, from 0x80 on: no text in UTF-8 consists of one of these. They may grow at their end alone.
WORDS = (
    "accepted", "late", "completed", "queued", "held", "waits", "digested", "superseded", "lease lapsed", "failed",
    "delivered", "dead", "suppressed", "replayed", "dropped", "repair", "operation.started", "operation.progress",
    "operation.phase.completed", "operation.completed", "operation.failed", "operation.cancelled",
    "operation.stalled", "operation.recovered", "batch.started", "batch.operation.completed", "batch.completed",
    "Initiated", "Queued", "Running", "Completed", "Failed", "Timeout", "Cancelled", "no_rule", "increment",
    "interval", "quiet_hours", "batch", "low_priority", "told_beside", "newer state", "live", "reply", "each",
)  # fmt: skip
FIRST = 0x80
ACCEPTED = ("event", "status", "percentage", "source")  # the values of such a line


def lines_of(packed: bytes) -> list[list[Any]]:
    """[ms since the epoch, what, ...], and behind it the line that says why nobody is told, where it has that."""
    line = [*unpack(packed, _text)]
    while line[-1] is None:
        line.pop()
    at, kind, *values = line
    if kind == "accepted" and len(values) > len(ACCEPTED):
        return [[at, kind, *values[: len(ACCEPTED)]], [at, "held", "", *values[len(ACCEPTED) :]]]
    return [line]


def _text(packed: bytes) -> str:
    if len(packed) == 1 and packed[0] >= FIRST:
        number = packed[0] - FIRST
        return WORDS[number] if number < len(WORDS) else "?"  # a word of a newer relay
    return packed.decode("utf-8", "replace")
