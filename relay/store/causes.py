"""Failures of one cause at one address, and the people mentioned for them."""

from collections.abc import Sequence

from redis.asyncio import Redis

from relay.domain.deliveries import Delivery
from relay.store.client import call
from relay.store.partitions import Partition, Partitions

EVERYBODY = "*"  # the conversation, which a broadcast calls


class Causes:
    """Every failure is StoreUnavailable; every call may be repeated, also by another process."""

    def __init__(self, redis: Redis, partitions: Partitions) -> None:
        self._redis = redis
        self._partitions = partitions

    async def call(self, delivery: Delivery, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names that this delivery mentions: no other did within the window, or it never will (`_void`)."""
        if not names:
            return ()
        where = self._partitions.of(delivery.id)
        key = where.key(f"cause:{delivery.group}")
        fields = {name: f"called:{name.casefold()}".encode("utf-8", "replace") for name in names}
        async with self._redis.pipeline(transaction=False) as pipeline:
            for field in fields.values():
                pipeline.hsetnx(key, field, delivery.id)
                pipeline.hget(key, field)
            pipeline.pexpire(key, int(delivery.window * 1000))
            answers = await call(pipeline.execute())
        callers = dict(zip(fields, (answer.decode() for answer in answers[1::2]), strict=False))
        void = await self._void(where, key, {*callers.values()} - {delivery.id})
        inherited = [text for name, caller in callers.items() if caller in void for text in (fields[name], delivery.id)]
        if inherited:  # failures of one cause are in one lane, so no other does this now
            await call(self._redis.hset(key, items=inherited))
        return tuple(name for name, caller in callers.items() if caller == delivery.id or caller in void)

    async def _void(self, where: Partition, key: str, deliveries: set[str]) -> set[str]:
        """Return the deliveries that did not report it, and will not by themselves: they are dead, or a newer
        state took their place (scripts/include/causes.lua, is_void)."""
        if not deliveries:
            return set()
        ids = sorted(deliveries)
        async with self._redis.pipeline(transaction=False) as pipeline:
            for name in ids:
                pipeline.hmget(where.key(f"delivery:{name}"), "died", "cause")
                pipeline.hexists(key, f"sent:{name}")
            answers = await call(pipeline.execute())
        stands = {name: sent or cause for name, (_, cause), sent in zip(ids, answers[::2], answers[1::2], strict=True)}
        died = {name for name, (dead, _) in zip(ids, answers[::2], strict=True) if dead}
        return died | {name for name in ids if not stands[name]}
