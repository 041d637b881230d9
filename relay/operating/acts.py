"""Entries that acts name: by an id, or by the beginning of its digest."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from relay.errors import RelayError
from relay.store.bodies import MOST, Bodies, Quarantined
from relay.store.queries.admin import Admin
from relay.store.queries.dead_letters import DeadLetter

NAMED = 10  # ids that the audit trail has of many
SHORT = 8  # characters of an id's digest that people type
ID = re.compile(r"(q-)?([0-9a-f]+)(-\S+)?")  # q- for the quarantine; the end is that of a reply to a live message
Entry = TypeVar("Entry")


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
    return await _named(name, admin.dead_letter, admin.dead_ids)


async def quarantined_named(bodies: Bodies, name: str) -> Quarantined | None:
    """Return the quarantined body with this id, whole or short. RelayError if it may be any of several."""

    async def ids() -> list[str]:
        return [row.id for row in (await bodies.page(limit=2 * MOST)).rows]

    return await _named(name, bodies.named, ids)


async def _named(
    typed: str, read: Callable[[str], Awaitable[Entry | None]], ids: Callable[[], Awaitable[Sequence[str]]]
) -> Entry | None:
    """Return what `read` has under this id, or under the only one of `ids` whose digest is longer."""
    if entry := await read(typed):
        return entry
    some = ID.fullmatch(typed)
    if some is None or len(some[2]) < SHORT:
        return None
    matches = [
        name
        for name in await ids()
        if (whole := ID.fullmatch(name)) and (some[1], some[3]) == (whole[1], whole[3]) and whole[2].startswith(some[2])
    ]
    if len(matches) > 1:
        raise RelayError(f"{typed} may be any of {', '.join(matches)}")
    return await read(matches[0]) if matches else None
