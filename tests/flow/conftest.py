"""Relays in a time of their own, before a Slack that runs here."""

from collections.abc import AsyncIterator, Callable

import pytest

from relay.store import Store
from tests.support.clock import Clock
from tests.support.flow import Flow, flowing
from tests.support.flow_events import AT_ONCE, GROUP
from tests.support.outages import World, world


@pytest.fixture
def more() -> str:
    """Other options of the destination `team`, as YAML writes them; tests give them as a parameter."""
    return ""


@pytest.fixture
async def flow(open_store: Callable[..., Store], clock: Clock, more: str) -> AsyncIterator[Flow]:
    """With the options that a destination has by default."""
    async with flowing(open_store, clock, mention=GROUP, more=more) as flow:
        yield flow


@pytest.fixture
async def brisk(open_store: Callable[..., Store], clock: Clock, more: str) -> AsyncIterator[Flow]:
    """Every state is shown as soon as Slack allows."""
    async with flowing(open_store, clock, live=AT_ONCE, mention=GROUP, more=more) as flow:
        yield flow


@pytest.fixture
async def outpost(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[World]:
    """A relay whose Slack and mail server can fail."""
    async with world(open_store, clock) as opened:
        yield opened
