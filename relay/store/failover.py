"""A primary that one of its replicas may replace at any moment: which of them have to confirm, and leaving it."""

import contextlib
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

from redis.asyncio import Redis
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.exceptions import RedisError

from relay.store.addresses import Address
from relay.store.wire import WiredPool

REPLICA_TIMEOUT = 2.0  # seconds to wait for the replicas before the sender is asked to try again
LAG = 3  # seconds since a replica's last sign, after which it is not waited for
Replicas = Counter[str]  # by address; those behind one NAT may share theirs


class FailoverPool(SentinelConnectionPool, WiredPool):
    """Connections to such a primary, which is asked for with each new one."""

    # Of the primary that was inspected last, free of doubt: each promotion makes a new one. None before that: during a
    # failover only those are seen that the old primary still sends to, and the one that is promoted has left.
    replication_id: str | None = None
    candidates = Replicas()  # the replicas that could take over; replaced, never changed in place

    @classmethod
    def by(cls, guide: Any, name: str, settings: Mapping[str, Any], options: Mapping[str, Any]) -> Self:
        """`guide` finds the primary of this name, as redis-py's Sentinels do; `settings` are those of a URL."""
        rest = {key: value for key, value in settings.items() if key != "connection_class"}
        return cls(name, guide, ssl=len(rest) < len(settings), **rest, **options)

    async def get_master_address(self) -> Address:
        before = self.master_address
        address: Address = await super().get_master_address()  # type: ignore[no-untyped-call]
        if before not in (None, address):  # redis-py closes the idle ones; those in use would come back to the pool
            await self.update_active_connections_for_reconnect()
        return address

    async def aclose(self) -> None:
        await super().aclose()
        await self.sentinel_manager.aclose()


def can_fail_over(redis: Redis) -> bool:
    return isinstance(redis.connection_pool, FailoverPool)


def candidates_of(redis: Redis) -> Replicas:
    """Return the replicas that have to confirm what is promised: all that could take over.

    What only some have is lost if another one is promoted. Each replica that is seen becomes one of them, and only an
    inspection removes one that left.
    """
    pool = redis.connection_pool
    return pool.candidates if isinstance(pool, FailoverPool) else Replicas()


def unconfirmed(
    redis: Redis, before: Replicas, minimum: int, confirmed: int, replication: Mapping[str, Any] = MappingProxyType({})
) -> str:
    """Return why a write is not promised, '' if it is.

    `before` are the candidates when it was sent, `confirmed` is the answer of WAIT, which names no replica, and
    `replication` what the primary said after that. All that confirmed are in it or left since, so as many as there are
    candidates are the candidates: one that joins during a failover does not count for the one that is promoted.
    """
    pool = redis.connection_pool
    candidates = before
    if isinstance(pool, FailoverPool):
        if pool.replication_id not in ("", replication.get("master_replid", "")):
            return "the primary is new to relay, and not inspected yet"
        pool.candidates = pool.candidates | online(replication)
        candidates = before | pool.candidates
    required = max(minimum, candidates.total())
    return "" if confirmed >= required else f"{confirmed} of {required} replicas confirmed within {REPLICA_TIMEOUT:g} s"


def online(replication: Mapping[str, Any]) -> Replicas:
    """Return the replicas that could take over, as the primary's INFO has them."""
    rows = [row for name, row in replication.items() if name.startswith("slave") and isinstance(row, dict)]
    well = [row for row in rows if row.get("state") == "online" and int(row.get("lag", 0)) <= LAG]
    return Replicas(f"{row.get('ip')}:{row.get('port')}" for row in well)


async def drop_connections(redis: Redis) -> None:
    """Make every later call connect anew: those in use are dropped when they come back."""
    await redis.connection_pool.update_active_connections_for_reconnect()  # type: ignore[no-untyped-call]
    with contextlib.suppress(RedisError, OSError):  # of a connection that is lost anyway
        await redis.connection_pool.disconnect(inuse_connections=False)
