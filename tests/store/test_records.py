"""What an event costs Redis, and what becomes of one that fails half-way: its operation is written last."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from relay.domain.deliveries import Target
from relay.domain.events import Event
from relay.errors import HandlingFailed
from relay.store import Store
from relay.store.admin import Admin
from relay.store.keys import operation
from tests.support import events
from tests.support.targets import mail, room, team


async def test_an_event_that_failed_half_way_makes_the_same_deliveries_when_it_is_sent_again(store: Store) -> None:
    first = events.completed()
    log = "{relay}:log:" + operation(first.subject)
    await store.redis.set(log, "not a list")  # the last that is written before the operation's record
    with pytest.raises(HandlingFailed):
        await store.accept(first, [room(), mail()])
    await store.redis.delete(log)
    again = replace(first, received_at=first.received_at + timedelta(minutes=1))

    assert (await store.accept(again, [room(), mail()])).deliveries == 2

    assert len(await store.redis.keys("{relay}:delivery:*")) == 2
    assert (await Admin(store).ledger()).counts["pending"] == 2


@pytest.mark.parametrize(("targets", "most"), [([], 4), ([team()], 8)], ids=["nobody", "live"])
async def test_what_an_event_costs(store: Store, targets: list[Target], most: int) -> None:
    """Commands of Redis for each event in batches of 24; a repetition costs two."""
    batches = [[events.progress(7 * step, operationId=f"op-{number}") for number in range(24)] for step in range(8)]

    async def cost(events: list[list[Event]]) -> float:
        await store.redis.config_resetstat()
        for batch in events:
            await asyncio.gather(*(store.accept(event, targets) for event in batch))
        calls = {name: row["calls"] for name, row in (await store.redis.info("commandstats")).items()}
        return sum(calls[name] for name in calls if name.startswith("cmdstat_") and "eval" not in name) / (8 * 24)

    assert await cost(batches) < most
    assert await cost(batches) < 2.5
