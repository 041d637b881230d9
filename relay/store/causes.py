"""Failures of one cause at one address: who was called for them already."""

from collections.abc import Sequence

from redis.asyncio import Redis

from relay.domain.deliveries import Delivery
from relay.store.client import call
from relay.store.partitions import Partitions

EVERYBODY = "*"  # the conversation, which a broadcast calls


class Causes:
    """Every failure is StoreUnavailable; every call may be repeated, also by another process."""

    def __init__(self, redis: Redis, partitions: Partitions) -> None:
        self._redis = redis
        self._partitions = partitions

    async def call(self, delivery: Delivery, names: Sequence[str]) -> tuple[str, ...]:
        """Those of them whom this delivery calls: nobody else did within the window."""
        if not names:
            return ()
        key = self._partitions.of(delivery.id).key(f"cause:{delivery.group}")
        async with self._redis.pipeline(transaction=False) as pipeline:
            for field in (f"called:{name.casefold()}".encode("utf-8", "replace") for name in names):
                pipeline.hsetnx(key, field, delivery.id)
                pipeline.hget(key, field)
            pipeline.pexpire(key, int(delivery.window * 1000))
            answers = await call(pipeline.execute())
        callers = answers[1::2]
        return tuple(name for name, caller in zip(names, callers, strict=False) if caller == delivery.id.encode())
