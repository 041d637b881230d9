"""History of what was sent: how each delivery ended, by destination and time, newest first (engine/ledger.py)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pydantic_core import from_json

from relay.domain.facts import NOWHERE, Space
from relay.engine.ledger import STORY
from relay.engine.records import HISTORIES, Operation, Thread, history, story
from relay.store.queries.paging import Page, Position, Row, lines, page_of
from relay.store.queries.questions import OfDelivery, Questions, stated_by
from relay.store.queries.reader import Line, Stretch, documents, readable

PAGE_LIMIT = 200  # rows of a page
LOOKED = 2000  # rows that one page looks at
STEP = 250  # of them at a time, where most do not fit
FEW = 20  # rows that are looked at for the last that arrived
OUTCOMES = ("delivered", "dead", "superseded", "dropped", "held")
BEFORE, BEHIND = 1000, 30_000  # ms around a line of the story, in which Redis wrote the row of the same step
NEAR = 500  # rows of these ms that are looked at
VALUES = ("outcome", "operation", "id", "channel", "address", "kind", "event", "attempts", "took", "reason", "detail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(OfDelivery):
    """A delivery that ended.

    id         by which a dead letter is found
    outcome    delivered, dead, superseded, dropped or held; `reason` is its code (relay/reasons.py), '' if none
    detail     a permalink, or the mail server's answer; of a dead letter the error
    attempts   that it took
    at         when it ended, `took`: seconds since it was made, or due by the calendar
    edits      of a live message: how often it was edited since, and when last
    """

    outcome: str
    reason: str
    detail: str
    at: float
    took: float
    lane: str = ""
    edits: int = 0
    edited_at: float | None = None


class History(Questions):
    """Bounded: a page looks at 2,000 rows at most."""

    async def destinations(self) -> list[str]:
        """Return the destinations that have rows, also those that are configured no more."""
        return sorted(await self._members(HISTORIES))

    async def last_delivered(self, destinations: Sequence[str]) -> dict[str, float]:
        """Return the time of the last arrival at each of these (seconds since the epoch), by its newest few rows."""
        rows = await self._reader.lines([Stretch(history(name), FEW) for name in destinations])
        arrived = [[line.ms / 1000 for line in lines if _has(line.content, "delivered")] for lines in rows]
        return {name: times[0] for name, times in zip(destinations, arrived, strict=True) if times}

    async def page(
        self,
        *,
        destination: str = "",
        outcome: str = "",
        since: float | None = None,
        until: float | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> Page[Ended]:
        """Return the deliveries that ended from `since` on and before `until` (seconds since the epoch).

        ValueError for a cursor that no page gave.
        """
        behind, limit = Position.load(cursor), min(limit, PAGE_LIMIT)
        names, step = [destination] if destination else await self.destinations(), STEP if outcome else limit

        def ended(row: Row) -> Ended | None:
            place, content = row.position, row.content
            return _ended(place.name, place.ms, content) if _has(content, outcome) else None

        async def read(rows: Sequence[Row]) -> list[Ended | None]:
            return [readable(history(row.position.name), ended, row) for row in rows]

        source = lines(self._reader.lines, history(""), names, step, since=since, until=until, behind=behind)
        page = await page_of(source, read, limit=limit, looked=LOOKED, step=step)
        return replace(page, rows=await self._whole(page.rows))

    async def of_operation(self, subject: str, space: Space = NOWHERE) -> list[Ended]:
        """Return the messages about an operation or batch, newest first; by the last 200 lines of its story."""
        _, name = await self._name_of(subject, space)
        if not name:
            return []
        [story_lines] = await self._reader.logs([story(name)], STORY)
        steps = documents(story(name), story_lines)
        ends = {(at, values[0]) for at, what, *values in steps if what in OUTCOMES and values}
        near = [Stretch(history(to), NEAR, at - BEFORE, (at + BEHIND, 0)) for at, to in ends]
        rows: dict[tuple[str, Line], Ended] = {}
        for (_, to), found in zip(ends, await self._reader.lines(near), strict=True):
            for line in found:
                row = readable(history(to), partial(_ended, to, line.ms), line.content)
                if row and row.operation == name:
                    rows[to, line] = row
        newest_first = sorted(rows, key=lambda row: (-row[1].ms, -row[1].number, row[0]))
        return await self._whole([rows[row] for row in newest_first])

    async def _whole(self, rows: Sequence[Ended]) -> list[Ended]:
        """Add the facts of their operations, and the edits of live messages."""
        operations = await self._named(Operation, (row.operation for row in rows))
        threads = await self._named(Thread, (row.lane for row in rows if row.lane))
        return [_with(row, operations.get(row.operation), threads.get(row.lane)) for row in rows]


def _has(content: bytes, outcome: str) -> bool:
    return not outcome or content.startswith(b'["%s",' % outcome.encode("utf-8", "replace"))


def _ended(destination: str, ms: int, content: bytes) -> Ended:
    """Read a row; what is known of its operation is not in it."""
    values = from_json(content)
    row: dict[str, Any] = dict(zip(VALUES, values, strict=False))
    row["took"] /= 1000
    lane, at, *_ = values[len(VALUES) :] or ("", ms)
    return Ended(**row, destination=destination, at=at / 1000, lane=lane)


def _with(row: Ended, o: Operation | None, thread: Thread | None) -> Ended:
    row = replace(row, **stated_by(o))
    if thread and thread.edits and thread.posted == round(row.at * 1000):  # else they are of a message that came after
        row = replace(row, edits=thread.edits, edited_at=thread.touched / 1000)
    return row
