"""What was refused at the door: for each source and reason how often on a day, and the newest few.

Each process writes once a second what it has collected (relay/receiving/refusals.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from relay.receiving.refusals import Refusals as Collected
from relay.receiving.refusals import Tally
from relay.store import keys
from relay.store.client import call, write

ROWS = 500  # about; of each source and reason
DAYS = 14
DAY = 86_400
LONGEST = 100  # characters of a peer


@dataclass(frozen=True, slots=True)
class Refused:
    """How often a source was refused for a reason, on the days that were asked for; '' is what no source is.

    `first` and `last` are seconds since the epoch; `peer` is whom the newest kept row names.
    """

    source: str
    reason: str
    count: int
    first: float
    last: float
    peer: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """One of them. `quarantined`: the id of its body, where it was genuine and kept."""

    at: float
    peer: str
    quarantined: str


class Refusals:
    """Reads and writes them. Every failure is StoreUnavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def totals(self, now: float, days: int = 7) -> list[Refused]:
        """Of the last days (UTC), today among them; the one that was refused last comes first."""
        today = int(now // DAY)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for day in range(today - min(days, DAYS) + 1, today + 1):
                pipeline.hgetall(_day_key(day))
            rows = await call(pipeline.execute())
        sums: dict[tuple[str, str], Refused] = {}
        for row in rows:
            for key, values in _by_reason(row).items():
                was = sums.get(key)
                first = float(values.get("first", 0)) / 1000
                sums[key] = Refused(
                    *key,
                    count=int(values.get("count", 0)) + (was.count if was else 0),
                    first=min(first, was.first) if was else first,
                    last=float(values.get("last", 0)) / 1000,
                    peer=values.get("peer", "") or (was.peer if was else ""),
                )
        return sorted(sums.values(), key=lambda refused: -refused.last)

    async def recent(self, source: str, reason: str, most: int = 50) -> list[Refusal]:
        """The newest first."""
        rows = await call(self._redis.xrevrange(_rows_key(source, reason), count=min(most, ROWS)))
        texts = [{name.decode(): value.decode("utf-8", "replace") for name, value in row.items()} for _, row in rows]
        return [Refusal(int(row["at"]) / 1000, row["peer"], row.get("q", "")) for row in texts]

    async def write(self, collected: Collected) -> None:
        """What has come since the last time. StoreUnavailable: what was not written is collected again."""
        tallies = collected.take()
        try:
            while tallies:
                (source, reason), tally = next(iter(tallies.items()))
                await self._add(source, reason, tally)
                del tallies[source, reason]
        finally:
            collected.give_back(tallies)

    async def _add(self, source: str, reason: str, tally: Tally) -> None:
        key, rows = _day_key(int(tally.last // DAY)), _rows_key(source, reason)
        field = f"{source}\0{reason}\0"
        newest: dict[Any, Any] = {f"{field}last": int(tally.last * 1000)}
        if tally.samples:
            newest[f"{field}peer"] = tally.samples[-1].peer[:LONGEST]
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hincrby(key, f"{field}count", tally.count)
            pipeline.hsetnx(key, f"{field}first", f"{int(tally.first * 1000)}")
            pipeline.hset(key, mapping=newest)
            pipeline.expire(key, (DAYS + 1) * DAY)
            for sample in tally.samples:
                row: dict[Any, Any] = {"at": int(sample.at * 1000), "peer": sample.peer[:LONGEST]}
                kept = {"q": sample.quarantined} if sample.quarantined else {}
                pipeline.xadd(rows, row | kept, maxlen=ROWS, approximate=True)
            if tally.samples:
                pipeline.expire(rows, (DAYS + 1) * DAY)
            await write(self._redis, pipeline.execute())


def _by_reason(row: Mapping[bytes, bytes]) -> dict[tuple[str, str], dict[str, str]]:
    """The values of a day, by source and reason."""
    values: dict[tuple[str, str], dict[str, str]] = {}
    for name, value in row.items():
        source, reason, figure = name.decode().split("\0")
        values.setdefault((source, reason), {})[figure] = value.decode("utf-8", "replace")
    return values


def _day_key(day: int) -> str:
    return f"{keys.PREFIX}refused:{day}"


def _rows_key(source: str, reason: str) -> str:
    return f"{keys.PREFIX}refusals:{source} {reason}"
