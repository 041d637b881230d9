"""Letters between partitions: carried by anybody, applied once and in order, and nobody waits for one that is away."""

import asyncio
from collections.abc import Callable

import pytest

from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.client import Promise
from relay.store.keys import operation
from relay.store.target_plan import home_of
from tests.support import events
from tests.support.partitions import OP, PARTITIONS, Away, carried, number, source_of, waiting
from tests.support.queue import POSTED, claim, counts
from tests.support.targets import room


@pytest.fixture
async def store(open_store: Callable[..., Store]) -> Store:
    store = open_store(partitions=PARTITIONS)
    await store.prepare()
    return store


async def test_a_sender_does_not_wait_for_a_partition_that_is_away(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The letter stays, counts as pending, and is carried after the next pulse of any process."""
    home = Away(store.partitions[number(home_of(room()))], monkeypatch)
    home.leave()

    accepted = await store.accept(events.completed(operationId=OP), [room()])
    meanwhile = (await waiting(store), (await counts(store))["pending"])
    home.come_back()
    await store.pulse()
    await carried(store)

    assert (accepted.status, meanwhile) == ("accepted", (1, 1))
    assert (await counts(store))["pending"] == 1
    assert [delivery.kind for delivery in await claim(store)] == ["each"]


async def test_one_that_is_brought_again_is_applied_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Away(store.partitions[number(home_of(room()))], monkeypatch)
    home.leave()
    await store.accept(events.completed(operationId=OP), [room()])
    home.come_back()
    letters = await source_of(store).run("letters", ("read", home.partition.number, 64))
    for _ in range(2):
        await home.partition.run("letters", ("apply", source_of(store).number, *letters))
        for delivery in await claim(store):
            await store.mark_sending(delivery)
            await store.complete(delivery, POSTED)
    await store.pulse()
    await carried(store)

    assert len(letters) == 1
    assert ((await counts(store))["pending"], (await counts(store))["delivered"]) == (0, 1)


async def test_whom_a_letter_that_cannot_be_applied_was_for_counts_as_dead(store: Store) -> None:
    home = store.partitions[number(home_of(room()))]
    await store.redis.set(home.key(f"operation:{operation(OP)}"), "not a hash")
    await store.accept(events.completed(operationId=OP), [room()])
    ledger = await Admin(store).ledger()

    assert (ledger.counts["accepted"], ledger.counts["dead"], ledger.imbalance) == (1, 1, 0)


async def test_where_replicas_confirm_none_is_carried_before_they_have_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failover could take back what others had applied already, and give its number to another letter."""
    home = Away(store.partitions[number(home_of(room()))], monkeypatch)
    home.leave()
    await store.accept(events.completed(operationId=OP), [room()])
    home.come_back()
    confirmed = store.promise
    store.promise = Promise("replicated", 1)  # and this server has none
    await store.pulse()
    await asyncio.wait(store._letters.carry(source_of(store), [home.partition.number]))
    meanwhile = (await waiting(store), await claim(store))
    store.promise = confirmed
    await store.pulse()
    await carried(store)

    assert meanwhile == (1, [])
    assert len(await claim(store)) == 1
