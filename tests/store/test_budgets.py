"""What is left of the limits of an address, as pages show it: the same that the scripts go by."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from relay.domain.deliveries import Limit, Limits, RequestLimit, Target
from relay.store import Store
from relay.store.budgets import Budget, Budgets
from tests.support import events
from tests.support.clock import Clock
from tests.support.partitions import PARTITIONS
from tests.support.queue import claim, send
from tests.support.targets import changed, mail, team

POSTS = (Limit("post:#team", 2.0, 3),)
CAPPED = team(new_message_cap=(2, 600.0), new_limits=(), edit_limits=(), post_after=0.0)
ASKED = changed(mail(), destination="dynamic")


@pytest.fixture
async def store(open_store: Callable[..., Store]) -> Store:
    store = open_store(partitions=PARTITIONS)
    await store.prepare()
    return store


async def budgets(store: Store, clock: Clock, *targets: Target) -> list[list[Budget]]:
    return await Budgets(store).of(targets, clock())


async def test_each_that_goes_takes_one_and_time_gives_it_back(store: Store, clock: Clock) -> None:
    target = team(new_limits=POSTS, edit_limits=(), post_after=0.0)
    assert await budgets(store, clock, target) == [[Budget("new", 3, 2.0, 3, None)]]
    left = []
    for number in range(5):
        await store.accept(events.completed(operationId=f"op-{number}"), [target])
    assert len(await claim(store)) == 3
    for _ in range(5):
        ((row,),) = await budgets(store, clock, target)
        left.append((row.left, row.free_at and row.free_at - clock()))
        clock.advance(1.5)
    assert left == [(0, 2.0), (0, 0.5), (1, None), (2, None), (3, None)]
    assert len(await claim(store)) == 2


async def test_new_live_messages_count_in_the_time_that_ends_now(store: Store, clock: Clock) -> None:
    for number in range(2):
        await store.accept(events.completed(operationId=f"op-{number}"), [CAPPED])
        await send(store)
        ((row,),) = await budgets(store, clock, CAPPED)
        assert (row.kind, row.most, row.left) == ("live", 2, 1 - number)
        clock.advance(60)
    assert row.free_at == clock() + 480
    clock.advance(481)
    assert await budgets(store, clock, CAPPED) == [[Budget("live", 2, 600.0, 1, None)]]


async def test_what_operations_ask_for_counts_from_the_first_on(store: Store, clock: Clock) -> None:
    limit = RequestLimit("analyst@example.com", 2, 3600.0)
    target = replace(ASKED, limits=Limits(requested=limit))
    began = clock()
    for number in range(2):
        await store.accept(events.completed(operationId=f"op-{number}"), [target])
        await send(store, "email")
        clock.advance(60)
    assert await budgets(store, clock, target, mail()) == [
        [Budget("requested", 2, 3600.0, 0, began + 3600)],
        [],
    ]
    clock.advance(3600)
    assert await budgets(store, clock, target) == [[Budget("requested", 2, 3600.0, 2, None)]]
