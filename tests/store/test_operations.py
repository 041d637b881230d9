"""Operations as they came, and those that are found by a part of their name."""

from collections.abc import Callable
from typing import Any

from relay.domain.events import Event
from relay.store import Store
from relay.store.queries.operations import OperationRow, Operations
from relay.store.sealing import Sealer
from tests.support import events
from tests.support.clock import Clock


async def tell(store: Store, clock: Clock, *heard: Event) -> None:
    for event in heard:
        await store.report(event, [])
        clock.advance(1)


def ids(rows: Any) -> list[str]:
    return [row.subject for row in rows]


async def all_of(store: Store, **which: Any) -> list[OperationRow]:
    page = await Operations(store).page(**which)
    rows = [*page.rows]
    while page.cursor:
        page = await Operations(store).page(cursor=page.cursor, **which)
        rows += page.rows
    return rows


async def test_pages_follow_each_other_newest_first(store: Store, clock: Clock) -> None:
    await tell(store, clock, *(events.started(operationId=f"op-{number}") for number in range(9)))
    await tell(store, clock, events.completed(operationId="op-0"))  # it is no news that it exists

    assert ids(await all_of(store, limit=4)) == [f"op-{number}" for number in reversed(range(9))]
    assert ids(await all_of(store, limit=2, state="over")) == ["op-0"]
    assert ids(await all_of(store, limit=4, state="running")) == [f"op-{number}" for number in reversed(range(1, 9))]


async def test_names_that_are_sealed_are_found_as_well(open_redis_store: Callable[..., Store], clock: Clock) -> None:
    store = open_redis_store(sealer=Sealer({"current": b"k" * 32}))
    await store.prepare()
    await tell(store, clock, events.started(operationId="op-1", operationName="Nightly load"))

    assert ids(await all_of(store, text="nightly")) == ["op-1"]
