"""One relay that has lived, and one browser, for all tests that look at its console."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from tests.console.lived import Lived, lived
from tests.console.showing import Showing, chromium, showing


@pytest.fixture
def lists(redis: Redis) -> Redis:
    return redis


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world() -> AsyncIterator[Lived]:
    async with lived() as world:
        yield world


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Any]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def operator(browser: Any, world: Lived) -> AsyncIterator[Showing]:
    """Somebody who may act, and is in."""
    async with showing(browser, world.admin_url) as shown:
        await shown.enter(await world.link())
        yield shown


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def german(browser: Any, world: Lived, operator: Showing) -> AsyncIterator[Showing]:
    """The same person in a browser that asks for German."""
    cookies = await operator.context.cookies()
    async with showing(browser, world.admin_url, language="de", cookies=cookies) as shown:
        yield shown
