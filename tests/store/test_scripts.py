"""The scripts as the server takes them: put together, and with room for what is still to come."""

import pytest
from redis.asyncio import Redis

from relay.store.client import SCRIPTS, script_of
from tests.support.redis_server import RedisServer

ROOM = 5  # names that may be added to an include before somebody has to make room with `do … end`


@pytest.mark.parametrize("name", SCRIPTS)
async def test_there_is_room_for_more_names(redis_server: RedisServer, name: str) -> None:
    """Lua takes 200 local names at once; one more, and the script is refused, and with it every event."""
    source = script_of(name).source
    head, _, rest = source.partition("\n") if source.startswith("#!") else ("", "", source)
    more = "local " + ", ".join(f"one_more_{number}" for number in range(ROOM))

    async with Redis.from_url(redis_server.url) as redis:
        await redis.script_load(f"{head}\n{more}\n{rest}" if head else f"{more}\n{rest}")
