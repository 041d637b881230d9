"""Keys that would stay for ever although nothing needs them."""

import re
from collections.abc import AsyncIterator

from redis.asyncio import Redis

from relay.store import Store

# Without an expiry, and there for as long as the store is.
LASTING = {
    "ledger",
    "epoch",
    "ticks",
    "destinations",
    "removed",
    "channels",
    "watch",
    "stalled",
    "dead",
    "key",
    "schema",
    "suppressed",
    "partitions",
    "job",
    "jobs",
    "missing",
    "posted",
    "received",
    "histories",
    "silences",
}
EMPTY = {
    "lane",
    "parked",
    "parking",
    "leases",
    "due",
    "holds",
    "letters",
    "posting",
    "unread",
}  # nothing of this kind is left
NEVER = -1  # of a key that has expired by now, it is -2


async def leaked(store: Store) -> list[str]:
    """Each with what is wrong with it, in all partitions."""
    return [problem async for problem in _leaks(store.redis)]


async def _leaks(redis: Redis) -> AsyncIterator[str]:
    dead = {
        name.decode(): key.decode().removesuffix("dead")
        for key in await redis.keys("*:dead")
        for name in await redis.zrange(key, 0, -1)
    }
    async for raw in redis.scan_iter("*", count=1000):
        key = raw.decode()
        kind, _, name = re.sub(r"^\{[^}]*\}:", "", key).partition(":")
        if kind in EMPTY:
            yield f"{key} is not empty"
        elif kind == "delivery":
            if name not in dead:
                yield f"{key} is neither pending nor dead"
        elif kind == "event":
            users = [await redis.hget(f"{prefix}delivery:{one}", "event") for one, prefix in dead.items()]
            if name.encode() not in users:
                yield f"{key} is needed by nobody"
        elif kind not in LASTING and await redis.pttl(key) == NEVER:
            yield f"{key} has no expiry"
