"""What each destination and rule lets through, day by day: for who asks which of them is too loud, or says nothing.

Processes count (relay/policy/noise.py) and write once a second or so; what is held only when it is about to be sent,
the scripts count (include/history.lua). A process that dies takes what it counted since its last writing with it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from relay.policy.noise import Noise
from relay.store.client import call, write
from relay.store.everywhere import Everywhere
from relay.store.queue import Store

DAYS = 30
DAY = 86_400
MOST = 5000  # numbers that a process adds to a day in one writing; a configuration has fewer
EPOCH = date(1970, 1, 1)
PLAIN, HELD = ("matched", "queued", "told", "edits"), "held:"

Field = tuple[str, str]  # as of relay.policy.noise


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one destination or rule on one day.

    matched  events that were for it
    queued   addresses that were to hear of one; some of these are held later, and count there as well
    messages new messages that arrived there, and `edits` of such; of rules both are 0
    held     reason (relay/reasons.py, Held) → addresses that did not hear of an event
    """

    matched: int = 0
    queued: int = 0
    messages: int = 0
    edits: int = 0
    held: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoiseDay:
    """One day (UTC). `unheard` are the events that no rule matched; `repeated` those of each source that were dropped
    because they were known."""

    day: date
    destinations: Mapping[str, Figures]
    rules: Mapping[str, Figures]
    unheard: int
    repeated: Mapping[str, int]


class NoiseFigures:
    """Reads and writes them. Every failure is StoreUnavailable."""

    def __init__(self, store: Store, *, partial: bool = False) -> None:
        self._everywhere = Everywhere(store, partial=partial)
        self._partitions = store.partitions
        self._redis = store.redis

    async def days(self, now: float, days: int = DAYS) -> list[NoiseDay]:
        """The newest first, today's among them; a day on which nothing was counted is left out."""
        today = int(now // DAY)
        numbers = range(today, today - min(days, DAYS), -1)
        parts = await self._everywhere.each(lambda key: self._read([key(f"noise:{number}") for number in numbers]))
        named: dict[bytes, Field] = {}
        counted = list[NoiseDay]()
        for number, *rows in zip(numbers, *parts, strict=True):
            if day := _sum(rows, named):
                counted.append(_day(number, day))
                await asyncio.sleep(0)  # each has some milliseconds of figures, and events come meanwhile
        return counted

    async def write(self, noise: Noise, now: float) -> None:
        """What was counted since the last time. StoreUnavailable: it is given back."""
        counts = noise.take()
        if not counts:
            return
        partition = self._partitions.present[0]
        key = partition.key(f"noise:{int(now // DAY)}")
        done = False
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                for (name, figure), count in counts.most_common(MOST):
                    pipeline.hincrby(key, f"{name}\0{figure}", count)
                pipeline.expire(key, (DAYS + 1) * DAY)
                await write(self._redis, pipeline.execute())
            done = True
        finally:
            if not done:
                noise.give_back(counts)

    async def _read(self, names: list[str]) -> list[dict[bytes, bytes]]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.hgetall(name)
            return list(await call(pipeline.execute()))


def _sum(rows: list[dict[bytes, bytes]], named: dict[bytes, Field]) -> dict[Field, int]:
    """`named` has what the names of these figures mean: it is the same on most days."""
    counts: dict[Field, int] = {}
    for row in rows:
        for name, count in row.items():
            field = named.get(name)
            if field is None:
                whose, _, figure = name.decode("utf-8", "replace").partition("\0")
                field = named[name] = whose, figure
            counts[field] = counts.get(field, 0) + int(count)
    return counts


def _day(number: int, counts: Mapping[Field, int]) -> NoiseDay:
    kinds: dict[str, dict[str, dict[str, int]]] = {"d": {}, "r": {}, "s": {}}
    for (whose, figure), count in counts.items():
        of_kind, name = kinds[whose[0]], whose[1:]
        values = of_kind.get(name)
        if values is None:
            values = of_kind[name] = {}
        values[figure] = count
    unheard = kinds["d"].pop("", {})
    return NoiseDay(
        EPOCH + timedelta(days=number),
        {name: _figures(values) for name, values in kinds["d"].items()},
        {name: _figures(values) for name, values in kinds["r"].items()},
        unheard.get("matched", 0),
        {name: values.get("repeated", 0) for name, values in kinds["s"].items()},
    )


def _figures(values: Mapping[str, int]) -> Figures:
    held = {figure[len(HELD) :]: count for figure, count in values.items() if figure.startswith(HELD)}
    matched, queued, messages, edits = [values.get(figure, 0) for figure in PLAIN]
    return Figures(matched, queued, messages, edits, held)
