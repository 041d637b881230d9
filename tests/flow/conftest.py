"""Relays in a time of their own, before a Slack that runs here."""

from collections.abc import AsyncIterator, Callable

import pytest

from relay.store import Store
from tests.support.clock import Clock
from tests.support.flow import Flow, flowing
from tests.support.flow_events import AT_ONCE, GROUP


@pytest.fixture
async def flow(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Flow]:
    """With the options that a destination has by default."""
    async with flowing(open_store, clock, mention=GROUP) as flow:
        yield flow


@pytest.fixture
async def brisk(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Flow]:
    """Every state is shown as soon as Slack allows."""
    async with flowing(open_store, clock, live=AT_ONCE, mention=GROUP) as flow:
        yield flow
