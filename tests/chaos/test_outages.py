"""Redis away and back: honest answers, and nothing lost."""

import asyncio
import time

import aiohttp
import pytest

from tests.chaos.load import DURABLE
from tests.support.events import body
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.stage import CONFIG, Stage, post, running, surroundings

pytestmark = pytest.mark.slow

EVENT = body("operation.completed", 100, status="Completed") | {"tenantId": "mail"}


async def readiness(url: str) -> tuple[int, dict[str, str]]:
    async with aiohttp.ClientSession() as client, client.get(f"{url}/readyz?verbose") as response:
        return response.status, (await response.json())["checks"]


async def test_redis_away_is_said_and_within_2_seconds_of_its_return_events_are_taken_without_a_restart() -> None:
    with RedisServer(**DURABLE) as server:
        async with surroundings(server.url) as around, running(around) as relay:
            stage = Stage(around, relay)
            server.kill()
            refused = await stage.post(EVENT)
            status, checks = await readiness(stage.admin_url)
            server.start()
            back = time.monotonic()

            while (await stage.post(EVENT)).status != 202:
                assert time.monotonic() - back < 2
            assert time.monotonic() - back < 2

            await around.settled()
            assert (await readiness(stage.admin_url))[0] == 200
    assert (refused.status, int(refused.headers["retry-after"]) > 0) == (503, True)
    assert (status, checks["redis"].startswith("Redis:")) == (503, True)


async def test_an_outage_is_two_lines_of_the_log_however_much_fails_meanwhile() -> None:
    with RedisServer(**DURABLE) as server:
        async with surroundings(server.url) as around, RunningRelay(CONFIG, around.env) as relay:
            await relay.wait_for_line("console.link")  # the last one of a start
            start = len(relay.lines)
            server.kill()
            statuses = {(await post(relay.url, EVENT)).status for _ in range(20)}
            ready, _ = await readiness(relay.admin_url)
            server.start()
            returned = await relay.wait_for_line("redis.returned", start)

            outage = relay.lines[start:]

    assert (statuses, ready) == ({503}, 503)
    assert [line["event"] for line in outage] == ["redis.unavailable", "redis.returned"]
    assert "senders try again" in outage[0]["meaning"]
    assert returned["failures"] > 20


async def test_a_relay_that_starts_before_its_redis_heals() -> None:
    server = RedisServer(**DURABLE)
    server.start()
    async with surroundings(server.url) as around:
        server.stop()
        async with running(around) as relay:
            stage = Stage(around, relay)
            refused = await stage.post(EVENT)
            server.start()

            taken = await stage.post(EVENT)

            await around.settled()
            assert (refused.status, taken.status) == (503, 202)
    server.stop()


async def test_a_frozen_redis_is_answered_503_and_recovered_from() -> None:
    with RedisServer(**DURABLE) as server:
        async with surroundings(server.url) as around, running(around) as relay:
            stage = Stage(around, relay)
            server.pause()
            refused = asyncio.create_task(post(stage.url, EVENT))
            status, checks = await readiness(stage.admin_url)
            server.resume()
            await refused

            taken = await stage.post(EVENT)

            assert (status, checks["redis"]) == (503, "no answer within 2 s")
            assert taken.status in (200, 202)
            await around.settled()
