"""The lines of an operation's log, packed as the scripts pack them (`scripts/include/ledger.lua`)."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from relay.store.records import Value, unpack

# Each is one byte in a line, from 0x80 on: no text in UTF-8 consists of one of these. They may grow at their end alone.
WORDS = (
    "accepted", "late", "completed", "queued", "held", "waits", "digested", "superseded", "lease lapsed", "failed",
    "delivered", "dead", "suppressed", "replayed", "dropped", "repair", "operation.started", "operation.progress",
    "operation.phase.completed", "operation.completed", "operation.failed", "operation.cancelled",
    "operation.stalled", "operation.recovered", "batch.started", "batch.operation.completed", "batch.completed",
    "Initiated", "Queued", "Running", "Completed", "Failed", "Timeout", "Cancelled", "no_rule", "increment",
    "interval", "quiet_hours", "batch", "low_priority", "told_beside", "newer state", "live", "reply", "each",
    "held progress", "late progress",
)  # fmt: skip
FIRST = 0x80
ACCEPTED = ("event", "status", "percentage", "source")  # the values of such a line
PROGRESS = "operation.progress"
PLACES = 3  # values that say why one destination gets no message


class Counted(NamedTuple):
    """The last value of a line that covers several, which differ in time and percentage alone (`tallies.lua`)."""

    times: int
    until: int  # when the last of them came, in ms since the epoch; the line has the time of the first
    lowest: float | None  # percentage; the line has the highest


def lines_of(packed: bytes) -> list[list[Any]]:
    """[ms since the epoch, what, ...], and behind it the lines that say why there is no message, where it has that."""
    line = [*unpack(packed, _text)]
    while line[-1] is None:
        line.pop()
    at, kind, *values = line
    if kind in {"held progress", "late progress"}:
        return [*_counted(at, kind, values)]
    if kind == "accepted" and len(values) > len(ACCEPTED):
        return [[at, kind, *values[: len(ACCEPTED)]], [at, "held", "", *values[len(ACCEPTED) :]]]
    return [line]


def open_lines(tallies: bytes) -> list[bytes]:
    """The lines of a record that are counted on, each as the log would have it."""
    return [str(line).encode("latin-1") for line in unpack(tallies, partial(str, encoding="latin-1"))]


def _counted(at: Any, kind: Value, values: Sequence[Any]) -> Iterator[list[Any]]:
    times, lasted, lowest, highest, *same = [*values, None, None][: max(len(values), 4)]
    behind = [Counted(times, at + lasted, lowest)] if times > 1 else []
    percentage = "" if highest is None else highest
    if kind == "late progress":
        yield [at, "late", PROGRESS, percentage, *behind]
        return
    status, source, *held = same
    yield [at, "accepted", PROGRESS, status, percentage, source, *behind]
    for first in range(0, len(held), PLACES):
        destination, reason, *address = held[first : first + PLACES]
        yield [at, "held", destination, reason, *(value for value in address if value is not None), *behind]


def _text(packed: bytes) -> str:
    if len(packed) == 1 and packed[0] >= FIRST:
        number = packed[0] - FIRST
        return WORDS[number] if number < len(WORDS) else "?"  # a word of a newer relay
    return packed.decode("utf-8", "replace")
