"""Pulses: whose process is dead is known within seconds, and a Redis that was away is not taken for a dead process."""

from collections.abc import Callable

import pytest

from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import POSTED, accept, claim, claim_one, counts
from tests.support.targets import mail, room


@pytest.fixture
async def pair(open_store: Callable[..., Store]) -> tuple[Store, Store]:
    """The stores of two processes that live."""
    one, two = open_store(), open_store()
    for store in (one, two):
        await store.pulse()
    return one, two


async def live(clock: Clock, seconds: int, *stores: Store) -> None:
    """Let time pass in which these processes write their pulses each second."""
    for _ in range(seconds):
        clock.advance(1)
        for store in stores:
            await store.pulse()


async def test_what_a_dead_process_held_is_claimed_after_four_seconds(pair: tuple[Store, Store], clock: Clock) -> None:
    dead, alive = pair
    await accept(dead, events.completed(), to=room())
    await claim_one(dead)
    await live(clock, 4, alive)
    early = await claim(alive)
    await live(clock, 1, alive)

    again = await claim_one(alive)

    assert early == []
    assert (again.attempt, again.unknown) == (1, False)


async def test_after_redis_was_away_nobody_is_taken_for_dead_and_every_lease_is_prolonged(
    pair: tuple[Store, Store], clock: Clock
) -> None:
    one, two = pair
    await accept(one, events.completed(), to=room())
    delivery = await claim_one(one)
    await one.mark_sending(delivery)
    clock.advance(10 * one.lease)

    first = await claim(two)
    await live(clock, 2, two)

    assert first == await claim(two) == []
    assert await one.complete(delivery, POSTED)
    assert "unknown_outcomes" not in await counts(one)


async def test_a_receipt_is_taken_after_the_lease_has_lapsed_if_nobody_else_has_begun(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    slow, other = open_store(), open_store()
    await accept(slow, events.completed(), to=mail())
    delivery = await claim_one(slow, "email")
    await slow.mark_sending(delivery)
    clock.advance(slow.lease + 1)
    await other.claim("slack", 1)  # takes the lease back, and has no use for the delivery

    settled = await slow.complete(delivery, POSTED)

    assert settled
    assert await claim(other, "email") == []
    assert (await counts(other))["delivered"] == 1


async def test_only_the_receipt_is_taken_so_late(open_store: Callable[..., Store], clock: Clock) -> None:
    slow, other = open_store(), open_store()
    await accept(slow, events.completed(), to=mail())
    delivery = await claim_one(slow, "email")
    clock.advance(slow.lease + 1)
    await other.claim("slack", 1)

    answers = [await slow.mark_sending(delivery), await slow.extend(delivery), await slow.release(delivery)]

    assert answers == [False, False, False]
    assert len(await claim(other, "email")) == 1


async def test_who_knows_that_nobody_else_lives_takes_everything_over_at_once(
    pair: tuple[Store, Store], open_store: Callable[..., Store]
) -> None:
    for number in range(60):
        await accept(pair[number % 2], events.completed(operationId=f"op-{number}"), to=mail())
    for store in pair:
        for delivery in (await store.claim("email", 30)).deliveries:
            await store.mark_sending(delivery)
    heir = open_store()

    await heir.take_over()
    await heir.pulse()

    assert len((await heir.claim("email", 60)).deliveries) + len((await heir.claim("email", 60)).deliveries) == 60
    assert await Admin(heir).dead() == []
