"""Copies of what was sent: written with the settling of a delivery where they are wanted, few, and for three days."""

from collections.abc import Callable
from typing import Any

import pytest

from relay.domain.deliveries import Delivery
from relay.store import Store
from relay.store.copies import COPIES
from relay.store.queries.history import History
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import POSTED, accept, claim_one, message
from tests.support.targets import mail, room, team

LINK = "https://relay.example.com/unsubscribe/SECRET?a=1&b=2"


async def sent(store: Store, channel: str = "slack", **changes: Any) -> Delivery:
    delivery = await claim_one(store, channel)
    await store.mark_sending(delivery)
    assert await store.complete(delivery, POSTED, message(delivery, **changes))
    return delivery


async def test_of_a_message_that_is_kept_true_it_is_the_newest_state(
    open_redis_store: Callable[..., Store], clock: Clock
) -> None:
    store = open_redis_store(copies=COPIES)
    await store.prepare()
    for percentage in (10, 60):
        await accept(store, events.progress(percentage), to=team())
        await sent(store, content={"text": f"{percentage} %"})
        clock.advance(60)

    (row,) = (await History(store).page()).rows
    copy = await store.copies.of(row.copy)

    assert copy
    assert (copy.content, row.edits) == ({"text": "60 %"}, 1)


@pytest.mark.parametrize("content", [{"html": f"<a href='{LINK}'>x</a>"}, {"text": LINK}, {"html": "a=1&amp;b=2"}])
async def test_no_reader_s_own_link_is_kept(open_redis_store: Callable[..., Store], content: dict[str, str]) -> None:
    store = open_redis_store(copies=COPIES)
    await store.prepare()
    await accept(store, events.completed(), to=mail())
    delivery = await sent(store, "email", content=content, unsubscribe=LINK)

    copy = await store.copies.of(delivery.id)

    assert copy
    assert "SECRET" not in f"{copy.content}"


@pytest.mark.parametrize(("limit", "most_bytes"), [(3, 10**6), (100, 500)])
async def test_there_are_few_of_them(
    open_redis_store: Callable[..., Store], clock: Clock, limit: int, most_bytes: int
) -> None:
    store = open_redis_store(copies=(limit, most_bytes))
    await store.prepare()
    deliveries = []
    for number in range(6):
        await accept(store, events.completed(operationId=f"op-{number}"), to=room())
        deliveries.append(await sent(store))
        await store.copies.trim()
        clock.advance(1)

    kept = [delivery.id for delivery in deliveries if await store.copies.of(delivery.id)]

    assert 0 < await store.redis.ttl(f"{{relay}}:copy:{kept[-1]}") <= 3 * 86_400
    assert 1 <= len(kept) <= 3
    assert kept == [delivery.id for delivery in deliveries[-len(kept) :]]
