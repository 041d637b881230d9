"""Parking: what waits for something broken costs nobody anything, comes back with it, and does not wait for ever."""

from dataclasses import replace
from datetime import timedelta

import pytest

from relay.config import parse_config
from relay.domain.deliveries import Delivery
from relay.health import HOUSEKEEPING, Health
from relay.policy.retry import Pause
from relay.store import Store
from relay.store.queries.admin import MAX_PAUSED, Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import POSTED, accept, claim, claim_one, counts, send
from tests.support.targets import mail, room
from tests.support.wire import Anywhere

HOLD = Pause("destination:room/#room", 60, "is_archived", probe=True)
CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {slack: {}}
destinations: {room: {slack: "#room", mode: each}}
rules: []
"""


@pytest.fixture
def health(store: Store, clock: Clock) -> Health:
    config = parse_config(CONFIG, env={}, channels={"slack": Anywhere, "email": Anywhere})
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


async def test_one_delivery_at_a_time_probes(store: Store, clock: Clock) -> None:
    await broken(store, 5)
    probes = []
    for _ in range(4):
        clock.advance(61)
        probes += (found := await claim(store))
        for delivery in found:
            await fail(store, delivery)

    assert len(probes) == 4


@pytest.mark.slow
async def test_many_come_back_in_steps_and_all_of_them(store: Store, clock: Clock) -> None:
    await broken(store, 400)
    for _ in range(6):
        await claim(store)
    clock.advance(61)
    await send(store)
    told = 0
    while found := (await store.claim("slack", 100)).deliveries:
        told += len(found)
        for delivery in found:
            await store.mark_sending(delivery)
            await store.complete(delivery, POSTED)

    assert told == 400


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
    assert (await Admin(store).dead(limit=1))[0].error == "is_archived"


class TestCredentials:
    """An incoming webhook needs no token: what is wrong with that is no matter of its."""

    REVOKED = Pause("channel:slack", 60, "token_revoked", probe=True)

    async def webhook(self, store: Store, operation: str) -> None:
        limits = replace(room().limits, own_host="hooks.slack.com")
        target = replace(room(destination="hook", address="#hook"), limits=limits)
        await accept(store, events.completed(operationId=operation), to=target)

    async def test_it_does_not_wait_for_the_token(self, store: Store) -> None:
        await fill(store, 0, 1)
        await fail(store, await claim_one(store), self.REVOKED)
        await self.webhook(store, "op-hook")

        assert (await claim_one(store)).destination == "hook"


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
        assert {letter.reason for letter in await Admin(store).dead()} == {"channel_removed"}
        assert (await counts(store))["pending"] == 0
        assert "channel:email" not in (await health.readiness()).checks


class TestBacklog:
    """More waits for the room than anybody reads message by message."""

    async def gathered(self, store: Store, clock: Clock, waiting: int, kept: int) -> int:
        await broken(store, 1)
        for number in range(2, waiting + 1):
            clock.advance(0.01)
            await fill(store, number, number + 1)
        assert await claim(store) == []
        return await Admin(store).bundle_backlog(kept)

    async def recovered(self, store: Store, clock: Clock) -> list[Delivery]:
        clock.advance(61)
        found = [await send(store)]
        while found_now := await claim(store):
            found += found_now
            for delivery in found_now:
                await store.mark_sending(delivery)
                await store.complete(delivery, POSTED)
        return found

    async def test_the_oldest_are_told_in_one_round_up_when_the_room_works_again(
        self, store: Store, clock: Clock
    ) -> None:
        await self.gathered(store, clock, 10, 4)

        found = await self.recovered(store, clock)

        (roundup,) = [delivery for delivery in found if delivery.kind == "roundup"]
        assert roundup.event.document["kind"] == "backlog"
        assert {row["id"] for row in roundup.event.document["entries"]} == {f"op-{number}" for number in range(1, 7)}
        assert {one.event.subject for one in found} >= {"op-0", *(f"op-{number}" for number in range(7, 11))}

    @pytest.mark.parametrize("dropped", [True, False])
    async def test_what_comes_after_it_was_given_up_is_told_in_another(
        self, store: Store, clock: Clock, dropped: bool
    ) -> None:
        await self.gathered(store, clock, 5, 0)
        assert await claim(store) == []  # it waits as well
        clock.advance(MAX_PAUSED + 60)
        assert await Admin(store).expire_parked(MAX_PAUSED) == 1
        if dropped:
            assert await Admin(store).drop([letter.id for letter in await Admin(store).dead()]) == 1
        await fill(store, 20, 21)
        await fail(store, await claim_one(store))
        await fill(store, 21, 23)
        assert await claim(store) == []
        assert await Admin(store).bundle_backlog(0) == 3

        (roundup,) = [one for one in await self.recovered(store, clock) if one.kind == "roundup"]

        assert len(roundup.event.document["entries"]) == 3
