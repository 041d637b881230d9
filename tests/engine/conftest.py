"""A desk of each kind: in memory, and with `redis` in the test's parameters in Redis, where values are sealed."""

from collections.abc import AsyncIterator

import pytest

from relay.store.client import connect
from relay.store.sealing import Sealer
from tests.engine.desk import Desk


@pytest.fixture(params=["memory", "redis"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    if request.param == "memory":
        yield Desk()
        return
    redis = connect(request.getfixturevalue("redis_server").url)
    await redis.flushall()
    yield Desk(redis, Sealer({"current": b"k" * 32}))
    await redis.aclose()
