"""One real Redis per test process; every test starts on an empty one.

It ends with a balanced ledger, and whatever was held back in it has its sentence for `relay explain`.
"""

import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from relay.operating.sentences import WHY
from relay.store import Store
from relay.store.client import connect
from relay.store.queries.admin import Admin
from relay.store.queries.questions import Access
from tests.support import sandbox as sandboxes
from tests.support import stage as stages
from tests.support.clock import Clock
from tests.support.front import Front, receiving
from tests.support.memory_store import ListingStore, MemoryStore, Shared
from tests.support.patience import patience
from tests.support.redis_server import RedisServer


@pytest.hookimpl(trylast=True)  # after they have been shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Half of the processes begin with those that ask for more time, of which most wait, while the others work.

    The first has all that look at the relay that has lived, so that there is one of it, and one browser.
    """
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
def lists() -> None:
    """Where stores in memory have the plain lists: nowhere, or in the `redis` of a folder that says so."""


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """An empty Redis."""
    async with connect(redis_server.url) as redis:
        await redis.flushall()
        yield redis


@pytest.fixture
async def open_store(clock: Clock, lists: Redis | None) -> AsyncIterator[Callable[..., MemoryStore]]:
    """Opens stores over one partition in memory, as several processes would."""
    shared, opened = Shared(clock), list[MemoryStore]()

    def open_one(**options: Any) -> MemoryStore:
        options = {"worker": f"worker-{len(opened)}"} | options
        opened.append(ListingStore(shared, lists, **options) if lists else MemoryStore(shared, **options))
        return opened[-1]

    yield open_one
    await _balanced(opened[-1] if opened else open_one())


@pytest.fixture
async def store(open_store: Callable[..., MemoryStore]) -> MemoryStore:
    return open_store()


@pytest.fixture
async def open_redis_store(redis_server: RedisServer, clock: Clock) -> AsyncIterator[Callable[..., Store]]:
    """Opens stores on one empty Redis, as several processes would; the first that is prepared owns the partition."""
    opened: list[Store] = []

    def open_one(**options: Any) -> Store:
        settings: dict[str, Any] = {"process": f"process-{len(opened)}", "clock": clock} | options
        opened.append(Store.open(redis_server.url, **settings))
        return opened[-1]

    await open_one().redis.flushall()
    yield open_one
    await _balanced(opened[-1])
    for store in opened:
        await store.aclose()


@pytest.fixture
async def redis_store(open_redis_store: Callable[..., Store]) -> Store:
    store = open_redis_store()
    await store.prepare()
    return store


async def _balanced(store: Access) -> None:
    ledger = await Admin(store).ledger()
    assert ledger.imbalance == 0
    assert {name.removeprefix("held:") for name in ledger.counts if name.startswith("held:")} <= set(WHY["held"])


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
