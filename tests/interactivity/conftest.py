"""What people do here is written down in Redis."""

import pytest
from redis.asyncio import Redis


@pytest.fixture
def lists(redis: Redis) -> Redis:
    return redis
