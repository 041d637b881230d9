"""Which partitions a claim asks: not those that have nothing due, and never one later than it is."""

import asyncio
from collections.abc import Callable

import pytest

from relay.domain.deliveries import Delivery
from relay.store import Store
from tests.support import events
from tests.support.queue import POSTED
from tests.support.targets import mail

PARTITIONS = 16
IDLE = 60.0


@pytest.fixture
async def store(open_store: Callable[..., Store]) -> Store:
    return open_store(partitions=PARTITIONS)


async def test_those_that_this_process_has_changed_are_asked_at_once(store: Store) -> None:
    await store.claim("email", 20, idle=IDLE)
    await store.accept(events.completed(operationId="op-1"), [mail()])

    claimed = await store.claim("email", 20, idle=IDLE)

    assert len(claimed.deliveries) == 1


class TestAfterADelivery:
    """Whoever settles one hears when the next is due, and asks no sooner."""

    @pytest.fixture
    async def store(self, open_store: Callable[..., Store]) -> Store:
        store = open_store()
        await store.claim("email", 20, idle=IDLE)
        return store

    async def claimed(self, store: Store) -> list[Delivery]:
        return list((await store.claim("email", 1, idle=IDLE)).deliveries)

    async def test_what_is_accepted_meanwhile_is_claimed_at_once(self, store: Store) -> None:
        await store.accept(events.completed(operationId="op-1"), [mail()])
        [first] = await self.claimed(store)
        assert await store.mark_sending(first)
        await asyncio.gather(
            store.complete(first, POSTED), store.accept(events.completed(operationId="op-2"), [mail()])
        )

        assert [delivery.event.subject for delivery in await self.claimed(store)] == ["op-2"]

    async def test_one_that_is_to_be_tried_again_is_claimed_when_it_is_due(self, store: Store) -> None:
        await store.accept(events.completed(operationId="op-1"), [mail()])
        [first] = await self.claimed(store)
        await store.reschedule(first, 30.0, "451 come back later")

        waits = await store.claim("email", 1, idle=IDLE)

        assert waits.deliveries == ()
        assert waits.next_due == pytest.approx(30, abs=1)
