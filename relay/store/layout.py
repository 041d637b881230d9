"""Layout of the data: decided once, by the first process."""

from relay.errors import ConfigError, Problem
from relay.store.keys import SCHEMA, SCHEMA_VERSION
from relay.store.plain import Plain

OTHER = (
    f"the data is of layout %s, this relay reads {SCHEMA_VERSION}: run the release that wrote it with --role deliver "
    "until `relay dead list` and its queues are empty, then use an empty database (or data_dir)"
)


async def agree(plain: Plain) -> None:
    """Check the layout of the data, or set it where there is none. ConfigError for one of another release."""
    [version] = await plain.do(("GET", SCHEMA))
    if version is None:  # later nothing is written: Redis may be full
        _, version = await plain.do(("SET", SCHEMA, SCHEMA_VERSION, "NX"), ("GET", SCHEMA))
    if version.decode() != SCHEMA_VERSION:
        raise ConfigError([Problem("redis", OTHER % version.decode())])
