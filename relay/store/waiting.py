"""Waiting deliveries one by one: due, held by a process, tried again, parked, or of a later time.

There is no order among all of it but that of the queues: a page goes through them one by one, and a cursor goes on
where it ended. Of what waits behind others of the same operation and address, the first alone is in a queue.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from relay.store import keys
from relay.store.client import call
from relay.store.copies import is_name
from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.reading import read_all
from relay.store.records import SEALED
from relay.store.sealing import ANSWER, text_to_show
from relay.store.subjects import facts_of

LOOKED = 1000  # deliveries that one page reads
STEP = 200  # of them at a time
STATES = ("leased", "due", "retrying", "parked", "later")
PARKED = "parked:"
FIELDS = (
    "operation",
    "destination",
    "channel",
    "address",
    "kind",
    "name",
    "lane",
    "attempts",
    "created",
    "due",
    "error",
)

_CURSOR = re.compile(r"(\d{1,3}) (\d{1,15}) ([0-9a-f]{2}[^ ]{0,98}) (.*)", re.DOTALL)


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
    """The delivery at which a page ended: its set and its score."""

    partition: int
    score: int
    id: str
    queue: str

    @classmethod
    def load(cls, cursor: str) -> Self:
        match = _CURSOR.fullmatch(cursor)
        if not match:
            raise ValueError("expected the cursor of an earlier page")
        return cls(int(match[1]), int(match[2]), match[3], match[4])

    def dump(self) -> str:
        return " ".join(map(str, self))


class Waiting:
    """Every failure is StoreUnavailable."""

    def __init__(self, store: Store, *, partial: bool = False, looked: int = LOOKED) -> None:
        """`partial`: partitions that are away are left out. A page reads `looked` deliveries at most."""
        self._everywhere = Everywhere(store, partial=partial)
        self._redis = store.redis
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
        rows, looked, last = list[WaitingRow](), 0, None
        after = _Position.load(cursor) if cursor else None
        async for last, row in self._all(channels, now, state, after, destination):
            looked += 1
            if row and row.state == (state or row.state):
                rows.append(row)
            if len(rows) == limit or looked == self._looked:
                return WaitingPage(await self._named(rows), last.dump(), looked)
        return WaitingPage(await self._named(rows), "", looked)

    async def named(self, name: str, now: float) -> WaitingRow | None:
        """The delivery of this id, in any state: also dead, or behind another of its lane. None if it is over."""
        if not is_name(name):
            return None
        partition = self._everywhere.partitions.of(name)
        channel, died = await call(self._redis.hmget(partition.key(f"delivery:{name}"), "channel", "died"))
        if channel is None:
            return None
        queues = await self._queues(partition, [channel.decode()], "")
        async with self._redis.pipeline(transaction=False) as pipeline:
            for queue in queues:
                pipeline.zscore(partition.key(queue), name)
            scores = await call(pipeline.execute())
        where = [(queue, score) for queue, score in zip(queues, scores, strict=True) if score is not None]
        queue, score = where[0] if where else ("", 0.0)
        [row] = await self._rows(partition, queue, [(name, float(score))], now)
        if row is None:
            return None
        [named] = await self._named([row if where else replace(row, state="dead" if died else "behind")])
        return named

    async def _all(
        self, channels: Sequence[str], now: float, state: str, after: _Position | None, destination: str
    ) -> AsyncIterator[tuple[_Position, WaitingRow | None]]:
        """One by one, behind that place; None for what is for another destination, or has left meanwhile."""
        for partition in self._everywhere.partitions.present:
            if after and partition.number < after.partition:
                continue
            for queue in await self._queues(partition, channels, state):
                same = after is not None and partition.number == after.partition
                if after and same and queue < after.queue:
                    continue
                start = await self._behind(partition, after) if after and same and queue == after.queue else 0
                while ids := await self._ids(partition, queue, start):
                    start += len(ids)
                    rows = await self._rows(partition, queue, ids, now, destination)
                    for (name, score), row in zip(ids, rows, strict=True):
                        yield _Position(partition.number, int(score), name, queue), row

    async def _queues(self, partition: Partition, channels: Sequence[str], state: str) -> list[str]:
        """Return the sets that may have deliveries in this state, in one order."""
        due = [f"due:{channel}{queue}" for channel in channels for queue in ("", *keys.QUEUES)]
        if state not in ("", "parked"):
            return ["leases"] if state == "leased" else sorted(due)
        places = [name.decode() for name in await call(self._redis.zrange(partition.key(keys.PARKING), 0, -1))]
        parked = [f"{PARKED}{name}" for name in places if name.partition(" ")[0] in channels]
        return sorted(parked if state else [*due, "leases", *parked])

    async def _behind(self, partition: Partition, after: _Position) -> int:
        """The rank behind it. Where it has left meanwhile, what has the same score is shown again."""
        key = partition.key(after.queue)
        rank = await call(self._redis.zrank(key, after.id))
        return int(await call(self._redis.zcount(key, "-inf", f"({after.score}"))) if rank is None else int(rank) + 1

    async def _ids(self, partition: Partition, queue: str, start: int) -> list[tuple[str, float]]:
        rows = await call(self._redis.zrange(partition.key(queue), start, start + STEP - 1, withscores=True))
        return [(name.decode(), float(score)) for name, score in rows]

    async def _rows(
        self, partition: Partition, queue: str, ids: Sequence[tuple[str, float]], now: float, destination: str = ""
    ) -> list[WaitingRow | None]:
        """None for what is over, and for what is for another destination than this."""
        here = partition.key(queue)
        read = await read_all(
            self._redis, here, [("HMGET", partition.key(f"delivery:{name}"), *FIELDS) for name, _ in ids]
        )
        deliveries = [
            {name: (value or b"").decode("utf-8", "replace") for name, value in zip(FIELDS, row, strict=True)}
            for row in read
        ]
        lane_rows = [
            index
            for index, delivery in enumerate(deliveries)
            if delivery["destination"] and delivery["destination"] == (destination or delivery["destination"])
        ]
        lanes = [("LLEN", partition.key(f"lane:{deliveries[index]['lane']}")) for index in lane_rows]
        bundles = [("HLEN", partition.key(f"entries:{ids[index][0]}")) for index in lane_rows]
        sizes = await read_all(self._redis, here, [*lanes, *bundles])
        rows: list[WaitingRow | None] = [None] * len(ids)
        for index, behind, entries in zip(lane_rows, sizes[: len(lane_rows)], sizes[len(lane_rows) :], strict=True):
            name, score = ids[index]
            rows[index] = self._row(queue, name, score / 1000, now, deliveries[index], behind, entries)
        return rows

    def _row(  # noqa: PLR0917 - one call
        self, queue: str, name: str, at: float, now: float, delivery: Mapping[str, str], lane: int, entries: int
    ) -> WaitingRow:
        parked = queue.startswith(PARKED)
        early = "retrying" if delivery["error"] else "later"
        state = "parked" if parked else "leased" if queue == "leases" else "due" if at <= now else early
        return WaitingRow(
            id=name,
            operation=delivery["operation"],
            subject="",
            destination=delivery["destination"],
            channel=delivery["channel"],
            address=delivery["address"],
            kind=delivery["kind"],
            event=delivery["name"],
            state=state,
            due=float(delivery["due"] or 0) / 1000,
            created=float(delivery["created"] or 0) / 1000,
            attempts=int(delivery["attempts"] or 0),
            error=text_to_show(self._everywhere.sealer, delivery["error"], ANSWER),
            pause=queue.partition(" ")[2] if parked else "",
            behind=max(0, lane - 1),
            entries=entries,
        )

    async def _named(self, rows: Sequence[WaitingRow]) -> list[WaitingRow]:
        facts = await facts_of(self._everywhere, {row.operation for row in rows})
        return [self._with(row, facts.get(row.operation, {})) for row in rows]

    def _with(self, row: WaitingRow, stated: Mapping[str, str]) -> WaitingRow:
        name = text_to_show(self._everywhere.sealer, stated.get("fact:name", ""), SEALED["fact:name"])
        return replace(
            row,
            subject=stated.get("id", ""),
            name=name,
            tenant=stated.get("fact:tenant", ""),
            project=stated.get("fact:project", ""),
            platform=stated.get("fact:platform", ""),
        )
