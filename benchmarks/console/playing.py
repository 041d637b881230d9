"""A month of operations told to the store through its own methods, on a clock that runs through the month."""

import asyncio
from collections.abc import Sequence
from typing import Any

from benchmarks.console import world
from relay.domain.deliveries import Delivery, Notification, Receipt, Target
from relay.domain.events import Event
from relay.store import Store
from relay.store.runs import Runs
from tests.support.clock import Clock

BATCH = 20  # operations that move in step
LASTS = 600.0  # seconds from start to end
RECENT = 3 * 86_400.0  # seconds for which messages are kept as they were sent
REFUSED = "channel_not_found"


def batches(numbers: Sequence[int]) -> int:
    return -(-len(numbers) // BATCH)


async def play(
    store: Store, clock: Clock, numbers: Sequence[int], dying: frozenset[int], until: float, *, copy: int = 0
) -> None:
    """Operations of these numbers, spread over the month before `until`. All messages of the `dying` are dead letters.

    `copy` is whose names they have (`world.subject`).
    """
    began = until - world.DAYS * 86_400
    step = (until - LASTS - began) / max(1, batches(numbers) - 1)
    runs = Runs(store)
    for place, first in enumerate(range(0, len(numbers), BATCH)):
        batch = numbers[first : first + BATCH]
        clock.now = start = began + place * step
        keep = start > until - RECENT

        def event(number: int, name: str, percentage: float, *, start: float = start) -> Event:
            return world.event(number, name, percentage, start, clock.now, copy=copy)

        await _accepted(store, [(event(number, "operation.started", 0), world.at_start(number)) for number in batch])
        await _settled(store, dying, keep=keep)
        clock.advance(LASTS / 2)
        await _accepted(store, [(event(number, "operation.progress", 50), ()) for number in batch])
        clock.advance(LASTS / 2)
        ends = {number: f"operation.{'failed' if number in dying else 'completed'}" for number in batch}
        await _accepted(store, [(event(number, end, 100), world.at_end(number)) for number, end in ends.items()])
        await _settled(store, dying, keep=keep)
        while await runs.trim(100):
            pass
    clock.now = until


async def begin(store: Store, clock: Clock, numbers: Sequence[int]) -> None:
    """Operations that go on, whose messages wait where somebody lets them wait."""
    for number in numbers:
        start = clock.now - 60 - number % 540
        started = world.event(number, "operation.started", 0, start, start)
        await _accepted(store, [(started, world.waiting(number))])
        await _accepted(store, [(world.event(number, "operation.progress", number % 100, start, clock.now), ())])


async def wait(store: Store, clock: Clock, numbers: Sequence[int]) -> None:
    """Operations that are over, whose messages wait as well."""
    for number in numbers:
        start = clock.now - 7200
        await _accepted(store, [(world.event(number, "operation.started", 0, start, start), ())])
        end = world.event(number, "operation.completed", 100, start, clock.now - 3600)
        await _accepted(store, [(end, world.waiting(number))])


async def _accepted(store: Store, pairs: Sequence[tuple[Event, Sequence[Target]]]) -> None:
    answers = await asyncio.gather(*(store.accept(*pair) for pair in pairs))
    assert all(answer.status == "accepted" for answer in answers), {answer.status for answer in answers}


async def _settled(store: Store, dying: frozenset[int], *, keep: bool) -> None:
    """All that is due."""
    for channel in ("slack", "email"):
        while claimed := (await store.claim(channel, 200)).deliveries:
            await asyncio.gather(*map(store.mark_sending, claimed))
            assert all(await asyncio.gather(*(_end(store, delivery, dying, keep=keep) for delivery in claimed)))


async def _end(store: Store, delivery: Delivery, dying: frozenset[int], *, keep: bool) -> bool:
    number = int(delivery.event.subject.split("-")[1])
    if number in dying:
        return await store.dead_letter(delivery, "rejected", f"Slack answered {REFUSED}")
    thread: dict[str, Any] = (
        {"channel": f"C{number % 30}", "ts": f"17000.{number}"} if delivery.channel == "slack" else {}
    )
    receipt = Receipt(world.permalink(number) if thread else "250 2.0.0 Ok: queued as 4ZkT1", thread)
    return await store.complete(delivery, receipt, _notification(delivery, number) if keep else None)


def _notification(delivery: Delivery, number: int) -> Notification:
    return Notification(
        delivery=delivery.id,
        destination=delivery.destination,
        address=delivery.address,
        kind=delivery.kind,
        content=world.content(number),
        subject=delivery.event.subject,
        event=delivery.event.name,
        created_at=delivery.created_at,
    )
