"""Dead letters: deliveries that are not tried again by themselves, until an operator replays or drops them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from relay.domain.facts import Space
from relay.domain.parsing import dump
from relay.engine.dead_letters import DropDead, ReplayDead
from relay.engine.records import DAY, DEAD, Body, Delivery, Operation, Thread
from relay.policy.notices import Death
from relay.store.queries.bundles import BUNDLE_KINDS, Bundles
from relay.store.queries.paging import Members, Page, Position, Row, page_of
from relay.store.queries.questions import Questions, stated_by
from relay.store.queries.reader import Span

LOOKED = 2000  # dead letters that one page looks at
SAME = ("destination", "channel", "address", "kind", "event", "attempts", "reason", "error")
STEP = 250  # that are read at once
RETENTION = 30 * DAY
EXPIRED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that is not tried again by itself. Replaying it starts its attempts afresh."""

    id: str
    operation: str
    destination: str
    channel: str
    address: str
    kind: str
    event: str
    attempts: int
    reason: str
    error: str
    died_at: datetime
    body: str = ""
    tenant: str = ""  # whose the operation is, where that is stated
    project: str = ""
    platform: str = ""
    title: str = ""  # what people call it
    posted: bool = False  # it edits an existing message, or replies to it
    essential: bool = False  # it goes to readers who have unsubscribed, too


DeadPage = Page[DeadLetter]


class DeadLetters(Questions):
    async def dead(self, *, limit: int = 100) -> list[DeadLetter]:
        """The dead letters, newest first."""
        [died] = await self._reader.members([Span(DEAD, limit, descending=True)])
        return await self._whole(await self._reader.records(Delivery, [name for name, _ in died]))

    async def dead_letter(self, name: str) -> DeadLetter | None:
        letters = await self._whole(await self._reader.records(Delivery, [name]))
        return letters[0] if letters else None

    async def deaths(self, since: float, limit: int) -> list[Death]:
        """The newest that became dead letters since then (seconds since the epoch), up to `limit`."""
        [died] = await self._reader.members([Span(DEAD, limit, low=round(since * 1000), descending=True)])
        letters = await self._reader.records(Delivery, [name for name, _ in died])
        return [
            Death(at / 1000, x.channel, x.destination, x.address, x.event, x.reason)
            for (_, at), x in zip(died, letters, strict=True)
            if x
        ]

    async def with_body(self, dead_letter: DeadLetter) -> DeadLetter:
        """With the body of what it would send if that is a bundle and no event of its own: a digest, or a round-up."""
        if dead_letter.kind not in BUNDLE_KINDS:
            return dead_letter
        bundle = dead_letter.id.partition("-")[0]  # of a rolling message's deliveries each has a number behind it
        return replace(dead_letter, body=dump(await Bundles(self._store).event(bundle)).decode())

    async def replay(self, ids: Sequence[str]) -> int:
        """Put these dead letters back into the queue; how many were. A second call finds none."""
        return int(await self._store.submit(ReplayDead(tuple(ids))))

    async def drop(self, ids: Sequence[str]) -> int:
        return int(await self._store.submit(DropDead(tuple(ids))))

    async def expire_dead(self, now: datetime) -> int:
        """Drop the dead letters of more than 30 days."""
        oldest = round(now.timestamp() * 1000) - RETENTION
        [old] = await self._reader.members([Span(DEAD, EXPIRED_AT_ONCE, high=oldest)])
        return await self.drop([name for name, _ in old]) if old else 0

    async def _whole(self, deliveries: Sequence[Delivery | None]) -> list[DeadLetter]:
        """With their bodies, and all that is known of them."""
        died = [x for x in deliveries if x and x.died]
        operations = await self._named(Operation, [*{x.operation for x in died}])
        threads = await self._named(Thread, [*{x.lane for x in died}])
        bodies = await self._named(Body, [*{x.body for x in died if x.body}])
        return [
            replace(
                _letter(x, operations),
                body=bodies[x.body].text.decode("utf-8", "replace") if x.body in bodies else "",
                posted=x.lane in threads and bool(threads[x.lane].posted),
                essential=x.passes == "2",
            )
            for x in died
        ]


class DeadPages(Questions):
    """The dead letters page by page, newest first: as many as a page may cost, however many there are."""

    async def count(self) -> int:
        [size] = await self._reader.sizes([DEAD])
        return size

    async def page(
        self,
        fits: Callable[[DeadLetter], bool] = lambda _: True,
        *,
        since: float | None = None,
        until: float | None = None,
        cursor: str = "",
        limit: int = 50,
        whole: bool = True,
    ) -> DeadPage:
        """Return the dead letters from `since` on and before `until` (seconds since the epoch) that `fits` takes: a
        function of destination, event, reason and time. Without `whole` nothing is known of their operations. Bodies
        are not there. ValueError for a cursor that no page gave.
        """
        source = Members(self._reader, DEAD, since=since, until=until, behind=Position.load(cursor))
        limit = min(limit, LOOKED)

        async def read(rows: Sequence[Row]) -> list[Delivery | None]:
            died = await self._reader.records(Delivery, [row.position.name for row in rows])
            return [x if x and x.died and fits(_letter(x, {})) else None for x in died]

        page = await page_of(source, read, limit=limit, looked=LOOKED, step=min(STEP, limit))
        operations = await self._named(Operation, [*{x.operation for x in page.rows}]) if whole else {}
        return Page([_letter(x, operations) for x in page.rows], page.cursor, page.looked, page.looked_to)


def _letter(x: Delivery, operations: Mapping[str, Operation]) -> DeadLetter:
    stated = stated_by(operations.get(x.operation))
    return DeadLetter(
        id=x.name,
        operation=stated["subject"],
        title=stated["name"],
        died_at=datetime.fromtimestamp(x.died / 1000, UTC),
        **{name: getattr(x, name) for name in SAME},
        **{name: stated[name] for name in Space._fields},
    )
