"""The questions of tests/engine, asked of a partition in Redis."""

from collections.abc import AsyncIterator

import pytest

from relay.store.client import connect
from relay.store.queries.admin import Admin
from relay.store.queries.history import History
from relay.store.queries.operations import Operations
from tests.engine.desk import PREFIX, Desk
from tests.engine.test_queries_deliveries import *  # noqa: F403
from tests.engine.test_queries_deliveries import end
from tests.engine.test_queries_lists import *  # noqa: F403
from tests.engine.test_queries_operations import *  # noqa: F403
from tests.engine.test_queries_operations import ids
from tests.support import events
from tests.support.redis_server import RedisServer


@pytest.fixture
async def desk(redis_server: RedisServer) -> AsyncIterator[Desk]:
    redis = connect(redis_server.url)
    await redis.flushall()
    yield Desk(redis)
    await redis.aclose()


async def test_what_cannot_be_read_costs_no_other_its_place(desk: Desk) -> None:
    await desk.report(*(events.started(operationId=f"op-{number}") for number in range(3)))
    [first, *_] = (await Operations(desk).page()).rows
    await desk.redis.set(f"{PREFIX}op:{first.operation}", b"damaged")  # type: ignore[union-attr]

    assert ids((await Operations(desk).page(limit=2)).rows) == ["op-1", "op-0"]
    assert await Admin(desk).dead_letter("\ud800") is None


async def test_a_line_that_cannot_be_read_ends_no_list(desk: Desk) -> None:
    await end(desk, *(f"op-{number}" for number in range(4)))
    await desk.redis.xadd(f"{PREFIX}history:room", {"r": b"damaged"}, id=f"{desk.ms()}-*")  # type: ignore[union-attr]

    first = await History(desk).page(limit=2)
    second = await History(desk).page(limit=2, cursor=first.cursor)

    assert [ids(page.rows) for page in (first, second)] == [["op-3", "op-2"], ["op-1", "op-0"]]
    assert ids(await History(desk).of_operation("op-3")) == ["op-3"]
