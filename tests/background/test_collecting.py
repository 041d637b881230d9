"""Requests that a running relay refuses stand in Redis a moment later."""

from relay.store.refusals import Refusals, Refused
from tests.support.events import body
from tests.support.redis_server import RedisServer
from tests.support.stage import Stage, now, post, running, surroundings
from tests.support.waiting import until


async def test_a_refused_request_can_be_looked_up(redis_server: RedisServer) -> None:
    async with surroundings(redis_server.url) as around, running(around) as relay:
        await post(Stage(around, relay).url, body(), secret="another-secret-altogether")

        async def written() -> list[Refused]:
            return await Refusals(around.store.redis).totals(now(), days=2)

        (refused,) = await until(written)

    assert (refused.source, refused.reason, refused.count) == ("async-operations", "signature_wrong", 1)
