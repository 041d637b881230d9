"""The worker: what each answer of the other side leads to, and that nothing is lost whoever fails."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from relay.config import Config
from relay.delivering.worker import Worker
from relay.domain.deliveries import Delivery, Limit, Receipt
from relay.engine.receipts import Lapse
from relay.errors import DeliveryError
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.memory_store import MemoryStore
from tests.support.patience import patience
from tests.support.queue import claim, lose
from tests.support.targets import mail, room, team
from tests.support.waiting import until
from tests.support.wire import Wire, letters
from tests.support.workers import worker_of


async def test_a_failing_delivery_is_a_warning_and_a_dead_letter_an_error(
    store: Store, worker: Worker, wire: Wire, clock: Clock
) -> None:
    wire.answers = [Receipt("ok"), DeliveryError("503"), DeliveryError("gone", permanent=True)]
    wire.answers += [DeliveryError("reset", outcome_unknown=True)]
    with capture_logs() as lines:
        for number in range(3):
            await store.accept(events.completed(operationId=f"op-{number}"), [room()])
            for _ in range(2 if number == 1 else 1):
                await worker.run_once("slack")
                clock.advance(3600)

    assert [(line["outcome"], line["log_level"]) for line in lines if line["event"] == "delivery.attempted"] == [
        ("delivered", "info"), ("failed", "warning"), ("dead", "error"), ("unknown", "warning"),
    ]  # fmt: skip


async def test_what_fails_before_it_is_sent_is_tried_again_and_becomes_a_dead_letter(
    store: Store, wire: Wire, config: Config, renderer: IsolatedRenderer, clock: Clock
) -> None:
    faults = iter([KeyError("a fault of relay's own")] * 3)

    async def enrich(delivery: Delivery) -> Delivery:
        if fault := next(faults, None):
            raise fault
        return delivery

    worker = worker_of(store, {"slack": wire}, config, renderer, clock=clock,
                    jitter=lambda: 0.0, enrich=enrich)  # fmt: skip
    await store.accept(events.completed(), [room()])
    for _ in range(3):
        await worker.run_once("slack")
        clock.advance(3600)

    assert wire.arrived == []
    assert await letters(store) == [("retries_exhausted", "unexpected KeyError before it was sent")]


async def test_silence_ends_with_the_channels_timeout(store: Store, worker: Worker, wire: Wire) -> None:
    wire.timeout = 0.01
    wire.answers = [asyncio.Event()]
    await store.accept(events.completed(), [room()])
    await worker.run_once("slack")

    assert (await Admin(store).ledger()).counts["unknown_outcomes"] == 1


async def test_nobody_repeats_a_call_before_its_channels_timeout_is_over(
    store: Store, worker: Worker, wire: Wire, clock: Clock
) -> None:
    answered = asyncio.Event()
    wire.timeout, wire.answers = 600.0, [answered]
    await store.accept(events.completed(), [room()])
    calling = asyncio.create_task(worker.run_once("slack"))
    await wire.called.wait()
    clock.advance(599)

    await store.submit(Lapse(living=("another",), ended=("another:",)))

    assert await claim(store) == []
    answered.set()
    await calling
    assert (await Admin(store).ledger()).counts["delivered"] == 1


async def test_an_unexpected_exception_fails_that_delivery_alone(store: Store, worker: Worker, wire: Wire) -> None:
    wire.answers = [KeyError("a bug")]
    await store.accept(events.completed(), [room(new_limits=())])
    await store.accept(events.completed(operationId="op-2"), [room(new_limits=())])

    await worker.run_once("slack")

    assert (await Admin(store).ledger()).counts["delivered"] == 1


class Unlimited(Wire):
    """One whose settings, as far as there are any, have no limit."""

    def limits(self, _address: str, settings: object = None) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        return ((Limit("post:#room", 0.0001 if settings else 1.0),), ())


@pytest.mark.parametrize(("wire", "together"), [(Unlimited(), 2), (Wire(), 1)])
async def test_sends_take_turns_where_the_channels_settings_let_the_other_side_throttle(
    store: Store, wire: Wire, config: Config, renderer: IsolatedRenderer, together: int
) -> None:
    worker, answer = worker_of(store, {"slack": wire}, config, renderer), asyncio.Event()
    wire.answers = [answer]
    for number in range(2):
        await store.accept(events.completed(operationId=f"op-{number}"), [room(new_limits=())])

    sending = asyncio.create_task(worker.run_once("slack"))
    while len(wire.arrived) < together:  # both may come before this goes on
        await wire.called.wait()
        wire.called.clear()

    assert len(wire.arrived) == together
    answer.set()
    await sending
    assert wire.taken == 2


async def test_running_delivers_at_once_and_stops_with_what_is_under_way(
    store: Store, wire: Wire, config: Config, renderer: IsolatedRenderer
) -> None:
    arrived = asyncio.Event()
    wire.answers = [arrived]
    worker = worker_of(store, {"slack": wire}, config, renderer)
    running = asyncio.create_task(worker.run())
    await store.accept(events.completed(), [room(new_limits=())])
    worker.wake()
    await wire.called.wait()
    stopping = asyncio.create_task(worker.stop(5))
    await asyncio.sleep(0)
    arrived.set()
    await stopping
    running.cancel()

    assert (await Admin(store).ledger()).counts["delivered"] == 1


async def test_no_more_is_under_way_than_its_channel_has_places(
    store: Store, wire: Wire, config: Config, renderer: IsolatedRenderer
) -> None:
    answered = [asyncio.Event() for _ in range(4)]
    wire.max_concurrency, wire.answers, wire.limited = 2, [*answered], ((), ())
    worker = worker_of(store, {"slack": wire}, config, renderer)
    running = asyncio.create_task(worker.run())
    for number in range(4):
        await store.accept(events.completed(operationId=f"op-{number}"), [room(new_limits=())])
    under_way = []
    for taken in range(3):
        await until(lambda taken=taken: wire.taken == taken and len(wire.arrived) >= taken + 2)
        for _ in range(100):  # however often it looks
            worker.wake()
            await asyncio.sleep(0)
        under_way.append(len(wire.arrived))
        answered[taken].set()
    for event in answered:
        event.set()
    await worker.stop(5)
    await running

    assert under_way == [2, 3, 4]


async def test_a_worker_whose_hand_out_lapses_before_it_sends_sends_nothing(
    open_store: Callable[..., Store], wire: Wire, config: Config, renderer: IsolatedRenderer, clock: Clock
) -> None:
    store, other = open_store(), open_store()
    taken_over: list[Delivery] = []

    async def enrich(delivery: Delivery) -> Delivery:  # and meanwhile its process counts as gone
        clock.advance(31)
        await lose(store)
        taken_over.extend((await other.claim("email", 1)).deliveries)
        return delivery

    worker = worker_of(store, {"email": wire}, config, renderer, clock=clock, enrich=enrich)
    await store.accept(events.completed(), [mail()])
    await worker.run_once("email")

    assert wire.arrived == []
    assert await other.mark_sending(taken_over[0])


async def test_a_worker_that_stops_gives_back_what_it_has_not_begun_to_send(
    open_store: Callable[..., Store], wire: Wire, config: Config, renderer: IsolatedRenderer, clock: Clock
) -> None:
    store, composing, results = open_store(), asyncio.Event(), asyncio.Event()

    async def enrich(delivery: Delivery) -> Delivery:
        composing.set()
        await results.wait()
        return delivery

    worker = worker_of(store, {"email": wire}, config, renderer, clock=clock, enrich=enrich)
    running = asyncio.create_task(worker.run())
    await store.accept(events.completed(), [mail()])
    worker.wake()
    await composing.wait()
    stopping = asyncio.create_task(worker.stop(patience()))
    await asyncio.sleep(0)
    results.set()
    await stopping
    running.cancel()

    assert wire.arrived == []
    assert [delivery.attempt for delivery in (await open_store().claim("email", 1)).deliveries] == [1]


async def test_a_result_that_relay_fails_to_store_leaves_its_outcome_unknown_and_costs_no_other(
    store: MemoryStore, worker: Worker, wire: Wire
) -> None:
    for name in ("op-1", "op-2"):
        await store.accept(events.completed(operationId=name), [team(post_after=0.0, new_limits=())])
    kept = store.shared.memory.records
    damaged = next(name for name in kept if name.startswith("thread:"))
    arrived = asyncio.Event()
    wire.answers = [arrived, arrived]
    running = asyncio.create_task(worker.run_once("slack"))
    await wire.called.wait()
    whole, kept[damaged] = kept[damaged], replace(kept[damaged], receipt=5)
    arrived.set()
    with capture_logs() as lines:
        await running
    await lose(store)
    kept[damaged] = whole
    await lose(store)

    assert len([line for line in lines if line["event"] == "settle.failed"]) == 1
    [again] = await claim(store)
    assert again.trial.doubted
