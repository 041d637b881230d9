from collections.abc import AsyncIterator

import pytest

from relay.store import Store
from tests.support.clock import Clock
from tests.support.doors import TOKENS, USERS, Browser, Served, console, served


@pytest.fixture
async def here(store: Store, clock: Clock) -> AsyncIterator[Served]:
    async with served(console(USERS, TOKENS), store, clock) as running:
        yield running


@pytest.fixture
async def browser(here: Served) -> AsyncIterator[Browser]:
    async with here.browser() as opened:
        yield opened
