"""A primary that one of its replicas may replace at any moment: who has to confirm what is promised, and leaving it."""

import contextlib
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from relay.store.wire import WiredPool

LAG = 3  # seconds since a replica's last sign, from which on nobody waits for it


class Succession(WiredPool):
    """Connections to such a primary; whoever finds all of them taken waits for one."""

    required = 0  # replicas that have to confirm what is promised


def has_succession(redis: Redis) -> bool:
    return isinstance(redis.connection_pool, Succession)


def required(redis: Redis, replicas: int, *replications: Mapping[str, Any]) -> int:
    """How many replicas have to confirm, of a promise that names so many, and after what the primary said of them.

    All that could take over: what only some have is lost if another one is promoted. So the number grows with each
    replica that is seen, and nothing but an inspection makes it smaller.
    """
    pool = redis.connection_pool
    if not replicas or not isinstance(pool, Succession):
        return replicas
    pool.required = max([pool.required, *map(successors, replications)])
    return max(replicas, pool.required)


def successors(replication: Mapping[str, Any]) -> int:
    """How many replicas could take over, as the primary's INFO has it."""
    rows = [row for name, row in replication.items() if name.startswith("slave") and isinstance(row, dict)]
    return sum(row.get("state") == "online" and int(row.get("lag", 0)) <= LAG for row in rows)


async def drop_connections(redis: Redis) -> None:
    """Make every later call connect anew: those in use are dropped when they come back."""
    await redis.connection_pool.update_active_connections_for_reconnect()  # type: ignore[no-untyped-call]
    with contextlib.suppress(RedisError, OSError):  # of a connection that is lost anyway
        await redis.connection_pool.disconnect(inuse_connections=False)
