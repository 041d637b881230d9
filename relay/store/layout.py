"""Layout of the data: decided once, by the first process."""

from redis.asyncio import Redis

from relay.errors import ConfigError, Problem
from relay.store import keys
from relay.store.client import call


async def agree(redis: Redis) -> None:
    """Check the layout of the data, or set it where there is none. ConfigError for one of another release."""
    version = await call(redis.get(keys.SCHEMA))
    if version is None:  # later nothing is written: Redis may be full
        await call(redis.set(keys.SCHEMA, keys.SCHEMA_VERSION, nx=True))
        version = await call(redis.get(keys.SCHEMA))
    if version.decode() != keys.SCHEMA_VERSION:
        raise ConfigError([Problem("redis", of_another_layout(version.decode()))])


def of_another_layout(version: str) -> str:
    return (
        f"the data is of layout {version}, this relay reads {keys.SCHEMA_VERSION}: run the release that wrote it with "
        "--role deliver until `relay dead list` and its queues are empty, then use an empty database (or data_dir)"
    )
