"""The record of what was sent is kept for so long, and of too much of it the busiest destinations give first."""

from relay.engine.records import HISTORIES, history
from relay.store import Store, keys
from relay.store.forgetting import Forgetting
from relay.store.queries.history import History
from tests.support.clock import Clock


async def rows_of(store: Store, destination: str, count: int, ms: int) -> None:
    """So many rows, a second apart, the first of them then."""
    async with store.redis.pipeline() as pipeline:
        for number in range(count):
            pipeline.xadd(keys.PREFIX + history(destination), {"v": b"x" * 100}, id=f"{ms + number * 1000}-0")
        pipeline.zadd(keys.PREFIX + HISTORIES, {destination: ms + (count - 1) * 1000})
        await pipeline.execute()


async def test_what_is_older_than_the_retention_is_forgotten(redis_store: Store, clock: Clock) -> None:
    ms = int(clock() * 1000)
    await rows_of(redis_store, "room", 10, ms)
    await rows_of(redis_store, "gone", 3, ms)

    assert await Forgetting(redis_store).forget(clock() + 86_404, 86_400) == 6
    assert await History(redis_store).destinations() == ["room"]


async def test_of_too_many_the_busiest_give_first(redis_store: Store, clock: Clock) -> None:
    ms = int(clock() * 1000)
    await rows_of(redis_store, "busy", 4000, ms)
    await rows_of(redis_store, "quiet", 50, ms)

    assert await Forgetting(redis_store, bound=2050).forget(clock(), 86_400) == 2050

    assert await redis_store.redis.xlen(keys.PREFIX + history("quiet")) == 50


async def test_a_redis_that_fills_up_keeps_less_of_the_record(redis_store: Store, clock: Clock) -> None:
    await rows_of(redis_store, "busy", 4000, int(clock() * 1000))

    assert await Forgetting(redis_store).forget(clock(), 86_400, fullness=0.75) == 3600
