"""What the queue makes of faults, of what is given up, and of what it has no use for any more."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from relay.domain.deliveries import Accepted, Receipt
from relay.errors import HandlingFailed, StoreUnavailable
from relay.store import Store
from relay.store.admin import Admin
from relay.store.settling import Pause
from tests.support import events
from tests.support.clock import Clock
from tests.support.lossy import lossy
from tests.support.queue import accept, claim, claim_one, counts, send
from tests.support.redis_server import RedisServer
from tests.support.targets import mail, room, team


class TestFaults:
    async def test_a_poisoned_request_leaves_its_neighbours_alone(self, store: Store) -> None:
        for name in ("op-1", "op-2"):
            await accept(store, events.completed(operationId=name), to=room())
        poisoned, healthy = await claim(store)
        await asyncio.gather(store.mark_sending(poisoned), store.mark_sending(healthy))

        nonsense = store._settling.settle("nonsense", poisoned)
        answers = await asyncio.gather(nonsense, store.complete(healthy, Receipt("ok")))

        assert answers == [False, True]

    async def test_limits_that_are_damaged_cost_no_other_delivery_its_turn(self, store: Store) -> None:
        await accept(store, events.completed(operationId="op-1"), to=room())
        await accept(store, events.completed(operationId="op-2"), to=room())
        [damaged] = [key async for key in store.redis.scan_iter("{relay}:delivery:*")][:1]
        await store.redis.hset(damaged, "limits", "{")

        assert len(await claim(store)) == 1
        [letter] = await Admin(store).dead()
        assert (letter.reason, letter.error) == ("unreadable", "its limits are damaged")

    async def test_no_pause_lasts_longer_than_a_day(self, store: Store, clock: Clock) -> None:
        await accept(store, events.completed(), to=room())
        delivery = await claim_one(store)
        await store.mark_sending(delivery)
        await store.reschedule(delivery, 1, "503", holds=[Pause("lane", 1e30, "a Retry-After without end")])
        clock.advance(86_401)

        assert (await claim_one(store)).id == delivery.id

    async def test_half_a_surrogate_pair_in_one_event_is_no_poison_for_those_that_travel_with_it(
        self, store: Store
    ) -> None:
        poisoned = replace(events.completed(operationId="op-1"), source="a \ud800 source")
        answers = await asyncio.gather(
            store.accept(poisoned, [room()]),
            *(store.accept(events.completed(operationId=f"op-{number}"), [room()]) for number in range(2, 6)),
            return_exceptions=True,
        )

        assert isinstance(answers[0], HandlingFailed)
        assert [answer.status for answer in answers[1:] if isinstance(answer, Accepted)] == ["accepted"] * 4

    async def test_a_lost_claim_is_given_again_whatever_the_other_channel_did(
        self, open_store: Callable[..., Store]
    ) -> None:
        one, other = open_store(worker="w"), open_store(worker="w")
        await one.accept(events.completed(), [room(), mail()])
        lost = await claim_one(other)
        await claim(one, "email")

        assert (await claim_one(one)).id == lost.id

    async def test_a_claim_whose_answer_gets_lost_again_and_again_costs_the_delivery_nothing(
        self, store: Store, redis_server: RedisServer, clock: Clock
    ) -> None:
        async with lossy(redis_server) as redis:
            unlucky = Store.open(redis.url, worker="unlucky", clock=clock)
            assert await claim(unlucky) == []
            await store.accept(events.completed(), [room()])
            redis.losing = True
            for _ in range(10):
                with pytest.raises(StoreUnavailable):
                    await claim(unlucky)
            redis.losing = False

            assert (await claim_one(unlucky)).attempt == 1
            assert redis.lost == 10
            await unlucky.aclose()


async def test_what_relay_cannot_read_waits_for_another_release_and_is_then_a_dead_letter_that_says_so(
    store: Store, clock: Clock
) -> None:
    await store.accept(events.completed(), [mail()])
    (body,) = await store.redis.keys("{relay}:event:*")
    whole = await store.redis.hget(body, "body")
    await store.redis.hset(body, "body", b"{}")
    for _ in range(9):
        assert await claim(store, "email") == []
        clock.advance(store.lease)
    (letter,) = await Admin(store).dead()
    await store.redis.hset(body, "body", whole)
    await Admin(store).replay([letter.id])

    assert (letter.reason, letter.error[:8]) == ("unreadable", "KeyError")
    assert (await claim_one(store, "email")).attempt == 1


class TestDeadLetters:
    async def bury(self, store: Store) -> str:
        await accept(store, events.failed(), to=mail())
        delivery = await claim_one(store, "email")
        await store.mark_sending(delivery)
        await store.dead_letter(delivery, "rejected", "550 5.1.1 no such user")
        return delivery.id

    async def test_replaying_starts_afresh_and_only_once(self, store: Store) -> None:
        name = await self.bury(store)

        replayed = [await Admin(store).replay([name]), await Admin(store).replay([name])]

        assert replayed == [1, 0]
        assert (await claim_one(store, "email")).attempt == 1

    async def test_dropping_frees_everything(self, store: Store) -> None:
        name = await self.bury(store)

        await Admin(store).drop([name])

        assert await Admin(store).dead() == []
        assert await store.redis.keys("{relay}:event:*") + await store.redis.keys("{relay}:delivery:*") == []
        assert (await counts(store))["dropped"] == 1


class TestMemory:
    async def test_everything_that_stays_behind_expires(self, store: Store) -> None:
        await store.accept(events.completed(), [mail(), team()])
        await send(store)
        await send(store, "email")
        await store.accept(events.completed(operationId="op-refused"), [mail("full@example.com")])
        refused = await claim_one(store, "email")
        await store.mark_sending(refused)
        await store.dead_letter(refused, "rejected", "552 5.2.2 mailbox full", bounce="soft")
        await Admin(store).drop([refused.id])
        forever = {
            "ledger",
            "schema",
            "partitions",
            "channels",
            "job",
            "jobs",
        }  # of jobs there are so many (test_jobs.py)

        lasting = [key for key in await store.redis.keys("*") if await store.redis.ttl(key) < 0]

        assert {key.decode().split(":")[1] for key in lasting} <= forever
