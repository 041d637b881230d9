"""A process whose watchdog looks at runs, on a clock that the test moves."""

from collections.abc import Callable

import pytest

from relay.store import Store
from tests.background.runs import MINUTE, Watched
from tests.support.clock import Clock


@pytest.fixture
def process(open_store: Callable[..., Store], clock: Clock) -> Callable[..., Watched]:
    """One more process on the same Redis."""
    return lambda **settings: Watched(open_store(), clock, **settings)


@pytest.fixture
async def relay(process: Callable[..., Watched], clock: Clock) -> Watched:
    """A process whose grace after the first start is over."""
    one = process()
    await one.tick()
    await one.passes(11 * MINUTE, every=MINUTE)
    return one
