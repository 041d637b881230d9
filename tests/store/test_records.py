"""What an event costs Redis, and what becomes of one that fails half-way: its operation is written last."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from relay.domain.deliveries import Limit, Target
from relay.domain.events import Event
from relay.errors import HandlingFailed
from relay.store import Store
from relay.store.admin import Admin
from relay.store.keys import home, lane, operation
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import POSTED, claim, claim_one, send
from tests.support.targets import mail, room, team


async def commands(store: Store) -> int:
    """Those since the last reset, but for the calls of scripts and what a new connection says."""
    calls = {
        name.removeprefix("cmdstat_"): row["calls"] for name, row in (await store.redis.info("commandstats")).items()
    }
    others = ("eval", "evalsha", "client|setinfo", "hello", "info", "config|resetstat")
    return sum(number for name, number in calls.items() if name not in others)


async def fail_half_way(store: Store, event: Event, targets: list[Target]) -> None:
    log = "{relay}:log:" + operation(event.subject)
    kept = await store.redis.lrange(log, 0, -1)
    await store.redis.set(log, "not a list")  # the last that is written before the operation's record
    with pytest.raises(HandlingFailed):
        await store.accept(event, targets)
    await store.redis.delete(log)
    if kept:
        await store.redis.rpush(log, *kept)


async def test_an_event_that_failed_half_way_makes_the_same_deliveries_when_it_is_sent_again(store: Store) -> None:
    first = events.completed()
    await fail_half_way(store, first, [room(), mail()])
    again = replace(first, received_at=first.received_at + timedelta(minutes=1))

    assert (await store.accept(again, [room(), mail()])).deliveries == 2

    assert len(await store.redis.keys("{relay}:delivery:*")) == 2
    assert (await Admin(store).ledger()).counts["pending"] == 2


async def test_what_it_made_before_it_failed_may_be_under_way_when_it_is_sent_again(store: Store, clock: Clock) -> None:
    await store.accept(events.progress(10), [team(post_after=0.0)])
    await send(store)
    await fail_half_way(store, events.completed(), [team()])
    clock.advance(2)
    early = await claim_one(store)  # it knows nothing of the outcome
    await store.mark_sending(early)
    await store.accept(events.completed(), [team()])
    await store.complete(early, POSTED)
    clock.advance(2)

    assert "operation.completed" in [delivery.event.name for delivery in await claim(store)]


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


@pytest.mark.parametrize(("sender", "repeated"), [("evt", 1.2), ("", 2.2)], ids=["ids", "none"])
@pytest.mark.parametrize(("targets", "most"), [([], 2.7), ([team()], 7.4)], ids=["nobody", "live"])
async def test_what_an_event_costs(
    store: Store, targets: list[Target], most: float, sender: str, repeated: float
) -> None:
    """Commands of Redis for each event in batches of 24. A repetition of the same id is not even a sign of life."""
    batches = [
        [
            events.event_of(body, id=sender and f"{sender}-{number}-{step}")
            for number in range(24)
            for body in [events.body("operation.progress", 7 * step, operationId=f"op-{number}")]
        ]
        for step in range(8)
    ]

    async def cost() -> float:
        await store.redis.config_resetstat()
        for batch in batches:
            await asyncio.gather(*(store.accept(event, targets) for event in batch))
        return await commands(store) / (8 * 24)

    assert await cost() < most
    assert await cost() < repeated


def own_room(number: int) -> Target:
    return room(address=f"#room-{number}")


def own_team(number: int) -> Target:
    limits = (Limit(f"post:#team-{number}", 0.001),)
    return team(address=f"#team-{number}", post_after=0.0, new_limits=limits, edit_limits=(Limit("edit", 0.001, 1000),))


@pytest.mark.parametrize(
    ("target", "percentages", "most"),
    [(own_room, (10,), 22.5), (own_team, (10,), 31.5), (own_team, (10, 40), 26.5)],
    ids=["each", "live", "edit"],
)
async def test_what_a_delivery_costs(
    store: Store, clock: Clock, target: Callable[[int], Target], percentages: Sequence[int], most: float
) -> None:
    """Commands of Redis from the claim to the receipt, where 24 are claimed and settled together."""
    for percentage in percentages:
        for number in range(24):
            await store.accept(events.progress(percentage, operationId=f"op-{number}"), [target(number)])
        clock.advance(60)
        await store.redis.config_resetstat()
        claimed = (await store.claim("slack", 24)).deliveries
        await asyncio.gather(*map(store.mark_sending, claimed))
        await asyncio.gather(*(store.complete(delivery, POSTED) for delivery in claimed))
        cost = await commands(store) / 24

    assert len(claimed) == 24
    assert cost < most
