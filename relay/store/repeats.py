"""Events that were dropped because they were known: how often, beside what is known of their operation.

A process counts them (relay/domain/repeats.py) and writes once a second or so; what it counted since then goes with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from relay.domain.repeats import Repeats
from relay.domain.spaces import NOWHERE, Space
from relay.store import keys
from relay.store.client import call, write
from relay.store.everywhere import Everywhere
from relay.store.noise import DAY, DAYS
from relay.store.queue import Store
from relay.store.timelines import Timelines

STEP = 500  # of them in one script
MARK = b"again:"  # begins their fields in an operation's record


@dataclass(frozen=True, slots=True)
class Repeat:
    """Events of this name, from this source, were dropped so often, the last of them then (seconds since the epoch)."""

    event: str
    source: str
    count: int
    last: float


class RepeatFigures:
    """Reads and writes them. Every failure is StoreUnavailable."""

    def __init__(self, store: Store, *, partial: bool = False) -> None:
        self._everywhere = Everywhere(store, partial=partial)
        self._timelines = Timelines(self._everywhere, store.spaces)
        self._partitions = store.partitions
        self._redis = store.redis

    async def of_operation(self, subject: str, space: Space = NOWHERE) -> list[Repeat]:
        """Of an operation or batch, until three days after its end; the newest first. AmbiguousId as of `timeline`."""
        _, name = await self._timelines.named(subject, space)
        if not name:
            return []
        row = await call(self._redis.hgetall(self._partitions.of(name).key(f"operation:{name}")))
        repeats = [_repeat(field, value) for field, value in row.items() if field.startswith(MARK)]
        return sorted(repeats, key=lambda repeat: -repeat.last)

    async def write(self, repeats: Repeats, now: float) -> None:
        """What was counted since the last time. StoreUnavailable: that is lost."""
        operations, sources = repeats.take()
        rows = sorted(
            (keys.operation(subject, space), f"{event} {source}", times.count)
            for (subject, space, event, source), times in operations.items()
        )
        for number, of_one in groupby(
            sorted(rows, key=lambda row: self._partitions.of(row[0]).number),
            key=lambda row: self._partitions.of(row[0]).number,
        ):
            await self._write(number, [value for row in of_one for value in row])
        if sources:
            partition = self._partitions.present[0]
            key = partition.key(f"noise:{int(now // DAY)}")
            async with self._redis.pipeline(transaction=True) as pipeline:
                for source, count in sources.items():
                    pipeline.hincrby(key, f"s{source}\0repeated", count)
                pipeline.expire(key, (DAYS + 1) * DAY)
                await write(self._redis, pipeline.execute())

    async def _write(self, number: int, values: Sequence[str | int]) -> None:
        for first in range(0, len(values), 3 * STEP):
            await self._partitions[number].run("repeats", values[first : first + 3 * STEP], quiet=True)


def _repeat(field: bytes, value: bytes) -> Repeat:
    event, _, source = field[len(MARK) :].decode("utf-8", "replace").rpartition(" ")
    count, _, last = value.partition(b" ")
    return Repeat(event, source, int(count), int(last or 0) / 1000)
