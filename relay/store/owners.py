"""Calls at the server that has a key: the only one, or one of a Cluster's."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, cast

from redis.asyncio import Redis

from relay.store.cluster import Act, Cluster, Result
from relay.store.slots import NOT_DONE, SlotMoving, slot
from relay.store.wire import Command, WiredPool


def is_cluster(redis: Redis) -> bool:
    return isinstance(redis, Cluster)


async def owners(redis: Redis, prefixes: Mapping[int, str]) -> list[tuple[str, Redis, list[int]]]:
    """The primaries of these slots: address, client, and whose they are. A single server has no address."""
    if not isinstance(redis, Cluster):
        return [("", redis, [*prefixes])]
    slots = {number: slot(prefix) for number, prefix in prefixes.items()}
    homes = dict[str, tuple[str, Redis, list[int]]]()
    for where, (address, node) in (await redis.owners(slots.values())).items():
        theirs = [number for number, owned in slots.items() if owned == where]
        homes.setdefault(address, (address, node, []))[2].extend(theirs)
    return [*homes.values()]


async def at_owner(redis: Redis, key: str, act: Act[Result]) -> Result:
    """Do what needs every key of this key's slot, at the server that has them."""
    return await redis.whole(slot(key), act) if isinstance(redis, Cluster) else await act(redis)


async def answers_at_owner(redis: Redis, key: str, commands: Sequence[Command]) -> list[Any]:
    """Return the answers of the server that has this key to commands about its slot; errors are among them."""

    def called(server: Redis) -> Awaitable[list[Any]]:
        return cast("WiredPool", server.connection_pool).call(*commands)

    if isinstance(redis, Cluster):  # which has to know of one that is lost, too
        answers = await redis.at(slot(key), called)
        if not any(isinstance(answer, Exception) for answer in answers):
            return answers
    elif isinstance(redis.connection_pool, WiredPool):
        return await called(redis)
    async with redis.pipeline(transaction=False) as pipeline:  # which knows where to ask on, too
        for command in commands:
            pipeline.execute_command(*command)
        return list(await pipeline.execute(raise_on_error=False))


async def whole_hash(redis: Redis, key: str, count: int) -> dict[bytes, bytes]:
    """A hash, read piece by piece at one server: what it says of how far we are means nothing to another one."""
    if not isinstance(redis, Cluster):
        return await _scanned(redis, key, count)
    try:
        return await redis.at(slot(key), lambda node: _scanned(node, key, count))
    except NOT_DONE:
        raise SlotMoving(slot(key)) from None


async def _scanned(redis: Redis, key: str, count: int) -> dict[bytes, bytes]:
    some: Any
    cursor, rows = 0, dict[bytes, bytes]()
    while True:
        cursor, some = await redis.hscan(key, cursor, count=count)
        rows |= some
        if not cursor:
            return rows
