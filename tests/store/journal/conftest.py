"""An empty Redis for each test, and the scripts on it."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from relay.store.client import connect
from relay.store.journal.scripts import Scripts
from tests.support.redis_server import RedisServer


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    redis = connect(redis_server.url)
    await redis.flushall()
    yield redis
    await redis.aclose()


@pytest.fixture
def scripts(redis: Redis) -> Scripts:
    return Scripts(redis)
