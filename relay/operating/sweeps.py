"""Replaying and dropping all that filters hold for: in steps that hold up no delivery, and as many as a request may."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from relay.domain.deliveries import Accepted
from relay.operating import acts
from relay.operating.filters import Filter
from relay.store.admin import Admin
from relay.store.dead_pages import DeadPages
from relay.store.quarantine import Quarantined
from relay.store.quarantine_pages import QuarantinePages, QuarantineQuery

STEP = 50  # dead letters that one script replays or drops
PATIENCE = 5.0  # seconds after which whoever waits for an answer hears how far it got
COUNTED = 2000  # dead letters that are looked at to say how many would be meant


@dataclass
class Swept:
    """What was done; `more`: there may be others. `faults` are the reasons of those with which it could not be; so many
    were `gone`, since somebody else has replayed or dropped them.
    """

    done: int = 0
    faults: dict[str, str] = field(default_factory=dict)
    gone: int = 0
    more: bool = False


@dataclass
class Meant:
    """How many of the newest dead letters, of which so many were `looked` at, filters hold for, by destination and
    reason; `more`: at least so many.
    """

    count: int = 0
    looked: int = 0
    of: dict[tuple[str, str], int] = field(default_factory=dict)
    more: bool = False


async def meant(pages: DeadPages, selection: Filter, since: float | None, until: float) -> Meant:
    """Of those that died in this time (seconds since the epoch)."""
    answer, cursor = Meant(), ""
    while answer.looked < COUNTED:
        page = await pages.page(selection.means, since=since, until=until, cursor=cursor, most=COUNTED, whole=False)
        for letter in page.rows:
            key = letter.destination, letter.reason
            answer.of[key] = answer.of.get(key, 0) + 1
        answer.count += len(page.rows)
        answer.looked += page.looked
        cursor = page.cursor
        if not cursor:
            return answer
    answer.more = True
    return answer


async def sweep_dead(
    pages: DeadPages,
    act: Callable[[list[str]], Awaitable[int]],
    selection: Filter,
    since: float | None,
    until: float,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Swept:
    """`act` on those that died in this time, the newest first: what dies again meanwhile is not among them."""
    swept, cursor, end = Swept(), "", monotonic() + PATIENCE
    while True:
        page = await pages.page(selection.means, since=since, until=until, cursor=cursor, most=STEP, whole=False)
        if page.rows:
            swept.done += await act([letter.id for letter in page.rows])
        cursor = page.cursor
        swept.more = bool(cursor)
        if not cursor or monotonic() >= end:
            return swept


async def sweep_quarantine(
    pages: QuarantinePages,
    admin: Admin,
    take: Callable[[Quarantined], Awaitable[Accepted]] | None,
    query: QuarantineQuery,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Swept:
    """Replay those by `take`, one by one; without it, drop them. What is still refused stays."""
    swept, cursor, end = Swept(), "", monotonic() + PATIENCE
    while True:
        page = await pages.page(query, cursor=cursor, most=STEP)
        if take is None:
            swept.done += await admin.release([row.id for row in page.rows])
        for row in page.rows if take else ():
            entry = await admin.quarantined_body(row.id)
            if entry and take and (fault := await acts.take_again(admin, entry, take)):
                swept.faults[row.id] = fault
            elif entry:
                swept.done += 1
        cursor = page.cursor
        swept.more = bool(cursor)
        if not cursor or monotonic() >= end:
            return swept
