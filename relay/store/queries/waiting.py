"""Waiting deliveries one by one: due, handed out, tried again, parked, or of a later time.

There is no order among all of it but that of the queues: a page goes through them one by one, and a cursor goes on
where it ended. Of what waits behind others of the same operation and address, the first alone is in a queue.
"""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from relay.engine.lanes import URGENCIES
from relay.engine.records import FLYING, MAIN, PARKING, Delivery, Operation, Thread, behind, due, parked, rows
from relay.store.queries.questions import Access, Questions, stated_by
from relay.store.queries.reader import Span

LOOKED = 1000  # deliveries that one page reads
STEP = 200  # of them at a time
STATES = ("leased", "due", "retrying", "parked", "later")
SAME = ("operation", "destination", "channel", "address", "kind", "event", "attempts", "error")

_CURSOR = re.compile(r"(\d{1,15}) ([0-9a-f]{2}[^ ]{0,98}) (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A delivery that waits. Times are seconds since the epoch.

    state    leased: a process has it; due: it is its turn; retrying: an attempt failed (`error`), and `due` is the
             next; parked: `pause` is what it waits for (a scope such as destination:room/#room); later: it is not
             time yet, as with a bundle whose window is open. By its id alone also those are found that are behind:
             another of their lane comes first, and dead
    subject  the id that people know, and `name`, `tenant`, `project`, `platform`: '' where it is no longer known
    behind   how many others of its operation wait there behind it; `entries`: of a bundle, its present size
    """

    id: str
    operation: str
    subject: str
    destination: str
    channel: str
    address: str
    kind: str
    event: str
    state: str
    due: float
    created: float
    attempts: int
    error: str
    pause: str
    behind: int
    entries: int
    name: str = ""
    tenant: str = ""
    project: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """`cursor` asks for more, '' if there is none; `looked` deliveries were read to find these."""

    rows: Sequence[WaitingRow]
    cursor: str
    looked: int


class _Position(NamedTuple):
    """The delivery at which a page ended: its queue and its score there."""

    score: int
    id: str
    queue: str

    @classmethod
    def load(cls, cursor: str) -> Self | None:
        if not cursor:
            return None
        match = _CURSOR.fullmatch(cursor)
        if not match:
            raise ValueError("expected the cursor of an earlier page")
        return cls(int(match[1]), match[2], match[3])

    def dump(self) -> str:
        return " ".join(map(str, self))


class Waiting(Questions):
    def __init__(self, store: Access, *, looked: int = LOOKED) -> None:
        """A page reads `looked` deliveries at most."""
        super().__init__(store)
        self._looked = looked

    async def page(
        self,
        channels: Sequence[str],
        now: float,
        *,
        state: str = "",
        destination: str = "",
        cursor: str = "",
        limit: int = 50,
    ) -> WaitingPage:
        """Of these channels. ValueError for a cursor that no page gave."""
        found, looked = list[tuple[WaitingRow, Delivery]](), 0
        async for position, x in self._all(channels, state, _Position.load(cursor)):
            looked += 1
            if x and x.destination == (destination or x.destination):
                row = _row(position.queue, x, position.score, now)
                if row.state == (state or row.state):
                    found.append((row, x))
            if len(found) == limit or looked == self._looked:
                return WaitingPage(await self._whole(found), position.dump(), looked)
        return WaitingPage(await self._whole(found), "", looked)

    async def named(self, name: str, now: float) -> WaitingRow | None:
        """The delivery of this id, in any state: also dead, or behind another of its lane. None if it is over."""
        x = await self._record(Delivery, name)
        if x is None:
            return None
        queues = [
            FLYING,
            *(due(x.channel, urgency) for urgency in URGENCIES),
            *([parked(x.parked)] if x.parked else []),
        ]
        scores = await self._reader.scores([(queue, name) for queue in queues])
        places = [(queue, score) for queue, score in zip(queues, scores, strict=True) if score is not None]
        if places:
            row = _row(places[0][0], x, places[0][1], now)
        else:
            row = replace(_row("", x, 0, now), state="dead" if x.died else "behind")
        [row] = await self._whole([(row, x)])
        return row

    async def _all(
        self, channels: Sequence[str], state: str, after: _Position | None
    ) -> AsyncIterator[tuple[_Position, Delivery | None]]:
        """One by one, behind that place; None for what has left meanwhile."""
        for queue in await self._queues(channels, state):
            if after and queue < after.queue:
                continue
            same = after if after and queue == after.queue else None
            ids, skip = [("", 0)], 0
            while ids:
                low = same.score if same else None
                [ids] = await self._reader.members([Span(queue, STEP, skip, low)])
                skip += len(ids)
                left = [row for row in ids if same is None or row[::-1] > (same.score, same.id)]
                deliveries = await self._reader.records(Delivery, [name for name, _ in left])
                for (name, score), x in zip(left, deliveries, strict=True):
                    yield _Position(score, name, queue), x if x is None or x.channel in channels else None

    async def _queues(self, channels: Sequence[str], state: str) -> list[str]:
        """Return the indexes that may have deliveries in this state, in one order."""
        queues = [due(channel, urgency) for channel in channels for urgency in URGENCIES]
        if state not in ("", "parked"):
            return [FLYING] if state == "leased" else sorted(queues)
        places = [parked(name) for name in await self._all_members(PARKING) if name.partition(" ")[0] in channels]
        return sorted(places if state else [*queues, FLYING, *places])

    async def _whole(self, found: Sequence[tuple[WaitingRow, Delivery]]) -> list[WaitingRow]:
        """Add what is known of their operations, and how many wait behind them."""
        operations = await self._named(Operation, [*{x.operation for _, x in found}])
        threads = await self._named(Thread, [*{x.lane for _, x in found}])
        sizes = await self._reader.table_sizes([rows(x.name) for _, x in found])
        more = await self._reader.sizes([behind(x.lane, x.queue or MAIN) for _, x in found])
        whole = list[WaitingRow]()
        for (row, x), entries, others in zip(found, sizes, more, strict=True):
            thread, o = threads.get(x.lane), operations.get(x.operation)
            listed = len(thread.queues.get(x.queue or MAIN, ())) if thread else 0
            number = max(0, listed - 1) + others
            whole.append(replace(row, behind=number, entries=entries, **stated_by(o)))
        return whole


def _row(queue: str, x: Delivery, score: int, now: float) -> WaitingRow:
    is_parked = queue.startswith(parked(""))
    early = "retrying" if x.error else "later"
    return WaitingRow(
        id=x.name,
        subject="",
        state="parked" if is_parked else "leased" if queue == FLYING else "due" if score / 1000 <= now else early,
        due=x.due / 1000,
        created=x.created / 1000,
        pause=queue.partition(" ")[2] if is_parked else "",
        behind=0,
        entries=0,
        **{name: getattr(x, name) for name in SAME},
    )
