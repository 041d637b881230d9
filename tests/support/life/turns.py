"""One connection, for which all wait in turn: the seed of a life alone decides what comes after what."""

import asyncio
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis

SETTLED = 30  # rounds of the loop after which, at the latest, whoever can go on has asked for the connection


class _Turns(BlockingConnectionPool):
    """Nobody has an answer before everybody else waits: so it does not matter how long Redis took for it."""

    async def release(self, connection: Any) -> None:
        ready = vars(asyncio.get_running_loop())["_ready"]  # nothing public says whether anybody can go on
        for _ in range(SETTLED):
            if not ready:
                break
            await asyncio.sleep(0)
        await super().release(connection)


def one_at_a_time(redis: Redis) -> Redis:
    """A client of the same Redis."""
    pool = redis.connection_pool
    return Redis.from_pool(_Turns(1, timeout=None, connection_class=pool.connection_class, **pool.connection_kwargs))
