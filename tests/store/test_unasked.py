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
from tests.support.seeds import seeds

MESSAGES = 200


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


@pytest.mark.parametrize("seed", seeds(12))
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


def of(tenant: str, percentage: float) -> Event:
    return events.event_of(events.body("operation.progress", percentage) | ({"tenantId": tenant} if tenant else {}))


LATER = {"progress": {"startTime": "2024-01-20T12:00:00Z"}}
AGAIN = {"operationId": "op-2", "originalOperationId": "op-1"}
KNOWN: dict[str, tuple[list[Event], Event]] = {
    "whom to tell": ([events.progress(10, notifications={"email": ["ops@example.com"]})], events.progress(20)),
    "another tenant": ([of("acme", 10)], of("globex", 20)),
    "several tenants": ([of("acme", 10), of("globex", 10)], of("acme", 20)),
    "a new run": ([events.started(), events.completed(), events.started(**LATER)], events.progress(20)),
    "a retry": ([events.failed(), events.started(retryNumber=1, **LATER)], events.progress(20)),
    "its end": ([events.completed()], events.started()),
    "its original": (
        [events.failed(operationId="op-1"), events.started(**AGAIN)], events.progress(20, operationId="op-2")
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "then"), KNOWN.values(), ids=KNOWN)
async def test_what_is_known_and_not_stated_is_looked_up_first(
    store: Store, before: Sequence[Event], then: Event
) -> None:
    for event in before:
        await Ingest(store, lambda: CONFIG, CHANNELS).ingest(event)
    earlier = (await Admin(store).ledger()).counts

    assert (await store.accept(then, [], unasked=True)).status == "elsewhere"
    assert (await Admin(store).ledger()).counts == earlier  # nothing is done


async def test_nothing_is_looked_up_where_nothing_more_is_known(store: Store) -> None:
    told = [events.progress(10), events.progress(20), events.progress(30, operationName="Another name")]

    assert [(await store.accept(event, [], unasked=True)).status for event in told] == ["accepted"] * 3
