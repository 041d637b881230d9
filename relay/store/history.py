"""The record of what was sent: how each delivery ended, by destination and time, newest first.

A row for each message that people got, or did not get for good; of a message that is kept true the row says when it
was posted, and beside it how often it was edited since. `scripts/include/history.lua` writes the rows, in the step that
ends the delivery: into one stream for each destination in a partition.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from relay.domain.facts import NOWHERE, Space
from relay.store import keys
from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.history_rows import OUTCOMES, Ended, ended, operation_bytes, outcome_bytes
from relay.store.merging import Merged, Position, RawRow
from relay.store.notes import lines_of
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.reading import read_all
from relay.store.records import SEALED
from relay.store.sealing import ANSWER, text_to_show
from relay.store.subjects import facts_of, together
from relay.store.timelines import Timelines

MOST = 200  # rows of a page
FEW = 20  # rows that are looked at for the last that arrived


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Newest first. `cursor` asks for what is older; '' if there is nothing.

    `looked` rows were looked at to find these, and where that was as many as one page may, all since `looked_to`
    (seconds since the epoch): there may be more before it, however few these are.
    """

    rows: Sequence[Ended]
    cursor: str
    looked: int
    looked_to: float | None


class History:
    """Reads the record. Bounded: a page looks at 2,000 rows at most. Every failure is StoreUnavailable."""

    def __init__(self, store: Store, *, partial: bool = False) -> None:
        """`partial`: partitions that are away are left out."""
        self._everywhere = Everywhere(store, partial=partial)
        self._redis = store.redis
        self._timelines = Timelines(self._everywhere, store.spaces)

    async def destinations(self) -> list[str]:
        """Return the destinations that have rows, also those that are configured no more."""
        sets = await self._everywhere.each(lambda key: self._redis.zrange(key(keys.HISTORIES), 0, -1))
        return sorted({name.decode() for names in sets for name in names})

    async def last_delivered(self, destinations: Sequence[str]) -> dict[str, float]:
        """Return the time of the last arrival at each of these (seconds since the epoch), by its newest few rows."""
        start = outcome_bytes("delivered")

        async def ask(partition: Partition) -> list[Any]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for destination in destinations:
                    pipeline.xrevrange(partition.key(f"history:{destination}"), count=FEW)
                return list(await call(pipeline.execute()))

        last: dict[str, float] = {}
        for answers in await self._everywhere.of_each(ask) if destinations else []:
            for destination, rows in zip(destinations, answers, strict=True):
                times = [Position.split(id_)[0] / 1000 for id_, fields in rows if fields[b"r"].startswith(start)]
                if times:
                    last[destination] = max(times[0], last.get(destination, 0.0))
        return last

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
        before = Position.load(cursor) if cursor else None

        async def streams(partition: Partition) -> list[tuple[int, str]]:
            if destination:
                return [(partition.number, destination)]
            names = await call(self._redis.zrange(partition.key(keys.HISTORIES), 0, -1))
            return [(partition.number, name.decode()) for name in names]

        lists = await self._everywhere.of_each(streams)
        every = [stream for some in lists for stream in some]
        merged = Merged(self._everywhere, "history:", every, since=since, until=until, before=before)
        start = outcome_bytes(outcome) if outcome else b""
        rows = await merged.newest(min(limit, MOST), lambda row: row.startswith(start))
        return HistoryPage(
            await self._whole([ended(row) for row in rows]),
            merged.cursor,
            merged.looked,
            merged.looked_to,
        )

    async def of_operation(self, subject: str, space: Space = NOWHERE) -> list[Ended]:
        """Return the messages about an operation or batch, newest first; by the last 200 lines of its log.

        Of one that was over three days ago its log has the last lines alone. AmbiguousId as of `Admin.timeline`.
        """
        _, name = await self._timelines.named(subject, space)
        if not name:
            return []
        searched = operation_bytes(name)

        async def ask(partition: Partition) -> list[RawRow]:
            log = await call(self._redis.lrange(partition.key(f"log:{name}"), 0, -1))
            lines = [line for packed in log for line in lines_of(packed)]
            ends = dict.fromkeys((int(line[0]), str(line[2])) for line in lines if line[1] in OUTCOMES and line[2:])
            async with self._redis.pipeline(transaction=False) as pipeline:
                for at, destination in ends:
                    pipeline.xrange(partition.key(f"history:{destination}"), f"{at}", f"{at}")
                answers = await call(pipeline.execute()) if ends else []
            return [
                RawRow(*Position.split(id_), partition.number, destination, fields[b"r"])
                for (_, destination), rows in zip(ends, answers, strict=True)
                for id_, fields in rows
                if fields[b"r"][2:].startswith(searched)
            ]

        parts = await self._everywhere.of_each(ask)
        rows = sorted((row for part in parts for row in part), key=lambda row: row.order)
        return await self._whole([ended(row) for row in rows])

    async def _whole(self, rows: Sequence[Ended]) -> list[Ended]:
        """Add the facts of their operations, and the edits of live messages."""
        sealer = self._everywhere.sealer
        facts = await facts_of(self._everywhere, {row.operation for row in rows})
        threads = await self._threads({(row.partition, row.lane) for row in rows if row.lane})

        def whole(row: Ended) -> Ended:
            stated = facts.get(row.operation, {})
            posted, edits, sent = threads.get((row.partition, row.lane), (0, 0, 0))
            edits = edits if posted == round(row.at * 1000) else 0  # else they are of a message that came after it
            return replace(
                row,
                detail=text_to_show(sealer, row.detail, ANSWER),
                subject=stated.get("id", ""),
                name=text_to_show(sealer, stated.get("fact:name", ""), SEALED["fact:name"]),
                type=stated.get("fact:type", ""),
                tenant=stated.get("fact:tenant", ""),
                project=stated.get("fact:project", ""),
                platform=stated.get("fact:platform", ""),
                edits=edits,
                edited_at=sent / 1000 if edits else None,
            )

        return [whole(row) for row in rows]

    async def _threads(self, lanes: set[tuple[int, str]]) -> dict[tuple[int, str], tuple[int, int, int]]:
        """Of each live message when it was posted, how often it was edited, and when it was touched last (ms)."""

        async def ask(partition: Partition) -> dict[tuple[int, str], tuple[int, int, int]]:
            here = [lane for lane in lanes if lane[0] == partition.number]
            commands = [("HMGET", partition.key(f"thread:{lane}"), "posted", "edits", "sent") for _, lane in here]
            answers = await read_all(self._redis, partition.key("thread"), commands)
            return {
                lane: (int(posted or 0), int(edits or 0), int(sent or 0))
                for lane, (posted, edits, sent) in zip(here, answers, strict=True)
            }

        return together(await self._everywhere.of_each(ask))
