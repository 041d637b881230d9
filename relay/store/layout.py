"""Layout of the data: decided once, by the first process."""

from relay.errors import ConfigError, Problem
from relay.store.keys import ENCRYPTED, KEPT_BACK, SCHEMA, SCHEMA_VERSION
from relay.store.plain import Plain

DRAIN = (
    "run the release that wrote it with --role deliver until `relay dead list` and its queues are empty, then use an "
    "empty database (or data_dir)"
)
OTHER = f"the data is of layout %s, this relay reads {SCHEMA_VERSION}: {DRAIN}"
ENCRYPTED_DATA = f"the data is encrypted by redis.encryption_key, which this relay does not read: {DRAIN}"

KEPT_BACK_DATA = (
    "entries wait for a value that cannot be read: set them aside with the release that wrote them (`relay dead list`, "
    "`relay dead set-aside`)"
)


async def agree(plain: Plain) -> None:
    """Check the layout of the data, or set it where there is none. ConfigError for one of another release."""
    if await check(plain) is None:  # later nothing is written: Redis may be full
        await plain.do(("SET", SCHEMA, SCHEMA_VERSION, "NX"))
        await check(plain)


async def check(plain: Plain) -> str | None:
    """Return the layout of the data, None where there is no data. ConfigError for one that this release cannot read."""
    version, encrypted, waiting = await plain.do(("GET", SCHEMA), ("EXISTS", ENCRYPTED), ("EXISTS", KEPT_BACK))
    for found, refusal in ((encrypted, ENCRYPTED_DATA), (waiting, KEPT_BACK_DATA)):
        if found:
            raise ConfigError([Problem("redis", refusal)])
    if version is None:
        return None
    if version.decode() != SCHEMA_VERSION:
        raise ConfigError([Problem("redis", OTHER % version.decode())])
    return SCHEMA_VERSION
