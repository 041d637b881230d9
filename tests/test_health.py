"""Whether relay can keep its promise, noticed when it changes."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from relay.config import Config, parse_config
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.errors import StoreUnavailable
from relay.health import Health
from relay.ingest import guarded
from relay.store import Store
from relay.store.keys import TICKS
from relay.store.runs import Runs
from tests.support import events
from tests.support.clock import Clock
from tests.support.redis_server import RedisServer

CONFIG = """
redis: {durability: fsync}
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
rules: []
"""


async def take(_event: Event, _targets: object = None) -> Accepted:
    return Accepted("accepted", 1)


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    with RedisServer(appendonly="yes", appendfsync="always") as server:
        yield server


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[Store]:
    store = Store.open(server.url, worker="w")
    yield store
    await store.aclose()


@pytest.fixture
def health(store: Store) -> Health:
    config: Config = parse_config(CONFIG, env={}, channels={})
    return Health(store, lambda: config, clock=Clock())


async def test_nothing_is_accepted_before_redis_was_inspected_or_while_it_falls_short(
    store: Store, health: Health
) -> None:
    await store.redis.config_set("appendfsync", "everysec")
    await health.prepare()

    with pytest.raises(StoreUnavailable, match="appendfsync always"):
        await guarded(take, health.obstacle)(events.completed())
    assert not (await health.readiness()).ready


async def test_a_shortfall_that_ends_is_noticed(store: Store, health: Health) -> None:
    await store.redis.config_set("appendfsync", "everysec")
    await health.prepare()
    await store.redis.config_set("appendfsync", "always")

    await health.look()

    assert (await guarded(take, health.obstacle)(events.completed())).status == "accepted"


async def test_a_promise_that_redis_stops_keeping_is_noticed(store: Store, health: Health) -> None:
    await health.prepare()
    await store.redis.config_set("maxmemory-policy", "allkeys-lru")

    for _ in range(60):
        await health.look()

    with pytest.raises(StoreUnavailable, match="noeviction"):
        await guarded(take, health.obstacle)(events.completed())
    assert "noeviction" in (await health.readiness()).checks["redis"]


async def test_a_full_redis_is_not_ready_and_says_so(store: Store, health: Health) -> None:
    await health.prepare()
    await store.redis.config_set("maxmemory", 1)

    found = await health.readiness()

    assert not found.ready
    assert "maxmemory" in found.checks["redis"]


async def test_it_says_so_when_no_process_keeps_time_and_stays_ready(store: Store, health: Health) -> None:
    await health.prepare()
    assert "is there a process that delivers" in (await health.readiness()).checks["scheduler"]

    await Runs(store).tick(0)
    assert "scheduler" not in (await health.readiness()).checks

    await store.redis.hset(TICKS, "last", int((await store.time() - 100) * 1000))
    found = await health.readiness()
    assert found.checks["scheduler"].startswith("last ran 100 s ago")
    assert found.ready


async def test_data_that_somebody_deletes_is_noticed_until_a_reload(store: Store, health: Health) -> None:
    await health.prepare()
    await health.look()
    before = (await health.readiness()).checks
    await store.redis.flushall()

    with capture_logs() as lines:
        await health.look()
        await health.look()
    found = await health.readiness()
    health.resume()

    assert "data" not in before
    assert [line["event"] for line in lines] == ["redis.emptied"]
    assert found.checks["data"].startswith("found deleted at 2024-01-20 11:20:00 UTC")
    assert found.ready
    assert "data" not in (await health.readiness()).checks
