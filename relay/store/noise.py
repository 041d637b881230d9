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
PLAIN, HELD = ("matched", "queued", "told", "edits", "repeated"), "held:"  # the first four as Figures has them

_Place = tuple[str, str, int, str]  # d, r or s; whose it is; its index in PLAIN, or -1 and the reason of what was held


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
        places: dict[bytes, _Place] = {}
        counted = list[NoiseDay]()
        for number, *rows in zip(numbers, *parts, strict=True):
            if any(rows):
                counted.append(_day(number, rows, places))
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


def _place(name: bytes) -> _Place:
    whose, _, figure = name.decode("utf-8", "replace").partition("\0")
    held = figure.removeprefix(HELD) if figure.startswith(HELD) else ""
    return whose[:1], whose[1:], PLAIN.index(figure) if figure in PLAIN else -1, held


def _day(number: int, rows: list[dict[bytes, bytes]], places: dict[bytes, _Place]) -> NoiseDay:
    """`places` has where figures of these names belong: they are the same on most days."""
    kinds: dict[str, dict[str, tuple[list[int], dict[str, int]]]] = {"d": {}, "r": {}, "s": {}}
    for row in rows:
        for name, count in row.items():
            belongs = places.get(name)
            if belongs is None:
                belongs = places[name] = _place(name)
            kind, whose, index, reason = belongs
            figures = kinds[kind].get(whose)
            if figures is None:
                figures = kinds[kind][whose] = [0] * len(PLAIN), {}
            if index >= 0:
                figures[0][index] += int(count)
            elif reason:
                figures[1][reason] = figures[1].get(reason, 0) + int(count)
    (unheard, *_), _ = kinds["d"].pop("", ([0], {}))
    of_destinations, of_rules = (
        {name: Figures(plain[0], plain[1], plain[2], plain[3], held) for name, (plain, held) in kinds[kind].items()}
        for kind in ("d", "r")
    )
    repeated = {name: plain[-1] for name, (plain, _) in kinds["s"].items()}
    return NoiseDay(EPOCH + timedelta(days=number), of_destinations, of_rules, unheard, repeated)
