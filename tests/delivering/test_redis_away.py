"""Redis goes away in the middle of a delivery: what is known in here is settled before anything is claimed."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from relay.delivering.worker import Worker
from relay.outage import Outage
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import claim, counts
from tests.support.redis_server import RedisServer
from tests.support.targets import mail
from tests.support.waiting import until
from tests.support.wire import Wire
from tests.support.workers import Bench

pytestmark = pytest.mark.slow
MINUTE = 60.0


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    with RedisServer(appendonly="yes", appendfsync="always") as server:
        yield server


@pytest.fixture
async def own_store(server: RedisServer, clock: Clock) -> AsyncIterator[Store]:
    store = Store.open(server.url, process="w", clock=clock)
    await store.prepare()
    yield store
    assert (await Admin(store).ledger()).imbalance == 0
    await store.aclose()


@pytest.fixture
async def running(own_store: Store, bench: Bench, clock: Clock) -> AsyncIterator[Worker]:
    """A worker on a Redis that the test takes away."""
    worker = bench.worker(own_store, clock=time.time, outage=Outage(clock))
    loop = asyncio.create_task(worker.run())
    yield worker
    await worker.stop(5)
    loop.cancel()
    await asyncio.wait([loop])


async def _sending(store: Store, wire: Wire, worker: Worker, count: int = 1) -> asyncio.Event:
    """So many mails are on the wire; each arrives once the event is set."""
    arrived = asyncio.Event()
    wire.answers, wire.limited = [arrived] * count, ((), ())
    for number in range(count):
        await store.report(events.completed(operationId=f"op-{number}"), [mail()])
    worker.wake()
    await until(lambda: len(wire.arrived) == count)
    return arrived


async def test_what_arrived_before_an_outage_longer_than_the_lease_is_told_once(
    server: RedisServer, own_store: Store, wire: Wire, clock: Clock, running: Worker
) -> None:
    arrived = await _sending(own_store, wire, running, 6)

    server.kill()
    arrived.set()
    await until(lambda: not own_store.journal.may_send())
    server.start()
    await until(lambda: _delivered(own_store, 6))
    clock.advance(10 * MINUTE)

    assert len(wire.arrived) == 6
    assert await claim(own_store, "email") == []
    assert "unknown_outcomes" not in await counts(own_store)


async def test_while_a_receipt_waits_for_redis_nothing_is_claimed(
    server: RedisServer, own_store: Store, wire: Wire, running: Worker
) -> None:
    arrived = await _sending(own_store, wire, running)

    server.kill()
    arrived.set()
    await until(lambda: not own_store.journal.may_send())
    server.start()
    await until(lambda: _delivered(own_store, 1))

    timeline = await Admin(own_store).timeline(events.completed(operationId="op-0").subject)
    assert timeline is not None
    assert "lease lapsed" not in [line[1] for line in timeline.log]


async def _delivered(store: Store, count: int) -> bool:
    return (await counts(store)).get("delivered", 0) == count
