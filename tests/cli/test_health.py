"""relay health: what the containers ask."""

import json

from tests.support.inprocess import relay_beside
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, stage
from tests.support.waiting import until


async def test_it_leaves_with_0_while_relay_takes_events_and_says_what_stands_in_the_way() -> None:
    with RedisServer() as redis:
        async with stage(redis.url) as running:
            env = running.around.env
            well = await relay_beside("health", "-c", CONFIG, env=env)
            redis.pause()

            async def ill() -> object:
                done = await relay_beside("health", "-c", CONFIG, env=env)
                return done if done.exit_code else None

            said = await until(ill)
            facts = await relay_beside("health", "-c", CONFIG, "--json", env=env)
            redis.resume()

    assert (well.exit_code, well.output) == (0, "relay takes events.\n")
    assert said.output.startswith("relay takes no events now.\n  redis: ")
    assert json.loads(facts.output)["ready"] is False
