"""Figures of waiting deliveries: in the queues, behind a pause, or of a channel that is configured no more."""

from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any

from relay.store import keys
from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition

SCHEDULED = 1000  # deliveries of a later time that are looked at, of each channel in a partition
STEP, STEPS = 100, 100  # deliveries given up in one step, and steps in one go


class Backlog:
    """`Admin` says what each of these does. Every failure is StoreUnavailable."""

    def __init__(self, everywhere: Everywhere) -> None:
        self._everywhere = everywhere
        self._redis = everywhere.redis

    async def queued(self, channels: Sequence[str]) -> dict[str, int]:
        if not channels:
            return {}

        async def count(partition: Partition) -> list[int]:
            parking = await call(self._redis.zrange(partition.key(keys.PARKING), 0, -1))
            scopes = [name.decode() for name in parking]
            sets = [
                [f"due:{channel}{queue}" for queue in ("", *keys.QUEUES)]
                + [f"parked:{scope}" for scope in scopes if scope.startswith(f"{channel} ")]
                for channel in channels
            ]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for name in chain(*sets):
                    pipeline.zcard(partition.key(name))
                sizes = iter(await call(pipeline.execute()))
            return [sum(int(next(sizes)) for _ in names) for names in sets]

        counts = await self._everywhere.of_each(count)
        return dict(zip(channels, map(sum, zip(*counts, strict=True)), strict=True))

    async def waiting(self, channels: Sequence[str], now: float) -> dict[str, int]:

        async def scheduled(partition: Partition) -> list[int]:
            """Count the digests and round-ups whose time is still to come, which are in the least urgent queue."""
            async with self._redis.pipeline(transaction=False) as pipeline:
                for channel in channels:
                    pipeline.zrangebyscore(partition.key(f"due:{channel}"), now * 1000, "+inf", 0, SCHEDULED)
                later = await call(pipeline.execute())
                for name in chain(*later):
                    pipeline.hget(partition.key(f"delivery:{name.decode()}"), "kind")
                kinds = iter(await call(pipeline.execute()))
            return [sum(next(kinds) in (b"digest", b"roundup") for _ in names) for names in later]

        queued = await self.queued(channels)
        counts = await self._everywhere.of_each(scheduled) if channels else []
        of_calendar = dict(zip(channels, map(sum, zip(*counts, strict=True)), strict=True)) if counts else {}
        return {channel: max(0, count - of_calendar.get(channel, 0)) for channel, count in queued.items()}

    async def paused(self, scopes: Sequence[str]) -> dict[str, tuple[float, str]]:

        async def ask(partition: Partition) -> list[Any]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for scope in scopes:
                    pipeline.hmget(partition.key(f"pause:{scope}"), "since", "reason")
                return list(await call(pipeline.execute()))

        paused: dict[str, tuple[float, str]] = {}
        for answers in await self._everywhere.of_each(ask) if scopes else []:
            for scope, (since, reason) in zip(scopes, answers, strict=True):
                if reason is not None:  # until something arrives there, it is paused or being probed
                    since_when = float(since or 0) / 1000
                    if scope not in paused or since_when < paused[scope][0]:
                        paused[scope] = since_when, reason.decode("utf-8", "replace")
        return paused

    async def parked(self, channels: Sequence[str], scopes: Sequence[str]) -> dict[str, int]:
        places = [(scope, f"parked:{channel} {scope}") for scope in scopes for channel in channels]

        async def count(partition: Partition) -> list[int]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for _, name in places:
                    pipeline.zcard(partition.key(name))
                return list(await call(pipeline.execute()))

        parked: dict[str, int] = {}
        for sizes in await self._everywhere.of_each(count) if places else []:
            for (scope, _), size in zip(places, sizes, strict=True):
                parked[scope] = parked.get(scope, 0) + int(size)
        return parked

    async def oldest_due(self, channels: Sequence[str]) -> dict[str, float]:
        queues = [(channel, f"due:{channel}{queue}") for channel in channels for queue in ("", *keys.QUEUES)]

        async def ask(partition: Partition) -> list[Any]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for _, name in queues:
                    pipeline.zrange(partition.key(name), 0, 0, withscores=True)
                return list(await call(pipeline.execute()))

        oldest: dict[str, float] = {}
        for answers in await self._everywhere.of_each(ask) if channels else []:
            for (channel, _), rows in zip(queues, answers, strict=True):
                if rows:
                    due = float(rows[0][1]) / 1000
                    oldest[channel] = min(due, oldest.get(channel, due))
        return oldest

    async def resume_all(self, scopes: Sequence[str]) -> None:
        scopes = [*scopes, *await self._throttled()]
        if scopes:
            await self._everywhere.each(
                lambda key: self._redis.delete(*map(key, (keys.HOLDS, *(f"pause:{name}" for name in scopes))))
            )
            await self._everywhere.of_each(lambda partition: partition.run("parking", ["look"]))

    async def throttled(self) -> dict[str, tuple[float, str]]:
        return await self.paused(await self._throttled())

    async def _throttled(self) -> list[str]:
        return await self._everywhere.members(keys.HOLDS)

    async def stranded(self, configured: Collection[str]) -> dict[str, int]:
        counts = await self.queued(sorted({*await self._everywhere.members(keys.CHANNELS)} - {*configured}))
        return {name: count for name, count in counts.items() if count}

    async def bundle(self, kept: int) -> int:
        return await self._in_steps("gather", kept)

    async def expire_parked(self, max_age: float) -> int:
        return await self._in_steps("expire", int(max_age * 1000))

    async def expire_stranded(self, configured: Collection[str], max_age: float) -> int:
        names = sorted({*await self._everywhere.members(keys.CHANNELS)} - {*configured})
        return sum([await self._in_steps("removed", name, int(max_age * 1000)) for name in names])

    async def _in_steps(self, verb: str, *of: str | int) -> int:
        total, args = 0, (verb, *of, STEP)
        for _ in range(STEPS):
            done = await self._everywhere.of_each(lambda partition: partition.run("parking", args))
            total += sum(map(int, done))
            if max(map(int, done)) < STEP:
                break
        return total
