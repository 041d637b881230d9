"""A server that steps down keeps its connections: they are dropped, so that the address leads to its successor."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from relay.config import parse_config
from relay.errors import StoreUnavailable
from relay.health import Health
from relay.store import Store
from tests.support import events
from tests.support.clock import Clock
from tests.support.haproxy import haproxy_before_redis
from tests.support.ports import free_ports
from tests.support.redis_server import RedisServer, follow
from tests.support.targets import room
from tests.support.waiting import until

pytestmark = pytest.mark.slow

CONFIG = 'sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}\nrules: []'


@dataclass
class Pair:
    """Two servers behind one address, a link to a socket; the second follows the first until the failover."""

    address: Path
    first: Redis
    second: Redis
    ports: tuple[int, int]

    async def fail_over(self) -> None:
        """As an operator does before maintenance: no connection is closed by it."""
        await self.second.execute_command("REPLICAOF", "NO", "ONE")
        self.lead_to(self.second)
        await follow(self.first, self.ports[1])

    def lead_to(self, server: Redis) -> None:
        """Let new connections reach this one, as after a change in the DNS; those that stand stay where they are."""
        self.address.unlink(missing_ok=True)
        self.address.symlink_to(server.connection_pool.connection_kwargs["path"])


@pytest.fixture
async def pair(home: Path) -> AsyncIterator[Pair]:
    ports = free_ports(2)
    one, two = (RedisServer(port=str(port), repl_diskless_sync_delay="0") for port in ports)
    with one, two:
        async with Redis.from_url(one.url) as first, Redis.from_url(two.url) as second:
            pair = Pair(home / "redis.sock", first, second, (ports[0], ports[1]))
            pair.lead_to(first)
            await follow(second, ports[0])
            yield pair


@pytest.fixture
async def store(pair: Pair) -> AsyncIterator[Store]:
    store = Store.open(f"unix://{pair.address}?db=0", process="w")
    await store.prepare("memory")
    yield store
    await store.aclose()


async def test_after_a_planned_failover_the_next_call_reaches_the_new_primary(pair: Pair, store: Store) -> None:
    await store.report(events.started(), [room()])
    await pair.fail_over()

    assert (await store.report(events.completed(), [room()])).status == "accepted"
    assert await pair.second.dbsize() > 0


async def test_the_watch_finds_the_new_primary_by_itself(pair: Pair, store: Store) -> None:
    config = parse_config(CONFIG, env={}, channels={})
    health = Health(store, lambda: config, clock=Clock())
    await health.prepare()
    await pair.fail_over()

    await health.look()
    refused = (await health.obstacle()) or ""
    await health.look()

    assert "read-only replica" not in refused
    assert await health.obstacle() == ""
    assert (await health.readiness()).ready


async def test_behind_haproxy_as_documented_the_address_leads_to_whoever_is_the_primary(pair: Pair) -> None:
    for server in (pair.first, pair.second):
        await server.execute_command("ACL", "SETUSER", "relay", "on", ">PASSWORD", "~*", "+@all")
    async with haproxy_before_redis(pair.ports) as url:
        store = Store.open(url.replace("://", "://relay:PASSWORD@"), process="w")
        await until(lambda: _answers(store))
        await store.prepare("replicated")
        await store.report(events.started(), [room()])
        await pair.second.execute_command("REPLICAOF", "NO", "ONE")
        await follow(pair.first, pair.ports[1])

        async def accepted() -> str:
            try:
                return (await store.report(events.completed(), [room()])).status
            except StoreUnavailable:
                return ""

        assert await until(accepted) == "accepted"
        assert await pair.second.dbsize() > 0
        await store.aclose()


async def _answers(store: Store) -> bool:
    try:
        await store.probe()
        return bool((await store.redis.info("replication"))["role"] == "master")
    except (StoreUnavailable, RedisError):
        return False
