"""A sandbox for each test, on an empty Redis and a clock that the test moves."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.support.clock import Clock
from tests.support.redis_server import RedisServer
from tests.support.sandbox import Stage, stage


@pytest.fixture
async def sandbox(redis_server: RedisServer, clock: Clock) -> AsyncIterator[Stage]:
    async with Redis.from_url(redis_server.url) as redis:
        await redis.flushall()
    async with stage(redis_server.url, clock) as opened:
        yield opened
