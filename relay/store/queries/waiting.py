"""Waiting deliveries one by one: due, handed out, tried again, parked, or of a later time.

There is no order among all of it but that of the queues: a page goes through them one by one, and a cursor goes on
where it ended. Of what waits behind others of the same operation and address, the first alone is in a queue.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

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
from relay.store.queries.paging import Members, Page, Position, Row, page_of
from relay.store.queries.questions import Access, Questions, stated_by
from relay.store.queries.reader import Reader, Span
from relay.store.queries.spaces import Spaces

LOOKED = 1000  # deliveries that one page reads
STEP = 200  # of them at a time
STATES = ("leased", "due", "retrying", "parked", "later")
SAME = ("operation", "destination", "channel", "address", "kind", "event", "attempts", "error")

LANE_LIMIT = 100  # deliveries that are named of one queue of a lane

Place = tuple[str, str, str]  # the home of what is sent there, destination, address


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A delivery that waits. Times are seconds since the epoch.

    state    leased: a process has it; due: it is its turn; retrying: an attempt failed (`error`), and `due` is the
             next; parked: `pause` is what it waits for (a scope such as destination:room/#room); later: it is not
             time yet, as with a bundle name_space window is open. By its id alone also those are found that are behind:
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


WaitingPage = Page[WaitingRow]


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

        async def read(places: Sequence[Row]) -> list[tuple[WaitingRow, Delivery] | None]:
            names = [place.position.name.partition(" ")[0] for place in places]
            found = zip(places, await self._reader.records(Delivery, names), strict=True)
            waiting = [(_row(place.position, x, now), x) if x else None for place, x in found]
            return [row if row and fits(*row) else None for row in waiting]

        def fits(row: WaitingRow, x: Delivery) -> bool:
            return row.state == (state or row.state) and x.destination == (destination or x.destination)

        source = _Queues(self._reader, await self._queues(channels, state), Position.load(cursor))
        step = STEP if state or destination else limit
        page = await page_of(source, read, limit=limit, looked=self._looked, step=step)
        return Page(await self._whole(page.rows), page.cursor, page.looked, None)

    async def named(self, name: str, now: float) -> WaitingRow | None:
        """The delivery of this id, in any state: also dead, or behind another of its lane. None if it is over."""
        x = await self._record(Delivery, name)
        if x is None:
            return None
        queues = [FLYING, *(due(x.channel, urgency) for urgency in URGENCIES), parked(x.parked)]
        scores = zip(queues, await self._reader.scores([(queue, name) for queue in queues]), strict=True)
        places = [Position(score, 0, f"{name} {queue}") for queue, score in scores if score is not None]
        row = _row(places[0], x, now) if places else replace(_row(Position(0, 0, name), x, now), state="behind")
        [row] = await self._whole([(replace(row, state="dead") if x.died else row, x)])
        return row

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


class _Queues:
    """Members of several indexes, one index after another. A row's name is the member's, and behind it its index."""

    def __init__(self, reader: Reader, indexes: Sequence[str], behind: Position | None) -> None:
        member, _, index = behind.name.partition(" ") if behind else ("", "", "")
        place = behind and Position(behind.ms, 0, member)
        self._left = [
            (name, Members(reader, name, behind=place if name == index else None, descending=False))
            for name in indexes
            if name >= index
        ]

    @property
    def more(self) -> bool:
        return bool(self._left)

    async def take(self, count: int) -> list[Row]:
        rows = list[Row]()
        while len(rows) < count and self._left:
            index, members = self._left[0]
            taken = await members.take(count - len(rows))
            rows += [Row(Position(*position[:2], f"{position.name} {index}")) for position, _ in taken]
            if not members.more:
                del self._left[0]
        return rows


def _row(place: Position, x: Delivery, now: float) -> WaitingRow:
    queue = place.name.partition(" ")[2]
    is_parked = queue.startswith(parked(""))
    early = "retrying" if x.error else "later"
    return WaitingRow(
        id=x.name,
        subject="",
        state="parked" if is_parked else "leased" if queue == FLYING else "due" if place.ms / 1000 <= now else early,
        due=x.due / 1000,
        created=x.created / 1000,
        pause=queue.partition(" ")[2] if is_parked else "",
        behind=0,
        entries=0,
        **{name: getattr(x, name) for name in SAME},
    )


class Lanes(Questions):
    async def waiting(self, subject: str, space: Space, places: Collection[Place]) -> dict[str, list[str]]:
        """The ids of its deliveries that wait, by destination, in their order; AmbiguousId as of `Admin.timeline`.

        Of a place name_space home is not known each that it may have is named: where there is none, nothing waits.
        """
        subject, name_space = await Spaces(self._store).meant(subject, space)
        if name_space is None:
            return {}
        lanes = {names.lane(home, subject, name, at, name_space): name for home, name, at in sorted({*places})}
        threads = await self._named(Thread, [*lanes])
        queues = [(lane, queue) for lane in threads for queue in (MAIN, REPLIES, HELD)]
        others = await self._reader.members([Span(behind(*queue), LANE_LIMIT) for queue in queues])
        waits: dict[str, list[str]] = {}
        for (lane, queue), more in zip(queues, others, strict=True):
            if ids := [*threads[lane].queues.get(queue, ()), *(id_ for id_, _ in more)]:
                waits.setdefault(lanes[lane], []).extend(ids[:LANE_LIMIT])
        return waits
