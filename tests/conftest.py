"""One real Redis per test process; every test starts on an empty one.

It ends with a balanced ledger, and whatever was held back in it has its sentence for `relay explain`.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from relay.operating.sentences import WHY
from relay.store import Store
from relay.store.admin import Admin
from tests.support import sandbox as sandboxes
from tests.support import stage as stages
from tests.support.clock import Clock
from tests.support.front import Front, receiving
from tests.support.patience import patience
from tests.support.redis_server import RedisServer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", action="store_true", help="run what needs a store alone over the engine, in memory")


@pytest.hookimpl(trylast=True)  # after they have been shuffled
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--engine` those are run that need a store alone, but for what is meant to be different.

    Half of the processes begin with those that ask for more time, of which most wait, while the others work.

    The first has all that look at the relay that has lived, so that there is one of it, and one browser.
    """
    if config.getoption("engine"):
        from tests.support import engine_store

        left_out = [item for item in items if not engine_store.runs(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))  # each gets as many of the list as the others
    long = [item for item in items if item.get_closest_marker("timeout")]
    rest = (item for item in items if not item.get_closest_marker("timeout"))
    shares: list[list[pytest.Item]] = [[] for _ in range(processes)]
    patient = shares[1 : (processes + 1) // 2 + 1] or shares
    for number, item in enumerate(long):
        lived = "world" in getattr(item, "fixturenames", ())
        (shares[0] if lived else patient[number % len(patient)]).append(item)
    for part, share in enumerate(shares):
        size = len(items) * (part + 1) // processes - len(items) * part // processes
        share.extend(islice(rest, max(0, size - len(share))))
    items[:] = [*chain.from_iterable(shares), *rest]


def pytest_collection_finish() -> None:
    """Six thousand tests stay until the end: the collector of garbage need not go through them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around the hook of pytest-timeout, which then reads this mark
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test may take as long as it or the configuration says, and longer on a busy machine."""
    mark = item.get_closest_marker("timeout")
    given = item.config.getoption("timeout")
    seconds = mark.args[0] if mark else item.config.getini("timeout") if given is None else given
    item.add_marker(pytest.mark.timeout(patience(float(seconds))), append=False)
    return (yield)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home() -> Iterator[Path]:
    """A path short enough for a socket, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
async def open_store(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Callable[..., Store]]:
    """Opens stores on one empty Redis, as several processes would; closes them at the end."""
    opened: list[Any] = []
    if request.config.getoption("engine"):
        from tests.support import engine_store

        url = request.getfixturevalue("redis_server").url if engine_store.needs_lists(request.node) else ""
        opening = partial(engine_store.opened, engine_store.Shared(clock), url=url)
    else:
        opening = partial(Store.open, request.getfixturevalue("redis_server").url)

    def open_one(**options: object) -> Store:
        settings: dict[str, object] = {"worker": f"worker-{len(opened)}", "clock": clock} | options
        opened.append(opening(**settings))
        return opened[-1]  # type: ignore[no-any-return]

    first = open_one()
    if hasattr(first.redis, "flushall"):
        await first.redis.flushall()
    yield open_one
    ledger = await Admin(opened[-1]).ledger()
    assert ledger.imbalance == 0
    assert {name.removeprefix("held:") for name in ledger.counts if name.startswith("held:")} <= set(WHY["held"])
    for store in opened:
        await store.aclose()


@pytest.fixture
async def store(open_store: Callable[..., Store]) -> Store:
    store = open_store()
    await store.prepare()
    return store


@pytest.fixture
async def running_stage(redis_server: RedisServer) -> AsyncIterator[stages.Stage]:
    """A relay in this process, with all that it talks to."""
    async with stages.stage(redis_server.url) as running:
        yield running


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with receiving() as front:
        yield front


@pytest.fixture
async def sandbox(redis_server: RedisServer, clock: Clock) -> AsyncIterator[sandboxes.Stage]:
    """A sandbox of the Async Operations API on an empty Redis and a clock that the test moves."""
    async with Redis.from_url(redis_server.url) as redis:
        await redis.flushall()
    async with sandboxes.stage(redis_server.url, clock) as opened:
        yield opened
