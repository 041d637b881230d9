"""Entries that acts name: by an id, or by the beginning of its digest."""

import re
from collections.abc import Sequence
from typing import TypeVar

from relay.errors import RelayError
from relay.store.quarantine import QUARANTINE_LENGTH, Quarantine, Quarantined, QuarantineRow
from relay.store.queries.admin import Admin
from relay.store.queries.dead_letters import DeadLetter

NAMED = 10  # ids that the audit trail has of many
SHORT = 8  # characters of an id's digest that people type
ID = re.compile(r"(q-)?([0-9a-f]+)(-\S+)?")  # q- for the quarantine; the end is that of a reply to a live message
Entry = TypeVar("Entry", DeadLetter, QuarantineRow)


def names_of(ids: Sequence[str]) -> str:
    """Return them as the audit trail says them: the first ones, short."""
    more = [f"{len(ids) - NAMED} more"] if len(ids) > NAMED else []
    return ", ".join([*map(short, ids[:NAMED]), *more])


def short(name: str) -> str:
    """Return the id as it may be typed: enough of its digest, and its ending."""
    match = ID.fullmatch(name)
    return "".join((match[1] or "", match[2][:SHORT], match[3] or "")) if match else name


async def letter_named(admin: Admin, name: str) -> DeadLetter | None:
    """Return the dead letter with this id, whole or short. RelayError if it may be any of several."""
    if letter := await admin.dead_letter(name):
        return letter
    count = (await admin.ledger()).counts.get("dead", 0)
    return _one_of(await admin.dead(limit=max(1, count)) if _is_short(name) else (), name)


async def quarantined_named(bodies: Quarantine, name: str) -> Quarantined | None:
    """Return the quarantined body with this id, whole or short. RelayError if it may be any of several."""
    if entry := await bodies.named(name):
        return entry
    rows = (await bodies.page(limit=2 * QUARANTINE_LENGTH)).rows if _is_short(name) else ()
    row = _one_of(rows, name)
    return await bodies.named(row.id) if row else None


def _one_of(entries: Sequence[Entry], typed: str) -> Entry | None:
    """Return the only one of which `typed` is the id with a shorter digest."""
    some = ID.fullmatch(typed)
    matches = [
        entry for entry in entries
        if some and (whole := ID.fullmatch(entry.id)) and (some[1], some[3]) == (whole[1], whole[3])
        and whole[2].startswith(some[2])
    ]  # fmt: skip
    if len(matches) > 1:
        raise RelayError(f"{typed} may be any of {', '.join(entry.id for entry in matches)}")
    return matches[0] if matches else None


def _is_short(typed: str) -> bool:
    match = ID.fullmatch(typed)
    return bool(match and len(match[2]) >= SHORT)
