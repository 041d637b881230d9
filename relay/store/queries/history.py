"""History of what was sent: how each delivery ended, by destination and time, newest first (engine/ledger.py)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import from_json

from relay.domain.facts import NOWHERE, Space
from relay.engine.ledger import STORY
from relay.engine.records import HISTORIES, Operation, Thread, history, story
from relay.store.queries.paging import Lines, Page, Position, Row, page_of
from relay.store.queries.questions import Questions, stated_by
from relay.store.queries.reader import Line, Stretch
from relay.store.queries.spaces import Spaces

PAGE_LIMIT = 200  # rows of a page
LOOKED = 2000  # rows that one page looks at
STEP = 250  # of them at a time, where most do not fit
FEW = 20  # rows that are looked at for the last that arrived
OUTCOMES = ("delivered", "dead", "superseded", "dropped", "held")
BEFORE, BEHIND = 1000, 30_000  # ms around a line of the story, in which Redis wrote the row of the same step
NEAR = 500  # rows of these ms that are looked at
VALUES = ("outcome", "operation", "id", "channel", "address", "kind", "event", "attempts", "took", "reason", "detail")

HistoryPage = Page["Ended"]


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
    lane: str = ""
    subject: str = ""
    name: str = ""
    type: str = ""
    tenant: str = ""
    project: str = ""
    platform: str = ""
    edits: int = 0
    edited_at: float | None = None


class History(Questions):
    """Bounded: a page looks at 2,000 rows at most."""

    async def destinations(self) -> list[str]:
        """Return the destinations that have rows, also those that are configured no more."""
        return sorted(await self._all_members(HISTORIES))

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
    ) -> HistoryPage:
        """Return the deliveries that ended from `since` on and before `until` (seconds since the epoch).

        ValueError for a cursor that no page gave.
        """
        behind = Position.load(cursor)
        names = [destination] if destination else await self.destinations()
        source = Lines(self._reader, history(""), names, since=since, until=until, behind=behind)
        limit = min(limit, PAGE_LIMIT)

        async def read(rows: Sequence[Row]) -> list[Ended | None]:
            return [
                _ended(row.position.name, row.position.ms, row.content) if _has(row.content, outcome) else None
                for row in rows
            ]

        page = await page_of(source, read, limit=limit, looked=LOOKED, step=STEP if outcome else limit)
        return replace(page, rows=await self._whole(page.rows))

    async def of_operation(self, subject: str, space: Space = NOWHERE) -> list[Ended]:
        """Return the messages about an operation or batch, newest first; by the last 200 lines of its story.

        AmbiguousId as of `Admin.timeline`.
        """
        _, name = await Spaces(self._store).named(subject, space)
        if not name:
            return []
        [lines] = await self._reader.logs([story(name)], STORY)
        ends = {(at, values[0]) for at, what, *values in map(from_json, lines) if what in OUTCOMES and values}
        near = [Stretch(history(to), NEAR, at - BEFORE, (at + BEHIND, 0)) for at, to in ends]
        rows: dict[tuple[str, Line], Ended] = {}
        for (_, to), found in zip(ends, await self._reader.lines(near), strict=True):
            rows |= {(to, line): row for line in found if (row := _ended(to, line.ms, line.content)).operation == name}
        newest_first = sorted(rows, key=lambda row: (-row[1].ms, -row[1].number, row[0]))
        return await self._whole([rows[row] for row in newest_first])

    async def _whole(self, rows: Sequence[Ended]) -> list[Ended]:
        """Add the facts of their operations, and the edits of live messages."""
        operations = await self._named(Operation, [*{row.operation for row in rows}])
        threads = await self._named(Thread, [*{row.lane for row in rows if row.lane}])
        return [_with(row, operations.get(row.operation), threads.get(row.lane)) for row in rows]


def _has(content: bytes, outcome: str) -> bool:
    return not outcome or content.startswith(b'["%s",' % outcome.encode("utf-8", "replace"))


def _ended(destination: str, ms: int, content: bytes) -> Ended:
    """Read a row; what is known of its operation is not in it."""
    values = from_json(content)
    row: dict[str, Any] = dict(zip(VALUES, values, strict=False))
    row["took"] /= 1000
    lane, at, *_ = values[len(VALUES) :] or ("", ms)
    return Ended(**row, destination=destination, at=at / 1000, lane=lane, copy=lane or row["id"])


def _with(row: Ended, o: Operation | None, thread: Thread | None) -> Ended:
    row = replace(row, type=o.facts.get("type", "") if o else "", **stated_by(o))
    if thread and thread.edits and thread.posted == round(row.at * 1000):  # else they are of a message that came after
        row = replace(row, edits=thread.edits, edited_at=thread.touched / 1000)
    return row
