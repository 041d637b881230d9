"""The quarantine in Redis."""

import pytest
from redis.asyncio import Redis

from relay.errors import StoreUnavailable
from relay.store import Store
from relay.store.keys import PREFIX
from tests.support.redis_server import RedisServer


async def test_no_body_is_left_without_its_row(redis: Redis, redis_server: RedisServer) -> None:
    """As after a crash before the row was written, which no user could find the body by."""
    await redis.execute_command("ACL", "SETUSER", "rowless", "on", ">pw", "~*", "+@all", "-hset")
    store = Store.open(redis_server.url.replace("unix://", "unix://rowless:pw@"), process="p")
    try:
        with pytest.raises(StoreUnavailable):
            await store.quarantine.keep("ops", b"{", {}, "no JSON", fault=False)
    finally:
        await store.aclose()
        await redis.execute_command("ACL", "DELUSER", "rowless")

    assert await redis.keys(f"{PREFIX}quarantined:*") == []
