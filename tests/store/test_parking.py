"""Parking: what waits for something broken costs nobody anything, comes back with it, and does not wait for ever."""

from datetime import timedelta

import pytest

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.domain.deliveries import Delivery
from relay.health import HOUSEKEEPING, Health
from relay.policy.retry import Pause
from relay.store import Store
from relay.store.queries.admin import MAX_PAUSED
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import accept, claim, claim_one, counts, dead_letters
from tests.support.targets import mail, room

HOLD = Pause("destination:room/#room", 60, "is_archived", probe=True)
CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {slack: {token: xoxb-1-parking}}
destinations: {room: {slack: "#room", mode: each}}
rules: []
"""


@pytest.fixture
def health(store: Store, clock: Clock) -> Health:
    config = parse_config(CONFIG, env={}, channels=CHANNELS)
    return Health(store, lambda: config, clock=clock)


async def fill(store: Store, first: int, last: int) -> None:
    """A completion of each of these operations for the room."""
    for number in range(first, last):
        await accept(store, events.completed(operationId=f"op-{number}"), to=room())


async def fail(store: Store, delivery: Delivery, hold: Pause = HOLD) -> None:
    await store.mark_sending(delivery)
    await store.reschedule(delivery, hold.seconds, hold.reason, refund_attempt=True, holds=[hold])


async def broken(store: Store, waiting: int) -> Delivery:
    """The room is broken, and so many more deliveries wait for it; the one that found out."""
    await fill(store, 0, 1)
    delivery = await claim_one(store)
    await fail(store, delivery)
    await fill(store, 1, waiting + 1)
    assert await claim(store) == []
    return delivery


async def test_a_reload_brings_them_back(store: Store, health: Health) -> None:
    await broken(store, 10)

    await health._resume()

    assert len(await claim(store)) == 10


async def test_what_is_too_old_is_given_up_whatever_the_probes_say(store: Store, clock: Clock, health: Health) -> None:
    await broken(store, 250)
    for _ in range(3):
        await claim(store)
    clock.advance(MAX_PAUSED + 61)
    await fill(store, 300, 310)
    await claim(store)
    for _ in range(HOUSEKEEPING):
        await health.look()

    ledger = await counts(store)
    assert ledger["buried:paused_too_long"] >= 249
    assert ledger["pending"] <= 11
    assert (await dead_letters(store))[0].error == "is_archived"


class TestRemovedChannels:
    async def test_its_queue_is_given_up_after_the_maximum_age_and_not_before(
        self, store: Store, clock: Clock, health: Health
    ) -> None:
        for number in range(120):
            await accept(store, events.completed(operationId=f"op-{number}"), to=mail())
        await accept(store, events.progress(1, operationId="op-1"), events.completed(operationId="op-9"), to=mail())
        await health.prepare()
        for _ in range(HOUSEKEEPING):
            await health.look()
        before, checks = await counts(store), (await health.readiness()).checks
        clock.advance(timedelta(days=3, minutes=1).total_seconds())
        for _ in range(HOUSEKEEPING):
            await health.look()

        assert "dead" not in before
        assert checks["channel:email"].startswith("120 deliveries wait")
        assert {letter.reason for letter in await dead_letters(store)} == {"channel_removed"}
        assert (await counts(store))["pending"] == 0
        assert "channel:email" not in (await health.readiness()).checks
