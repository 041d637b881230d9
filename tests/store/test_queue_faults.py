"""What the queue makes of faults, of what is given up, and of what it has no use for any more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from relay.domain.deliveries import Accepted, Receipt
from relay.errors import HandlingFailed, StoreUnavailable
from relay.store import Store
from relay.store.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import accept, claim, claim_one
from tests.support.records import damage
from tests.support.redis_server import RedisServer
from tests.support.targets import mail, room


class Lossy:
    """Stands before a server. Scripts run there while `losing`, but their answers get lost; `lost` counts them."""

    def __init__(self, server: RedisServer) -> None:
        self._there = f"{server.directory}/redis.sock"
        self.path = f"{server.directory}/lossy.sock"
        self.url = f"unix://{self.path}?db=0"
        self.losing = False
        self.lost = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, commands = await asyncio.open_unix_connection(self._there)
        asked = b""

        async def forward() -> None:
            nonlocal asked
            while asked := await reader.read(65_536):
                commands.write(asked)
            commands.close()

        forwarding = asyncio.create_task(forward())
        with contextlib.suppress(OSError):
            while answer := await answers.read(65_536):
                if self.losing and b"EVALSHA" in asked:
                    self.lost += 1
                    break
                writer.write(answer)
        forwarding.cancel()
        writer.close()
        commands.close()


@asynccontextmanager
async def lossy(server: RedisServer) -> AsyncIterator[Lossy]:
    between = Lossy(server)
    listening = await asyncio.start_unix_server(between.serve, between.path)
    yield between
    listening.close()


class TestFaults:
    async def test_a_poisoned_request_leaves_its_neighbours_alone(self, store: Store) -> None:
        for name in ("op-1", "op-2"):
            await accept(store, events.completed(operationId=name), to=room())
        poisoned, healthy = await claim(store)
        await asyncio.gather(store.mark_sending(poisoned), store.mark_sending(healthy))

        nonsense = store._settling.settle("nonsense", poisoned)
        answers = await asyncio.gather(nonsense, store.complete(healthy, Receipt("ok")))

        assert answers == [False, True]

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
    mend = await damage(store)
    for _ in range(9):
        assert await claim(store, "email") == []
        clock.advance(store.lease)
    (letter,) = await Admin(store).dead()
    await mend()
    await Admin(store).replay([letter.id])

    assert (letter.reason, letter.error[:8]) == ("unreadable", "KeyError")
    assert (await claim_one(store, "email")).attempt == 1
