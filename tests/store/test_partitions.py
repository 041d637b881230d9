"""Several partitions: an operation is decided on in its own, and told where its addresses live."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from relay.domain.deliveries import Delivery
from relay.errors import ConfigError
from relay.store import Store
from relay.store.keys import operation
from relay.store.target_plan import home_of
from tests.support import events
from tests.support.clock import Clock
from tests.support.partitions import OP, PARTITIONS, Away, apart_from, number, source_of
from tests.support.queue import POSTED, claim, claim_one
from tests.support.targets import mail, room, team


@pytest.fixture
async def store(open_store: Callable[..., Store]) -> Store:
    store = open_store(partitions=PARTITIONS)
    await store.prepare()
    return store


async def deliver(store: Store, delivery: Delivery) -> None:
    await store.mark_sending(delivery)
    await store.complete(delivery, POSTED)


def history(delivery: Delivery) -> list[str]:
    return [event.name for event in delivery.history]


class TestTelling:
    async def test_a_message_is_made_from_the_documents_where_the_operation_lives(self, store: Store) -> None:
        await store.accept(events.started(operationId=OP), [])
        await store.accept(events.completed(operationId=OP), [team()])

        delivery = await claim_one(store)

        assert (delivery.kind, history(delivery)) == ("live", ["operation.started", "operation.completed"])

    async def test_a_message_of_one_event_shows_nothing_that_came_after_it(self, store: Store) -> None:
        await store.accept(events.started(operationId=OP), [room()])
        await store.accept(events.progress(40, operationId=OP), [])

        assert history(await claim_one(store)) == ["operation.started"]

    async def test_a_retry_under_a_new_id_leads_to_its_original_in_another_partition(self, store: Store) -> None:
        retry = apart_from(operation(OP), name="retry")
        await store.accept(events.failed(operationId=OP), [])
        await store.accept(events.started(operationId=retry, originalOperationId=OP, retryNumber=1), [])

        assert (await store.known(retry))["original"] == OP

    async def test_a_run_that_begins_again_leaves_the_outcome_before_a_message_of_its_own(
        self, store: Store, clock: Clock
    ) -> None:
        await store.accept(events.failed(operationId=OP), [team()])
        await store.accept(events.started(operationId=OP, retryNumber=1), [team()])

        told = []
        for _ in range(2):
            clock.advance(1)
            for delivery in await claim(store):
                told.append(delivery.event.name)
                await deliver(store, delivery)

        assert sorted(told) == ["operation.failed", "operation.started"]

    async def test_a_live_message_waits_for_the_letter_of_a_new_run(
        self, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else it would show the new run, and the outcome of the one before were told by nothing."""
        home = Away(store.partitions[number(home_of(team()))], monkeypatch)
        await store.accept(events.failed(operationId=OP), [team()])
        home.leave()
        await store.accept(events.started(operationId=OP, retryNumber=1), [team()])
        home.come_back()

        first = await claim(store)  # brings the letter
        clock.advance(1)  # its limit
        told = [delivery.event.name for delivery in [*first, *await claim(store)]]

        assert first == []
        assert "operation.failed" in told

    async def test_a_live_message_waits_for_the_letter_of_the_end(
        self, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else the first message would tell it, and a reply below would tell it again."""
        home = Away(store.partitions[number(home_of(team()))], monkeypatch)
        calling = replace(team(), presentation=replace(team().presentation, thread_reply=True))
        await store.accept(events.started(operationId=OP), [team(post_after=0.0)])
        home.leave()
        await store.accept(events.failed(operationId=OP), [calling])
        home.come_back()

        first = await claim(store)  # brings the letter
        clock.advance(1)  # its limit
        told = [(one.kind, one.event.name) for one in await claim(store)]

        assert (first, told) == ([], [("live", "operation.failed")])


class TestClaiming:
    async def test_one_partition_that_is_away_keeps_no_other_back(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        addresses = [f"{count}@example.com" for count in range(40)]
        await store.accept(events.completed(operationId=OP), [mail(address) for address in addresses])
        away = store.partitions[number(home_of(mail(addresses[0])))]
        Away(away, monkeypatch).leave()
        there = {address for address in addresses if number(home_of(mail(address))) != away.number}

        assert {delivery.address for delivery in (await store.claim("email", 40)).deliveries} == there

    async def test_what_cannot_be_made_now_takes_no_turn_from_the_others_at_its_address(
        self, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The limit of the conversation lets through one a second."""
        theirs = apart_from(home_of(team()), operation(OP), name="other")
        source = Away(source_of(store), monkeypatch)
        for id_ in (OP, theirs):
            await store.accept(events.completed(operationId=id_), [team()])
            clock.advance(0.1)
        source.leave()
        await store.pulse()

        assert [delivery.event.subject for delivery in await claim(store)] == [theirs]
        source.come_back()
        await store.pulse()
        clock.advance(1)
        assert [delivery.event.subject for delivery in await claim(store)] == [OP]


async def test_the_number_of_partitions_is_decided_once(open_store: Callable[..., Store], store: Store) -> None:
    with pytest.raises(ConfigError, match=r"in 4 partitions, and redis\.partitions is 1: set it to 4"):
        await open_store().prepare()
