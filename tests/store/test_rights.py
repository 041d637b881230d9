"""A user of Redis with the rights of docs/deployment.md: enough for all that relay does, and for no more."""

import re
import shlex
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from relay.domain.deliveries import Receipt
from relay.errors import StoreUnavailable
from relay.store import Store
from relay.store.audit import Act, AuditTrail
from relay.store.queries.admin import Admin
from relay.store.queries.runs import Runs
from relay.store.queries.suppressions import Suppressions
from relay.store.sessions import Sessions
from tests.support import events
from tests.support.audit import acts_of
from tests.support.clock import Clock
from tests.support.events import body
from tests.support.queue import claim, send
from tests.support.redis_server import RedisServer
from tests.support.stage import Stage, running, surroundings
from tests.support.targets import mail, room, team

ROOT = Path(__file__).parents[2]
(RULE,) = re.findall(r"^ACL SETUSER relay .*$", (ROOT / "docs" / "deployment.md").read_text("utf-8"), re.M)
DAY = 86_400


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer(appendonly="yes", appendfsync="always") as server:
        yield server


@pytest.fixture
async def administrator(server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(server.url, decode_responses=True) as redis:
        await redis.execute_command(*shlex.split(RULE.replace("PASSWORD", "a-password")))
        yield redis


def of_user(server: RedisServer) -> str:
    return server.url.replace("unix://", "unix://relay:a-password@")


async def refused(administrator: Redis) -> list[str]:
    """What the user wanted and was refused, since the last time."""
    lines = [f"{entry['reason']}: {entry['object']}" for entry in await administrator.acl_log()]
    await administrator.acl_log_reset()
    return lines


async def test_a_stores_whole_life(  # noqa: PLR0915 - a command of each kind
    server: RedisServer, administrator: Redis, clock: Clock
) -> None:
    store = Store.open(of_user(server), process="w", clock=clock)
    admin, runs, people = Admin(store), Runs(store), Suppressions(store)
    promise = await store.prepare("fsync")
    await store.probe()
    await store.release_gone()
    for name in ("op-1", "op-2", "op-3"):
        await store.report(events.started(operationId=name), [team(), room()])
        await store.report(events.progress(50, operationId=name), [team()])
        await store.report(events.completed(operationId=name), [team(), room(), mail()])
    await people.add("gone@example.com")
    await people.all()
    sessions = Sessions(store)
    await sessions.keep("an-id", DAY)
    await sessions.lasts("an-id", DAY)
    await sessions.lasts("an-id")
    await sessions.forget("an-id")
    await sessions.lay("an-id", DAY)
    await sessions.take("an-id")
    async with AuditTrail(store.plain).act(Act("root@host", "suppressed add")):
        pass
    await acts_of(store.redis)
    await AuditTrail(store.plain).trim(clock())
    for delivery in await claim(store):
        await store.mark_sending(delivery)
        await store.complete(delivery, Receipt("C1/1.1", {"channel": "C1", "ts": "1.1"}))
    first, second, third = await claim(store, "email")
    await store.release(first)
    await store.reschedule(second, 60, "451")
    await store.dead_letter(third, "rejected", "550", bounce="hard")
    await admin.dead_letter(third.id)
    await admin.replay([third.id])
    await store.bodies.keep("ops", b"{", {}, "no JSON", fault=False)
    [row] = (await store.bodies.page()).rows
    await store.bodies.named(row.id)
    await admin.announce({"room": {"slack": ["*"]}})
    await admin.paused(["channel:slack"])
    await admin.stranded({"email"})
    await admin.expire_parked(3 * DAY)
    await admin.expire_dead(datetime.fromtimestamp(clock(), UTC))
    await admin.timeline("op-1")
    await admin.queued(["slack", "email"])
    await runs.tick(60)
    await runs.due(10)
    await runs.failed_ticks()
    clock.advance(4 * DAY)
    await runs.trim(100)
    await store.fullness()
    ledger = await admin.ledger()
    await store.aclose()
    receiver = Store.open(of_user(server), process="r", may_own=False)
    await receiver.prepare("fsync")
    for name in ("op-4", "op-5"):  # the second is weighed against what waits
        await receiver.report(events.started(operationId=name), [team()])
    await receiver.aclose()

    assert promise.shortfall == ""
    assert (ledger.imbalance, await refused(administrator)) == (0, [])


@pytest.mark.slow
async def test_a_whole_relay(server: RedisServer, administrator: Redis) -> None:
    async with surroundings(server.url, RELAY_REDIS_URL=of_user(server)) as around, running(around) as relay:
        stage = Stage(around, relay)
        for tenant in ("live", "room", "mail"):
            for name, percentage, status in (("started", 0, "Running"), ("completed", 100, "Completed")):
                event = body(f"operation.{name}", percentage, status=status, operationId=tenant) | {"tenantId": tenant}
                assert (await stage.post(event)).status == 202
        await around.mails(4)
        assert (await around.settled()).counts["delivered"] >= 6

    assert await refused(administrator) == []


@pytest.mark.parametrize("command", ["GET other", "SET other 1", "FLUSHALL", "KEYS *", "CONFIG SET save 1", "SHUTDOWN"])
async def test_it_may_do_nothing_else(server: RedisServer, administrator: Redis, command: str) -> None:
    async with Redis.from_url(of_user(server)) as redis:
        with pytest.raises(NoPermissionError):
            await redis.execute_command(*command.split())


async def test_without_config_fsync_cannot_be_seen_and_is_not_claimed(
    server: RedisServer, administrator: Redis, clock: Clock
) -> None:
    await administrator.execute_command("ACL", "SETUSER", "relay", "-config|get")
    store = Store.open(of_user(server), process="w", clock=clock)

    auto, named = await store.prepare("auto"), await store.prepare("fsync")
    await store.report(events.completed(), [room()])
    await send(store)
    await store.aclose()

    assert (auto.durability, auto.shortfall) == ("memory", "")
    assert "durability is fsync, but Redis does not run with" in named.shortfall


async def test_a_wrong_password_is_said_without_it(server: RedisServer, administrator: Redis, clock: Clock) -> None:
    store = Store.open(of_user(server).replace("a-password", "another-one"), process="w", clock=clock)

    with pytest.raises(StoreUnavailable, match="it wants a password, or another one") as refusal:
        await store.ping()
    await store.aclose()

    assert "another-one" not in str(refusal.value)
