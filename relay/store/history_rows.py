"""A row of the record of what was sent, as scripts/include/history.lua packs it."""

from dataclasses import dataclass
from typing import Any, cast

from relay.store.merging import RawRow
from relay.store.notes import FIRST, WORDS
from relay.store.records import unpack

OUTCOMES = ("delivered", "dead", "superseded", "dropped", "held")
NAME = 16  # bytes for the first 32 hex digits of a name of the store
TEXT = 0xA0  # and the length: what a short text begins with
VALUES = ("outcome", "operation", "id", "channel", "address", "kind", "event", "attempts", "took", "reason", "detail",
          "lane")  # fmt: skip
NAMES = ("operation", "id", "lane")
TEXTS = ("outcome", "channel", "address", "kind", "event", "reason", "detail")


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery that ended.

    id         the delivery's, by which a dead letter is found; `copy` finds the message as it was sent (copies.py)
    operation  the store's name of what it was about; of a bundle (kind digest, roundup, rolling) its id
    subject    the id that people know, and `name`, `type`, `tenant`, `project`, `platform`: '' where it is
               no longer known
    kind       each, live, reply, digest, roundup or rolling; `event` is the name of its event
    outcome    delivered, dead, superseded, dropped or held; `reason` is its code (relay/reasons.py), '' if none
    detail     a permalink, or the mail server's answer; of a dead letter the error
    attempts   that it took
    at         when it ended (seconds since the epoch), `took`: seconds since it was made, or due by the calendar
    edits      of a live message: how often it was edited since, and when last
    """

    id: str
    operation: str
    destination: str
    channel: str
    address: str
    kind: str
    event: str
    outcome: str
    reason: str
    detail: str
    attempts: int
    at: float
    took: float
    copy: str
    partition: int
    lane: str = ""
    subject: str = ""
    name: str = ""
    type: str = ""
    tenant: str = ""
    project: str = ""
    platform: str = ""
    edits: int = 0
    edited_at: float | None = None


def outcome_bytes(outcome: str) -> bytes:
    """Return the first bytes of a row with this outcome; of an unknown word, bytes that no row begins with."""
    return bytes([TEXT + 1, FIRST + WORDS.index(outcome)]) if outcome in OUTCOMES else b"\xff"


def operation_bytes(name: str) -> bytes:
    """Return the bytes behind the outcome in the rows about this operation."""
    return bytes([TEXT + NAME]) + bytes.fromhex(name)


def ended(row: RawRow) -> Ended:
    """A row, read; without what is known of its operation."""
    values: dict[str, Any] = dict(zip(VALUES, unpack(row.packed, _as_it_is), strict=False))
    texts: dict[str, Any] = {field: _name(values.get(field, b"")) for field in NAMES}
    texts |= {field: _text(values.get(field, b"")) for field in TEXTS}
    return Ended(
        **texts,
        destination=row.name,
        attempts=int(values["attempts"] or 0),
        at=row.ms / 1000,
        took=values["took"] / 1000,
        copy=texts["lane"] or texts["id"],
        partition=row.partition,
    )


def _name(squeezed: bytes) -> str:
    """A name of the store: its first half is kept as bytes."""
    return squeezed[:NAME].hex() + squeezed[NAME:].decode("utf-8", "replace")


def _text(packed: bytes) -> str:
    if len(packed) == 1 and packed[0] >= FIRST:
        number = packed[0] - FIRST
        return WORDS[number] if number < len(WORDS) else "?"  # a word of a newer relay
    return packed.decode("utf-8", "replace")


def _as_it_is(packed: bytes) -> str:
    """Names are no text."""
    return cast("str", packed)
