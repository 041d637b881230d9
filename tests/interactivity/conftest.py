"""A relay with buttons; what people do there is written down in Redis."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.interactivity.pressing import Scene, scene
from tests.support.redis_server import RedisServer


@pytest.fixture
def lists(redis: Redis) -> Redis:
    return redis


@pytest.fixture
def answers() -> dict[str, list[Any]]:
    """What the platform answers otherwise; tests give it as a parameter, as they give `env`."""
    return {}


@pytest.fixture
def env() -> dict[str, str]:
    return {}


@pytest.fixture
async def one(redis_server: RedisServer, answers: dict[str, list[Any]], env: dict[str, str]) -> AsyncIterator[Scene]:
    async with scene(redis_server, answers, **env) as one:
        yield one


@pytest.fixture
async def begun(one: Scene) -> Scene:
    """A run goes on, and its message stands."""
    await one.tell("operation.started")
    await one.root(text="Started")
    return one
