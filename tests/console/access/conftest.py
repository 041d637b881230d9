from collections.abc import AsyncIterator

import pytest

from relay.store import Store
from tests.support.auth import TOKENS, Browser, Served, console, served
from tests.support.clock import Clock


@pytest.fixture
async def here(store: Store, clock: Clock) -> AsyncIterator[Served]:
    async with served(console(TOKENS), store, clock) as running:
        yield running


@pytest.fixture
async def browser(here: Served) -> AsyncIterator[Browser]:
    async with here.browser() as opened:
        yield opened
