"""What operations ask for themselves: so many messages to a reader in an hour, and the rest in one at its end."""

from dataclasses import replace
from typing import Any

import pytest

from relay.domain.deliveries import Delivery, Receipt, RequestLimit, Target
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.suppressions import Suppressions
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import claim, counts, lose
from tests.support.targets import mail

HOUR = 3600.0
MOST = 4
LIMIT = RequestLimit("reader@example.com", MOST, HOUR)


def asked(address: str = "reader@example.com", limit: RequestLimit = LIMIT, target: Target | None = None) -> Target:
    target = replace(target or mail(address), destination="dynamic")
    return replace(target, limits=replace(target.limits, requested=limit))


async def ask(store: Store, number: int, to: Target | None = None, **operation: Any) -> None:
    """An operation that ends, and asks for a message."""
    event = events.completed(operationId=f"op-{number}", operationName=f"Run {number}", **operation)
    await store.accept(event, [to or asked()])


async def fail(store: Store, number: int, **operation: Any) -> None:
    await store.accept(events.failed(operationId=f"op-{number}", **operation), [asked()])


async def sent(store: Store, channel: str = "email") -> list[Delivery]:
    """All that is due, as it was sent; of a round-up with what it holds."""
    told = []
    while claimed := await claim(store, channel):
        for number, delivery in enumerate(claimed):
            if delivery.kind == "roundup":
                claimed[number] = replace(delivery, event=await store.bundles.event(delivery.id))
            await store.mark_sending(delivery)
            thread = {"channel": "C1", "ts": delivery.event.subject} if channel == "slack" else {}
            await store.complete(delivery, Receipt("250 ok", thread))
        told += claimed
    return told


def rows(delivery: Delivery) -> list[str]:
    return sorted(entry["id"] for entry in delivery.event.document["entries"])


async def test_what_is_above_the_limit_is_told_in_one_at_the_end_of_the_hour(store: Store, clock: Clock) -> None:
    for number in range(MOST + 3):
        await ask(store, number)
        clock.advance(60)
    at_once = await sent(store)
    clock.advance(HOUR)
    (late,) = await sent(store)

    assert [delivery.event.subject for delivery in at_once] == [f"op-{number}" for number in range(MOST)]
    assert (late.kind, rows(late)) == ("roundup", ["op-4", "op-5", "op-6"])
    found = await counts(store)
    assert (found["held:requested"], found["pending"]) == (3, 0)
    assert (await Admin(store).ledger()).imbalance == 0


async def test_a_worker_that_dies_does_not_use_up_the_limit_twice(store: Store, clock: Clock) -> None:
    for number in range(MOST):
        await ask(store, number)
    assert len(await claim(store, "email")) == MOST
    clock.advance(400)
    await lose(store)  # before any was sent

    assert len(await sent(store)) == MOST
    assert "held:requested" not in await counts(store)


async def test_grave_failures_are_told_at_once_but_not_without_end(store: Store, clock: Clock) -> None:
    for number in range(MOST):
        await ask(store, number)
    await sent(store)
    for number in range(10, 14):
        await fail(store, number, priority="Critical" if number > 10 else "High")
        clock.advance(1)

    assert [delivery.event.subject for delivery in await sent(store)] == ["op-11"]
    assert (await counts(store))["held:requested"] == 3


async def test_a_reader_is_one_by_all_addresses_and_another_is_another(store: Store) -> None:
    for number in range(2 * MOST):
        await ask(store, number, asked(f"reader+{number}@example.com"))
    await ask(store, 99, asked("other@example.com", RequestLimit("other@example.com", MOST, HOUR)))

    addresses = [delivery.address for delivery in await sent(store)]

    assert (len(addresses), addresses.count("other@example.com")) == (MOST + 1, 1)


@pytest.mark.parametrize("reason", ["bounced", "unsubscribed"])
async def test_an_address_that_wants_nothing_any_more_costs_others_of_its_reader_nothing(
    store: Store, clock: Clock, reason: str
) -> None:
    for number in range(MOST):
        await ask(store, number)
    await sent(store)
    for number, address in enumerate(("reader+runs@example.com", "reader@example.com")):
        await ask(store, 10 + number, asked(address))
        assert await sent(store) == []
    await Suppressions(store).add("reader+runs@example.com", "*", reason=reason)
    clock.advance(HOUR)

    (late,) = await sent(store)
    assert (late.address, rows(late)) == ("reader@example.com", ["op-10", "op-11"])
    assert (await Admin(store).ledger()).imbalance == 0
