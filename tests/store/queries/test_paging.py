"""Members of an index that changes while its pages are read."""

import pytest

from relay.store.client import connect
from relay.store.journal.codec import Codec
from relay.store.journal.scripts import Scripts
from relay.store.queries.paging import members
from relay.store.queries.reader import Reader
from tests.support.redis_server import RedisServer

P = "{relay}:"
TIES = {f"m{number:02}": 5 for number in range(20)}
TIMES = {f"m{number:02}": number for number in range(20)}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("scores", [TIMES, TIES, TIES | {"a": 4, "z": 6}], ids=["times", "ties", "both"])
async def test_each_is_given_once(redis_server: RedisServer, scores: dict[str, int], descending: bool) -> None:
    async with connect(redis_server.url) as redis:
        await redis.flushall()
        await redis.zadd(f"{P}index", scores)
        reader = Reader(Scripts(redis), Codec(), P)

        given = [row.position.name async for row in members(reader, "index", 3, descending=descending)]

    assert given == sorted(scores, key=lambda name: (scores[name], name), reverse=descending)


@pytest.mark.parametrize("descending", [False, True])
async def test_what_leaves_takes_no_place_of_what_is_still_to_be_read(
    redis_server: RedisServer, descending: bool
) -> None:
    given = list[str]()
    async with connect(redis_server.url) as redis:
        await redis.flushall()
        await redis.zadd(f"{P}index", TIMES)
        reader = Reader(Scripts(redis), Codec(), P)

        async for row in members(reader, "index", 3, descending=descending):
            given.append(row.position.name)
            if len(given) == 3:
                await redis.zrem(f"{P}index", *given[:2])

    assert given == sorted(TIMES, reverse=descending)
