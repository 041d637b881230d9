"""Which partitions a claim asks: not those that have nothing due, and never one later than it is."""

from collections.abc import Callable

import pytest

from relay.store import Store
from tests.support import events
from tests.support.queue import send
from tests.support.targets import mail

PARTITIONS = 16
IDLE = 60.0


@pytest.fixture
async def store(open_store: Callable[..., Store]) -> Store:
    return open_store(partitions=PARTITIONS)


async def claims(store: Store, times: int = 1) -> int:
    """How many scripts so many claims of an idle worker run."""
    before = await _scripts_run(store)
    for _ in range(times):
        await store.claim("email", 20, idle=IDLE)
    return await _scripts_run(store) - before


async def _scripts_run(store: Store) -> int:
    """By this Redis, which may have run none yet."""
    statistics = await store.redis.info("commandstats")
    return int(statistics.get("cmdstat_evalsha", {"calls": 0})["calls"])


async def test_partitions_with_nothing_due_are_left_alone(store: Store) -> None:
    await store.pulse()
    await claims(store)

    assert await claims(store, 10) == 0
    assert (await store.claim("email", 20, idle=IDLE)).next_due == pytest.approx(IDLE, abs=30)


async def test_those_that_this_process_has_changed_are_asked_at_once(store: Store) -> None:
    await claims(store)
    await store.accept(events.completed(operationId="op-1"), [mail()])

    claimed = await store.claim("email", 20, idle=IDLE)

    assert len(claimed.deliveries) == 1
    assert await claims(store) <= 1  # its own lease is nothing that this process does not know


async def test_whoever_does_not_say_how_long_asks_all(open_store: Callable[..., Store], store: Store) -> None:
    await claims(store)
    await open_store(partitions=PARTITIONS).accept(events.completed(operationId="op-1"), [mail()])

    early = await store.claim("email", 20, idle=IDLE)

    assert early.deliveries == ()
    assert (await send(store, "email")).event.subject == "op-1"


async def test_those_of_what_is_unsettled_are_left_out(store: Store) -> None:
    await store.accept(events.completed(operationId="op-1"), [mail()])
    everywhere = [partition.number for partition in store.partitions]

    assert (await store.claim("email", 20, without=everywhere)).deliveries == ()
    assert len((await store.claim("email", 20)).deliveries) == 1
