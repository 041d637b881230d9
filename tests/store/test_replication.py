"""`replicated`: what a failover may cost, with a real replica."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from relay.config import Config, parse_config
from relay.health import HOUSEKEEPING, Health
from relay.store import Store
from tests.support import events
from tests.support.clock import Clock
from tests.support.ports import free_ports
from tests.support.queue import claim_one
from tests.support.redis_server import RedisServer, follow
from tests.support.targets import mail
from tests.support.waiting import until

pytestmark = pytest.mark.slow

CONFIG = """
redis: {url: "redis://127.0.0.1:1", durability: %s}
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
rules: []
"""


def configured(durability: str) -> Config:
    return parse_config(CONFIG % durability, env={}, channels={})


@dataclass
class Pair:
    primary: RedisServer
    replica: RedisServer

    async def detach(self) -> None:
        async with Redis.from_url(self.replica.url) as redis:
            await redis.execute_command("REPLICAOF", "NO", "ONE")


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    (port,) = free_ports(1)
    with RedisServer(port=str(port), repl_diskless_sync_delay="0") as primary, RedisServer() as replica:
        async with Redis.from_url(replica.url) as redis:
            await follow(redis, port)
        yield Pair(primary, replica)
        replica.resume()
        if primary._process is None:
            primary.start()


@pytest.fixture
async def store(pair: Pair, clock: Clock) -> AsyncIterator[Store]:
    store = Store.open(pair.primary.url, process="w", clock=clock, monotonic=lambda: 0.0)  # its lease lasts
    assert (await store.prepare("replicated")).replicas == 1
    yield store
    await store.aclose()


async def test_nothing_is_sent_before_the_replica_knows_that_it_is(pair: Pair, store: Store) -> None:
    await store.report(events.completed(), [mail()])
    delivery = await claim_one(store, "email")
    pair.replica.pause()

    with capture_logs() as lines:
        marking = asyncio.create_task(store.mark_sending(delivery))
        await until(lambda: [line for line in lines if line["event"] == "partition.in_doubt"])

    assert lines[0]["reason"] == "0 of 1 replicas confirmed within 2 s"
    assert not marking.done()
    pair.replica.resume()
    assert await marking


async def test_auto_that_becomes_weaker_says_so_and_stops_saying_so(pair: Pair, clock: Clock) -> None:
    store = Store.open(pair.primary.url, process="w", clock=clock)
    health = Health(store, lambda: configured("auto"), clock=clock)
    await health.prepare()
    before = (await health.readiness()).checks["durability"]
    await pair.detach()
    for _ in range(HOUSEKEEPING):
        await health.look()
    weaker = await health.readiness()
    port = (await store.redis.config_get("port"))["port"]
    async with Redis.from_url(pair.replica.url) as redis:
        await redis.execute_command("REPLICAOF", "127.0.0.1", port)

    async def attached() -> bool:
        return bool((await store.redis.info("replication"))["connected_slaves"])

    await until(attached)
    await health.prepare()
    after = (await health.readiness()).checks["durability"]
    await store.aclose()

    assert (before, after) == ("replicated", "replicated")
    assert weaker.checks["durability"] == "memory, and it was replicated: this Redis no longer offers that"
    assert weaker.ready
