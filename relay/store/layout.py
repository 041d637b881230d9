"""Layout of the data and its number of partitions: decided once, by the first process."""

from redis.asyncio import Redis

from relay.errors import ConfigError, Problem, StoreUnavailable
from relay.store import keys
from relay.store.client import call


async def agree(redis: Redis, partitions: int) -> None:
    """Check the layout and the number of partitions of the data, or set both where it is empty."""
    if None in await call(redis.mget(keys.SCHEMA, keys.PARTITIONS)):  # later nothing is written: Redis may be full
        await call(redis.set(keys.SCHEMA, keys.SCHEMA_VERSION, nx=True))
        there = await call(redis.exists(f"{keys.PREFIX}{keys.LEDGER}"))  # of a relay that knew of one alone
        await call(redis.set(keys.PARTITIONS, 1 if there else partitions, nx=True))
    existing = int(await call(redis.get(keys.PARTITIONS)))
    if existing != partitions:
        problem = (
            f"the data is in {existing} partitions, and redis.partitions is {partitions}: set it to {existing}, or use "
            "an empty database once `relay dead list` and the queues are empty"
        )
        raise ConfigError([Problem("redis.partitions", problem)])


async def layout_of(redis: Redis, partitions: int) -> str:
    """Return its layout, '' if unknown: it is empty, or the node that knows is away, and others are not."""
    try:
        version = await call(redis.get(keys.SCHEMA))
    except StoreUnavailable:
        if partitions == 1:
            raise
        return ""
    return version.decode() if version else ""


def of_another_layout(version: str) -> list[str]:
    if version in ("", keys.SCHEMA_VERSION):
        return []
    return [
        f"the data is of layout {version}, this relay reads {keys.SCHEMA_VERSION}: run the release that wrote "
        "it with --role deliver until `relay dead list` and its queues are empty, then use an empty database "
        "(or data_dir)"
    ]
