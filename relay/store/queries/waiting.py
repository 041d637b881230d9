"""Waiting deliveries one by one: due, handed out, tried again, parked, or of a later time.

There is no order among all of it but that of the queues: a page goes through them one by one, and a cursor goes on
where it ended. Of what waits behind others of the same operation and address, the first alone is in a queue.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from relay.domain.facts import Space
from relay.engine import names
from relay.engine.lanes import URGENCIES
from relay.engine.records import (
    FLYING,
    HELD,
    MAIN,
    PARKING,
    REPLIES,
    Delivery,
    Operation,
    Thread,
    behind,
    due,
    parked,
    rows,
)
from relay.store.queries.paging import Page, Position, Row, members, page_of
from relay.store.queries.questions import OfDelivery, Questions, delivery_of
from relay.store.queries.reader import Span

LOOKED = 1000  # deliveries that one page reads
STEP = 200  # of them at a time
STATES = ("leased", "due", "retrying", "parked", "later")
LANE_LIMIT = 100  # deliveries that are named of one queue of a lane

Place = tuple[str, str, str]  # the home of what is sent there, destination, address
Found = tuple[Delivery, str, int]  # the index that has it, and its time there (ms); '' where none has


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRow(OfDelivery):
    """A delivery that waits.

    state    leased: a process has it; due: it is its turn; retrying: an attempt failed (`error`), and `due` is the
             next; parked: `pause` is what it waits for (a scope such as destination:room/#room); later: it is not
             time yet, as with a bundle whose window is open. By its id alone also those are found that are behind:
             another of their lane comes first, and dead
    behind   how many others of its operation wait there behind it; `entries`: of a bundle, its present size
    """

    state: str
    due: float
    created: float
    error: str
    pause: str
    behind: int
    entries: int


class Waiting(Questions):
    async def page(
        self,
        channels: Sequence[str],
        now: float,
        *,
        state: str = "",
        destination: str = "",
        cursor: str = "",
        limit: int = 50,
    ) -> Page[WaitingRow]:
        """Of these channels. ValueError for a cursor that no page gave."""
        step = STEP if state or destination else limit

        async def read(places: Sequence[Row]) -> list[Found | None]:
            named = [place.position.name.partition(" ") for place in places]
            found = await self._reader.records(Delivery, [name for name, _, _ in named])
            waiting = [
                (x, queue, place.position.ms) if x else None
                for x, (_, _, queue), place in zip(found, named, places, strict=True)
            ]
            return [row if row and fits(*row) else None for row in waiting]

        def fits(x: Delivery, queue: str, ms: int) -> bool:
            return state in ("", _state(x, queue, ms, now)) and destination in ("", x.destination)

        source = self._places(await self._queues(channels, state), Position.load(cursor), step)
        page = await page_of(source, read, limit=limit, looked=LOOKED, step=step)
        return Page(await self._whole(page.rows, now), page.cursor, page.looked, None)

    async def named(self, ids: Sequence[str], now: float) -> list[WaitingRow]:
        """The deliveries of these ids, in any state: also dead, or behind another of their lane; not what is over."""
        found = await self._named(Delivery, ids)
        places = [
            (queue, x.name)
            for x in found.values()
            for queue in (parked(x.parked), *(due(x.channel, urgency) for urgency in URGENCIES), FLYING)
        ]
        scores = zip(places, await self._reader.scores(places), strict=True)
        held = {name: (queue, score) for (queue, name), score in scores if score is not None}
        return await self._whole([(x, *held.get(x.name, ("", 0))) for x in found.values()], now)

    async def of_operation(self, subject: str, space: Space, places: Collection[Place]) -> dict[str, list[str]]:
        """The ids of its deliveries that wait, by destination, in their order.

        Of a place whose home is not known each that it may have is named: where there is none, nothing waits.
        """
        subject, name_space = await self._meant(subject, space)
        if name_space is None:
            return {}
        lanes = {names.lane(home, subject, name, at, name_space): name for home, name, at in sorted({*places})}
        threads = await self._named(Thread, lanes)
        queues = [(lane, queue) for lane in threads for queue in (MAIN, REPLIES, HELD)]
        others = await self._reader.members([Span(behind(*queue), LANE_LIMIT) for queue in queues])
        waits: dict[str, list[str]] = {}
        for (lane, queue), more in zip(queues, others, strict=True):
            if ids := [*threads[lane].queues.get(queue, ()), *(id_ for id_, _ in more)]:
                waits.setdefault(lanes[lane], []).extend(ids[:LANE_LIMIT])
        return waits

    async def _queues(self, channels: Sequence[str], state: str) -> list[str]:
        """Return the indexes that may have deliveries in this state, in one order."""
        queues = [due(channel, urgency) for channel in channels for urgency in URGENCIES]
        if state not in ("", "parked"):
            return [FLYING] if state == "leased" else sorted(queues)
        places = [parked(name) for name in await self._members(PARKING) if name.partition(" ")[0] in channels]
        return sorted(places if state else [*queues, FLYING, *places])

    async def _places(self, queues: Sequence[str], after: Position | None, step: int) -> AsyncIterator[Row]:
        """Yield members of one index after another. A row's name is the member's, and behind it its index."""
        member, _, index = after.name.partition(" ") if after else ("", "", "")
        for queue in queues:
            if queue >= index:
                begin = Position(after.ms, 0, member) if after and queue == index else None
                async for (ms, _, name), _ in members(self._reader, queue, step, behind=begin, descending=False):
                    yield Row(Position(ms, 0, f"{name} {queue}"))

    async def _whole(self, found: Sequence[Found], now: float) -> list[WaitingRow]:
        """Add what is known of their operations, and how many wait behind them."""
        operations = await self._named(Operation, (x.operation for x, *_ in found))
        threads = await self._named(Thread, (x.lane for x, *_ in found))
        sizes = await self._reader.table_sizes([rows(x.name) for x, *_ in found])
        more = await self._reader.sizes([behind(x.lane, x.queue or MAIN) for x, *_ in found])
        whole = list[WaitingRow]()
        for (x, queue, ms), entries, others in zip(found, sizes, more, strict=True):
            thread = threads.get(x.lane)
            listed = len(thread.queues.get(x.queue or MAIN, ())) if thread else 0
            whole.append(
                WaitingRow(
                    **delivery_of(x, operations.get(x.operation)),
                    state=_state(x, queue, ms, now),
                    due=x.due / 1000,
                    created=x.created / 1000,
                    error=x.error,
                    pause=queue.partition(" ")[2] if queue.startswith(parked("")) else "",
                    behind=max(0, listed - 1) + others,
                    entries=entries,
                )
            )
        return whole


def _state(x: Delivery, queue: str, ms: int, now: float) -> str:
    if not queue or x.died:
        return "dead" if x.died else "behind"
    if queue == FLYING or queue.startswith(parked("")):
        return "leased" if queue == FLYING else "parked"
    return "due" if ms / 1000 <= now else "retrying" if x.error else "later"
