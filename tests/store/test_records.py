"""What an event costs Redis, and what becomes of one that fails half-way: its operation is written last."""

from dataclasses import replace
from datetime import timedelta

import pytest

from relay.domain.deliveries import Target
from relay.domain.events import Event
from relay.errors import HandlingFailed
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.keys import home, lane, operation
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import claim
from tests.support.targets import mail, room, team


async def test_an_event_that_failed_half_way_makes_the_same_deliveries_when_it_is_sent_again(store: Store) -> None:
    first, log = events.completed(), "{relay}:log:" + operation(events.completed().subject)
    await store.redis.set(log, "not a list")  # the last that is written before the operation's record
    with pytest.raises(HandlingFailed):
        await store.accept(first, [room(), mail()])
    await store.redis.delete(log)
    again = replace(first, received_at=first.received_at + timedelta(minutes=1))

    assert (await store.accept(again, [room(), mail()])).deliveries == 2
    assert (await Admin(store).ledger()).counts["pending"] == 2


async def fail_at_the_second(store: Store, event: Event, first: Target) -> None:
    """The first target's delivery is made, but neither the event's body nor its operation's record is written."""
    second = mail(address="broken@example.com")
    broken = "{relay}:lane:" + lane(home("email", second.address), event.subject, second.destination, second.address)
    await store.redis.set(broken, "not a list")
    with pytest.raises(HandlingFailed):
        await store.accept(event, [first, second])
    await store.redis.delete(broken)


@pytest.mark.parametrize("target", [room(), team(post_after=0.0)], ids=["each", "live"])
async def test_what_it_made_before_it_failed_waits_for_the_event_to_be_sent_again(
    store: Store, clock: Clock, target: Target
) -> None:
    await fail_at_the_second(store, events.completed(), target)
    early = await claim(store)
    clock.advance(60)
    await store.accept(events.completed(), [target])

    (delivery,) = await claim(store)

    assert (early, delivery.event.name) == ([], "operation.completed")
    assert await Admin(store).dead() == []
