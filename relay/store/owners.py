"""Calls at the server that has a key: the only one, or one of a Cluster's."""

from redis.asyncio import Redis

from relay.store.cluster import Act, Cluster, Result
from relay.store.slots import slot


def is_cluster(redis: Redis) -> bool:
    return isinstance(redis, Cluster)


async def at_owner(redis: Redis, key: str, act: Act[Result]) -> Result:
    """Do what needs every key of this key's slot, at the server that has them."""
    return await redis.whole(slot(key), act) if isinstance(redis, Cluster) else await act(redis)
