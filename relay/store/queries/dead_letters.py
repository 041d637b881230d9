"""Dead letters: deliveries that are not tried again by themselves, until an operator replays or drops them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from relay.domain.parsing import dump
from relay.engine.bodies import text_of
from relay.engine.dead_letters import DropDead, ReplayDead
from relay.engine.records import DAY, DEAD, Delivery, Operation, Thread
from relay.policy.notices import Death
from relay.store.queries.bundles import BUNDLE_KINDS, Bundles
from relay.store.queries.paging import Page, Position, Row, members, page_of
from relay.store.queries.questions import OfDelivery, Questions, delivery_of

LOOKED = 2000  # dead letters that one page looks at
STEP = 250  # that are read at once
RETENTION = 30 * DAY
EXPIRED_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter(OfDelivery):
    """A delivery that is not tried again by itself. Replaying it starts its attempts afresh."""

    reason: str
    error: str
    died_at: datetime
    body: str = ""
    posted: bool = False  # it edits an existing message, or replies to it
    essential: bool = False  # it goes to readers who have unsubscribed, too


class DeadLetters(Questions):
    async def dead_ids(self) -> list[str]:
        return [*await self._members(DEAD, descending=True)]

    async def dead_letter(self, name: str) -> DeadLetter | None:
        """Return it with its body, and all that is known of it; None where there is none."""
        x = await self._record(Delivery, name)
        if x is None or not x.died:
            return None
        operation, thread = await self._record(Operation, x.operation), await self._record(Thread, x.lane)
        text = await self._ask(partial(text_of, x=x))
        return replace(
            _letter(x, operation),
            body=text.decode("utf-8", "replace"),
            posted=bool(thread and thread.posted),
            essential=x.passes == "2",
        )

    async def deaths(self, since: float, limit: int) -> list[Death]:
        """The newest that became dead letters since then (seconds since the epoch), up to `limit`."""
        died = await self._members(DEAD, limit, low=round(since * 1000), descending=True)
        letters = (await self._named(Delivery, died)).values()
        return [Death(died[x.name] / 1000, x.channel, x.destination, x.address, x.event, x.reason) for x in letters]

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
        old = await self._members(DEAD, EXPIRED_AT_ONCE, high=round(now.timestamp() * 1000) - RETENTION)
        return await self.drop([*old]) if old else 0


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
    ) -> Page[DeadLetter]:
        """Return the dead letters from `since` on and before `until` (seconds since the epoch) that `fits` takes: a
        function of destination, event, reason and time. Without `whole` nothing is known of their operations. Bodies
        are not there. ValueError for a cursor that no page gave.
        """
        behind, limit = Position.load(cursor), min(limit, LOOKED)
        step = min(STEP, limit)

        async def read(rows: Sequence[Row]) -> list[Delivery | None]:
            died = await self._reader.records(Delivery, [row.position.name for row in rows])
            return [x if x and x.died and fits(_letter(x)) else None for x in died]

        source = members(self._reader, DEAD, step, since=since, until=until, behind=behind)
        page = await page_of(source, read, limit=limit, looked=LOOKED, step=step)
        operations = await self._named(Operation, (x.operation for x in page.rows)) if whole else {}
        letters = [_letter(x, operations.get(x.operation)) for x in page.rows]
        return Page(letters, page.cursor, page.looked, page.looked_to)


def _letter(x: Delivery, o: Operation | None = None) -> DeadLetter:
    died_at = datetime.fromtimestamp(x.died / 1000, UTC)
    return DeadLetter(**delivery_of(x, o), reason=x.reason, error=x.error, died_at=died_at)
