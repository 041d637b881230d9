"""The connection that calls share, on a real Redis that answers, errs, hangs and goes away."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as TooLate

from relay.errors import StoreUnavailable
from relay.store import Store
from relay.store.client import LIMITS
from relay.store.failover import drop_connections
from relay.store.wire import WiredPool
from tests.support.redis_server import RedisServer
from tests.support.waiting import until


@pytest.fixture
async def pool(redis_server: RedisServer) -> AsyncIterator[WiredPool]:
    pool = WiredPool.from_url(redis_server.url, **LIMITS)
    await pool.call(("FLUSHALL",))
    yield pool
    await pool.aclose()


async def waiting(redis: Redis) -> bool:
    return any(row["cmd"] == "blpop" for row in await redis.client_list())


async def test_an_error_is_an_answer_and_costs_no_other_its_own(pool: WiredPool) -> None:
    first, lost, last = await asyncio.gather(
        pool.call(("SET", "n", "no number"), ("INCR", "n")),
        pool.call(("EVALSHA", "0" * 40, 0)),
        pool.call(("GET", "n")),
    )

    assert isinstance(first[1], RedisError)
    assert isinstance(lost[0], NoScriptError)
    assert last == [b"no number"]


async def test_whoever_gives_up_leaves_the_others_their_answers(pool: WiredPool) -> None:
    given_up = asyncio.ensure_future(pool.call(("GET", "a")))
    other = asyncio.ensure_future(pool.call(("SET", "a", 1), ("GET", "a")))
    await asyncio.sleep(0)
    given_up.cancel()

    assert await other == [b"OK", b"1"]
    assert await pool.call(("GET", "a")) == [b"1"]


async def test_a_connection_that_is_lost_fails_what_is_under_way_and_the_next_call_has_another(
    pool: WiredPool, redis_server: RedisServer
) -> None:
    under_way = [asyncio.ensure_future(pool.call(("BLPOP", "nothing", 0))) for _ in range(3)]
    async with Redis.from_url(redis_server.url) as redis:
        await until(lambda: waiting(redis))
        await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    outcomes = await asyncio.gather(*under_way, return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {Disconnected}
    assert await pool.call(("PING",)) == [b"PONG"]


async def test_an_answer_that_does_not_come_is_given_up(redis_server: RedisServer) -> None:
    pool = WiredPool.from_url(redis_server.url, **{**LIMITS, "socket_timeout": 0.2})

    with pytest.raises(TooLate):
        await pool.call(("BLPOP", "nothing", 0))

    assert await pool.call(("PING",)) == [b"PONG"]
    await pool.aclose()


async def test_one_that_is_dropped_answers_what_it_was_asked_and_is_asked_no_more(
    pool: WiredPool, redis_server: RedisServer
) -> None:
    [own] = await pool.call(("CLIENT", "ID"))
    under_way = asyncio.ensure_future(pool.call(("BLPOP", "list", 0)))
    async with Redis.from_url(redis_server.url) as redis:
        await until(lambda: waiting(redis))
        await drop_connections(Redis(connection_pool=pool))
        await redis.rpush("list", "late")

    assert await under_way == [[b"list", b"late"]]
    assert await pool.call(("CLIENT", "ID")) != [own]


async def test_what_cannot_be_sent_costs_no_other_its_own_answer(pool: WiredPool) -> None:
    await pool.call(("MSET", "a", "of a", "b", "of b"))

    with pytest.raises(UnicodeEncodeError):
        await pool.call(("SET", "a", "half a character: \ud800"))

    assert await asyncio.gather(pool.call(("GET", "a")), pool.call(("GET", "b"))) == [[b"of a"], [b"of b"]]


async def test_one_of_many_reads_that_is_refused_fails_all(redis_store: Store) -> None:
    await redis_store.redis.set("{relay}:text", "1")

    with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
        await redis_store.reader.table_sizes(["table", "text"])
