"""Tests of whether relay can keep its promise, noticed when it changes."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.engine.names import operation
from relay.errors import StoreUnavailable
from relay.health import Health
from relay.ingest import Ingest, guarded
from relay.memory import MIB, Memory
from relay.store import Store
from relay.store.queries.runs import Runs
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import accept, claim_one
from tests.support.redis_server import RedisServer
from tests.support.targets import room

CONFIG = """
redis: {durability: fsync}
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
rules: []
"""


LISTENING = """
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {slack: {token: xoxb-1-health}}
destinations: {team: {slack: "#team"}}
rules: [{name: critical, priorities: [Critical], events: ["operation.*"], notify: [team]}]
"""


async def take(_event: Event, _targets: object = None, **_reach: object) -> Accepted:
    return Accepted("accepted", 1)


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    with RedisServer(appendonly="yes", appendfsync="always") as server:
        yield server


@pytest.fixture
async def store(server: RedisServer, clock: Clock) -> AsyncIterator[Store]:
    store = Store.open(server.url, process="w", private=True, clock=clock)
    yield store
    await store.aclose()


@pytest.fixture
def health(store: Store, clock: Clock) -> Health:
    config: Config = parse_config(CONFIG, env={}, channels={})
    return Health(store, lambda: config, clock=clock)


async def test_readiness_says_what_the_memory_can_hold(health: Health) -> None:
    health.memory = Memory.shared(512 * MIB).stated(private=True)

    assert (await health.readiness()).memory == {
        "limit": 536_870_912, "hot": 33_554_432, "redis": 226_492_416, "operations": 61_135, "messages": 36_681,
    }  # fmt: skip


async def test_a_shortfall_that_ends_is_noticed(store: Store, health: Health) -> None:
    await store.redis.config_set("appendfsync", "everysec")
    await health.prepare()
    short, unready = health.shortcomings(), await health.unready()
    await store.redis.config_set("appendfsync", "always")

    await health.look()

    assert "appendfsync always" in short["durability"]
    assert unready == short["durability"]
    assert health.shortcomings() == {}
    assert (await guarded(take, health.obstacle)(events.completed())).status == "accepted"


async def test_a_promise_that_redis_stops_keeping_is_noticed(store: Store, health: Health) -> None:
    await health.prepare()
    await store.redis.config_set("maxmemory-policy", "allkeys-lru")

    for _ in range(60):
        await health.look()

    with pytest.raises(StoreUnavailable, match="noeviction"):
        await guarded(take, health.obstacle)(events.completed())
    assert "noeviction" in (await health.readiness()).checks["redis"]


async def test_at_nine_tenths_of_its_memory_acts_alone_are_taken_and_readyz_says_so(
    store: Store, health: Health
) -> None:
    await health.prepare()
    await filled(store, 0.95)

    await health.look()

    with pytest.raises(StoreUnavailable, match="of its maxmemory"):
        await guarded(take, health.obstacle)(events.completed())
    assert (await guarded(take, health.obstacle_to_acts)(events.completed())).status == "accepted"
    found = await health.readiness()
    assert (found.ready, found.checks["redis"]) == (False, "ok")
    assert "no event is taken" in found.checks["memory"]
    assert "no event is taken" in await health.unready()
    assert "of its maxmemory" in health.shortcomings()["memory"]
    await store.redis.config_set("maxmemory", 0)
    await health.look()
    assert (await guarded(take, health.obstacle)(events.completed())).status == "accepted"


async def test_in_a_full_redis_hand_outs_that_nobody_attends_to_are_given_up(store: Store, clock: Clock) -> None:
    config = parse_config(LISTENING, env={}, channels=CHANNELS)
    health = Health(store, lambda: config, clock=clock)
    await health.prepare()
    await accept(store, events.completed(), to=replace(room(), destination="team", address="#team"))
    lost = await claim_one(store)
    store.let_go(lost)
    await store.redis.config_set("maxmemory", "1mb")

    await health.look()
    clock.advance(1)

    assert (await claim_one(store)).id == lost.id


async def test_at_eight_tenths_progress_that_nobody_waits_for_is_left_to_its_sender(
    store: Store, health: Health
) -> None:
    await health.prepare()
    config = parse_config(LISTENING, env={}, channels=CHANNELS)
    ingest = Ingest(store, lambda: config, CHANNELS, fullness=lambda: health.fullness)
    await filled(store, 0.85)

    await health.look()

    with pytest.raises(StoreUnavailable, match="nobody is notified"):
        await ingest.ingest(events.progress(40))
    waited_for = events.progress(40, priority="Critical")
    assert [(await ingest.ingest(event)).status for event in (waited_for, events.completed())] == ["accepted"] * 2
    found = await health.readiness()
    assert found.ready
    assert "nobody waits" in found.checks["memory"]


async def test_a_redis_that_may_be_full_within_a_second_is_glanced_at_between_two_looks(
    store: Store, health: Health
) -> None:
    await health.prepare()
    for before, refuses in ((0.3, False), (0.7, True)):
        await filled(store, before)
        await health.look()
        await filled(store, 0.95)

        await health.glance()

        assert bool(await health.obstacle()) is refuses


async def filled(store: Store, part: float) -> None:
    """Let what Redis uses be this part of what it may use."""
    await store.redis.setrange("filler", 64 << 20, "x")  # beside which the buffers of a connection are nothing
    memory = await store.redis.info("memory")
    await store.redis.config_set("maxmemory", int(memory["used_memory"] / part))


async def test_it_says_so_when_no_process_keeps_time_and_stays_ready(
    store: Store, health: Health, clock: Clock
) -> None:
    await health.prepare()
    assert "is there a process that delivers" in (await health.readiness()).checks["scheduler"]

    assert "is there a process that delivers" in await health.unready()

    await Runs(store).tick(0)
    assert "scheduler" not in (await health.readiness()).checks
    assert await health.unready() == ""

    clock.advance(100)
    found = await health.readiness()
    assert found.checks["scheduler"].startswith("last ran 100 s ago")
    assert found.ready


async def test_a_value_that_cannot_be_read_is_named(store: Store, health: Health) -> None:
    await health.prepare()
    event = events.progress(10)
    key = f"op:{operation(event.subject, event.space(event.subject))}"
    await store.redis.set(f"{{relay}}:{key}", b"damaged")

    with pytest.raises(StoreUnavailable, match=key):
        await store.report(event, [room()])

    found = await health.readiness()
    assert found.ready
    assert found.checks["records"].startswith(f"the value of {key} in Redis cannot be read: ")


async def test_data_that_somebody_deletes_is_noticed_until_a_reload(store: Store, health: Health) -> None:
    await health.prepare()
    await health.look()
    before = (await health.readiness()).checks
    await store.redis.flushall()

    with capture_logs() as lines:
        await health.look()
        await health.look()
    found, lacks = await health.readiness(), health.shortcomings()
    health.resume()

    assert "data" not in before
    assert lacks == {"data": "somebody deleted relay's data at 2024-01-20 11:20:00 UTC"}
    assert health.shortcomings() == {}
    assert [line["event"] for line in lines] == ["partition.lost", "partition.owned", "redis.emptied"]
    assert found.checks["data"].startswith("found deleted at 2024-01-20 11:20:00 UTC")
    assert found.ready
    assert "data" not in (await health.readiness()).checks


@pytest.mark.parametrize("name", ["ledger", "inbox", "due:slack:1", "mark", "operations", "parking"])
async def test_a_shared_key_of_another_type_is_named_and_nothing_is_taken(
    store: Store, clock: Clock, name: str
) -> None:
    config = parse_config(LISTENING, env={}, channels=CHANNELS)
    health = Health(store, lambda: config, clock=clock)
    await health.prepare()
    redis, key = store.redis, f"{{relay}}:{name}"
    kept = await redis.exists(key) and await redis.dump(key)
    await redis.delete(key)
    await redis.hset(key, "x", "y") if name != "ledger" else await redis.set(key, "x")

    await health.look()

    with pytest.raises(StoreUnavailable, match=name):
        await guarded(take, health.obstacle)(events.completed())
    found = await health.readiness()
    assert not found.ready
    assert found.checks["redis"].startswith(
        f"Redis: {key} is a {'string' if name == 'ledger' else 'hash'}, expected a "
    )
    await redis.delete(key)
    if kept:
        await redis.restore(key, 0, kept)
    await health.look()
    assert (await health.readiness()).checks["redis"] == "ok"


@pytest.mark.parametrize("name", ["ledger", "operations", "over"])
async def test_an_event_is_refused_and_counts_again_where_its_commit_meets_another_type(
    store: Store, name: str
) -> None:
    await store.prepare("fsync")
    await store.redis.set(f"{{relay}}:{name}", "x")

    with pytest.raises(StoreUnavailable, match=f"{{relay}}:{name}"):
        await accept(store, events.completed(), to=room())

    await store.redis.delete(f"{{relay}}:{name}")
    await accept(store, events.completed(), to=room())
    assert await claim_one(store)
