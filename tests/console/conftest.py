"""One relay that has lived, and one browser, for all tests that look at its console."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from relay.store import Store
from tests.console.lived import Lived, lived
from tests.console.showing import Showing, chromium, showing
from tests.support.clock import Clock
from tests.support.console import Open, console


@pytest.fixture
def lists(redis: Redis) -> Redis:
    return redis


@pytest.fixture
async def page(store: Store, clock: Clock) -> AsyncIterator[Open]:
    """The console with the stage's configuration, before an operator."""
    async with console(store, clock) as opened:
        yield opened


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
