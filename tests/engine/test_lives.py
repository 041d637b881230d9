"""Random lives over the engine, and the same lives through it and the store in Redis."""

from functools import partial

import pytest

from relay.store import Store
from tests.support.clock import Clock
from tests.support.engine_life import EngineLifeStore, Twin
from tests.support.engine_store import Shared, read_by_engine
from tests.support.life import lived
from tests.support.life.turns import one_at_a_time
from tests.support.redis_server import RedisServer

STEPS = 250


@pytest.fixture(autouse=True)
def _readers() -> None:
    read_by_engine()


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_all_of_it_gets_through_in_the_end(clock: Clock, seed: int, silent: bool) -> None:
    assert await lived(partial(EngineLifeStore, Shared(clock)), clock, seed, STEPS, silent=silent) == []


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("seed", range(4))
async def test_both_decide_alike(redis_server: RedisServer, clock: Clock, seed: int, silent: bool) -> None:
    store = Store.open(redis_server.url, worker="first", clock=clock)
    await store.redis.flushall()
    async with one_at_a_time(store.redis) as redis:
        assert await lived(partial(Twin, redis, Shared(clock)), clock, seed, STEPS, silent=silent) == []
    await store.aclose()
