"""An event that is accepted before anybody has looked up what is known: as if somebody had."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from random import Random

import pytest

from relay.channels import CHANNELS
from relay.domain.deliveries import Accepted, Target
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.ingest import Ingest
from relay.store import Store
from relay.store.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.life.senders import Message, Platform
from tests.support.life.settings import CONFIG
from tests.support.redis_server import RedisServer

MESSAGES = 400


class Asking(Ingest):
    """Looks up what is known of each event's operation first, whatever the event says."""

    async def ingest(self, event: Event, targets: Sequence[Target] | None = None) -> Accepted:
        while (accepted := await self._decided(event)).status == "elsewhere":
            pass
        return accepted


class FullPlatform(Platform):
    """States the type of nearly all operations, as most platforms do."""

    def message(self) -> Message:
        message = super().message()
        if "operation" in message.document and self.pick.random() < 0.9:
            message.document["operation"].setdefault("operationType", "Export")
        return message


@pytest.fixture
async def stores(
    open_store: Callable[..., Store], redis_server: RedisServer, clock: Clock
) -> AsyncIterator[list[Store]]:
    other = Store.open(redis_server.url.replace("db=0", "db=1"), worker="other", clock=clock)
    yield [open_store(), other]
    await other.aclose()


async def everything(store: Store) -> dict[str, object]:
    """What a store has of all operations, and its ledger."""
    rows: dict[str, object] = {"ledger": dict((await Admin(store).ledger()).counts)}
    for key in await store.redis.keys("*:operation:*"):
        rows[key.decode()] = await store.redis.hgetall(key)
    return rows


@pytest.mark.parametrize("seed", range(12))
async def test_it_makes_no_difference(stores: list[Store], clock: Clock, seed: int) -> None:
    pick = Random(seed)
    platform = FullPlatform(pick, clock)
    ways = [
        kind(store, lambda: CONFIG, CHANNELS, clock=clock) for kind, store in zip((Ingest, Asking), stores, strict=True)
    ]
    different = []
    for _ in range(MESSAGES):
        clock.advance(pick.choice([0.01, 1, 40, 400]))
        message = platform.message()
        received = datetime.fromtimestamp(clock(), UTC)
        event = parse(message.document, source=message.source, received_at=received, delivery_id=message.id)
        answers = [await way.ingest(event) for way in ways]
        if answers[0] != answers[1]:
            different.append((event.name, event.subject, *answers))

    assert different == []
    assert await everything(stores[0]) == await everything(stores[1])


class TestWhatIsKnownSaysMore:
    """Then it is to be looked up first, and nothing is done."""

    async def answer(self, store: Store, *before: Event, then: Event) -> str:
        for event in before:
            await Ingest(store, lambda: CONFIG, CHANNELS).ingest(event)
        earlier = dict((await Admin(store).ledger()).counts)
        status = (await store.accept(then, [], unasked=True)).status
        if status == "elsewhere":
            assert dict((await Admin(store).ledger()).counts) == earlier
        return status

    def at(self, tenant: str, percentage: float, **operation: object) -> Event:
        document = events.body("operation.progress", percentage, **operation)
        return events.event_of(document | {"tenantId": tenant})

    async def test_nothing_or_the_same_is_known(self, store: Store) -> None:
        assert await self.answer(store, then=events.progress(10)) == "accepted"
        assert await self.answer(store, then=events.progress(20)) == "accepted"

    async def test_its_own_word_goes_before_an_older_one(self, store: Store) -> None:
        renamed = events.progress(20, operationName="Another name")

        assert await self.answer(store, events.progress(10), then=renamed) == "accepted"

    async def test_it_leaves_out_whom_to_tell(self, store: Store) -> None:
        assert (
            await self.answer(
                store, events.progress(10, notifications={"email": ["ops@example.com"]}), then=events.progress(20)
            )
            == "elsewhere"
        )

    async def test_another_tenant_has_its_id(self, store: Store) -> None:
        assert await self.answer(store, self.at("acme", 10), then=self.at("globex", 20)) == "elsewhere"

    async def test_it_leaves_out_whose_it_is(self, store: Store) -> None:
        document = events.body("operation.progress", 20)
        del document["tenantId"]

        assert await self.answer(store, self.at("acme", 10), then=events.event_of(document)) == "elsewhere"

    async def test_its_id_has_several_meanings(self, store: Store) -> None:
        both = self.at("acme", 10), self.at("globex", 10)

        assert await self.answer(store, *both, then=self.at("acme", 20)) == "elsewhere"

    async def test_it_ran_again(self, store: Store) -> None:
        again = events.started(progress={"startTime": "2024-01-20T12:00:00Z"})

        assert await self.answer(store, events.started(), events.completed(), again, then=events.progress(20)) == (
            "elsewhere"
        )

    async def test_it_leaves_out_that_it_is_a_retry(self, store: Store) -> None:
        retry = events.started(retryNumber=1, progress={"startTime": "2024-01-20T12:00:00Z"})

        assert await self.answer(store, events.failed(), retry, then=events.progress(20)) == "elsewhere"

    async def test_it_is_a_start_after_its_end(self, store: Store) -> None:
        assert await self.answer(store, events.completed(), then=events.started()) == "elsewhere"

    async def test_its_id_retries_another(self, store: Store) -> None:
        first, retry = events.failed(operationId="op-1"), {"operationId": "op-2", "originalOperationId": "op-1"}

        assert await self.answer(
            store, first, events.started(**retry), then=events.progress(20, operationId="op-2")
        ) == "elsewhere"  # fmt: skip
