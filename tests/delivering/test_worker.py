"""The worker: what each answer of the other side leads to, and that nothing is lost whoever fails."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from relay.delivering.worker import Worker
from relay.domain.deliveries import Delivery, Limit, Receipt
from relay.engine.receipts import Lapse
from relay.errors import DeliveryError, StoreUnavailable
from relay.store import Store
from tests.support import events
from tests.support.patience import patience
from tests.support.queue import claim, lose
from tests.support.targets import mail, room, team
from tests.support.waiting import until
from tests.support.wire import Wire
from tests.support.workers import Bench


async def runs(store: Store, count: int, **changes: object) -> None:
    """So many runs end, and each has a message in the room."""
    for number in range(count):
        await store.accept(events.completed(operationId=f"op-{number}"), [room(**changes)])


async def test_a_failing_delivery_is_a_warning_and_a_dead_letter_an_error(bench: Bench, worker: Worker) -> None:
    bench.wire.answers = [Receipt("ok"), DeliveryError("503"), DeliveryError("gone", permanent=True)]
    bench.wire.answers += [DeliveryError("reset", outcome_unknown=True)]
    with capture_logs() as lines:
        for number in range(3):
            await bench.store.accept(events.completed(operationId=f"op-{number}"), [room()])
            for _ in range(2 if number == 1 else 1):
                await worker.run_once("slack")
                bench.clock.advance(3600)

    assert [(line["outcome"], line["log_level"]) for line in lines if line["event"] == "delivery.attempted"] == [
        ("delivered", "info"), ("failed", "warning"), ("dead", "error"), ("unknown", "warning"),
    ]  # fmt: skip


async def test_whoever_waits_for_a_channels_answer_hears_that_it_was_given_up(bench: Bench, worker: Worker) -> None:
    bench.wire.answers = [DeliveryError("503"), DeliveryError("gone", permanent=True)]
    await runs(bench.store, 1)
    for _ in range(2):
        await worker.run_once("slack")
        bench.clock.advance(3600)

    assert bench.wire.given_up == [("op-0", "gone")]


FAULT, BLIP = KeyError("a fault of relay's own"), StoreUnavailable("a blip")


@pytest.mark.parametrize(("fault", "times", "arrived", "dead"), [
    (FAULT, 3, [], [("retries_exhausted", "unexpected KeyError before it was sent")]),
    (BLIP, 20, ["each"], []),  # what was not begun is given back, and costs nothing
])  # fmt: skip
async def test_what_fails_before_it_is_sent_is_tried_again(
    bench: Bench, fault: Exception, times: int, arrived: list[str], dead: list[tuple[str, str]]
) -> None:
    faults = iter([fault] * times)

    async def enrich(delivery: Delivery) -> Delivery:
        if error := next(faults, None):
            raise error
        return delivery

    worker = bench.worker(enrich=enrich)
    await runs(bench.store, 1)
    for _ in range(times + 1):
        await worker.run_once("slack")
        bench.clock.advance(3600)

    assert [notification.kind for notification in bench.wire.arrived] == arrived
    assert await bench.dead() == dead


async def test_silence_ends_with_the_channels_timeout(bench: Bench, worker: Worker) -> None:
    bench.wire.timeout, bench.wire.answers = 0.01, [asyncio.Event()]
    await runs(bench.store, 1)
    await worker.run_once("slack")

    assert (await bench.counts())["unknown_outcomes"] == 1


async def test_nobody_repeats_a_call_before_its_channels_timeout_is_over(bench: Bench, worker: Worker) -> None:
    answered = asyncio.Event()
    bench.wire.timeout, bench.wire.answers = 600.0, [answered]
    await runs(bench.store, 1)
    calling = asyncio.create_task(worker.run_once("slack"))
    await bench.wire.called.wait()
    bench.clock.advance(599)

    await bench.store.submit(Lapse(living=("another",), ended=("another:",)))

    assert await claim(bench.store) == []
    answered.set()
    await calling
    assert (await bench.counts())["delivered"] == 1


async def test_an_unexpected_exception_fails_that_delivery_alone(bench: Bench, worker: Worker) -> None:
    bench.wire.answers = [KeyError("a bug")]
    await runs(bench.store, 2, new_limits=())

    await worker.run_once("slack")

    assert (await bench.counts())["delivered"] == 1


class Unlimited(Wire):
    """One whose settings, as far as there are any, have no limit."""

    def limits(self, _address: str, settings: object = None) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        return ((Limit("post:#room", 0.0001 if settings else 1.0),), ())


@pytest.mark.parametrize(("wire", "together"), [(Unlimited(), 2), (Wire(), 1)])
async def test_sends_take_turns_where_the_channels_settings_let_the_other_side_throttle(
    bench: Bench, wire: Wire, together: int
) -> None:
    worker, answer = bench.worker(clock=time.time), asyncio.Event()
    wire.answers = [answer]
    await runs(bench.store, 2, new_limits=())

    sending = asyncio.create_task(worker.run_once("slack"))
    while len(wire.arrived) < together:  # both may come before this goes on
        await wire.called.wait()
        wire.called.clear()

    assert len(wire.arrived) == together
    answer.set()
    await sending
    assert wire.taken == 2


async def test_running_delivers_at_once_and_stops_with_what_is_under_way(bench: Bench) -> None:
    arrived, worker = asyncio.Event(), bench.worker(clock=time.time)
    bench.wire.answers = [arrived]
    running = asyncio.create_task(worker.run())
    await runs(bench.store, 1, new_limits=())
    worker.wake()
    await bench.wire.called.wait()
    stopping = asyncio.create_task(worker.stop(5))
    await asyncio.sleep(0)
    arrived.set()
    await stopping
    running.cancel()

    assert (await bench.counts())["delivered"] == 1


async def test_no_more_is_under_way_than_its_channel_has_places(bench: Bench) -> None:
    wire, answered = bench.wire, [asyncio.Event() for _ in range(4)]
    wire.max_concurrency, wire.answers, wire.limited = 2, [*answered], ((), ())
    worker = bench.worker(clock=time.time)
    running = asyncio.create_task(worker.run())
    await runs(bench.store, 4, new_limits=())
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
    bench: Bench, open_store: Callable[..., Store]
) -> None:
    other, taken_over = open_store(), list[Delivery]()

    async def enrich(delivery: Delivery) -> Delivery:  # and meanwhile its process counts as gone
        bench.clock.advance(31)
        await lose(bench.store)
        bench.clock.advance(1)
        taken_over.extend(await claim(other, "email"))
        return delivery

    await bench.store.accept(events.completed(), [mail()])
    await bench.worker(enrich=enrich).run_once("email")

    assert bench.wire.arrived == []
    assert await other.mark_sending(taken_over[0])


async def test_a_worker_that_stops_gives_back_what_it_has_not_begun_to_send(
    bench: Bench, open_store: Callable[..., Store]
) -> None:
    composing, results = asyncio.Event(), asyncio.Event()

    async def enrich(delivery: Delivery) -> Delivery:
        composing.set()
        await results.wait()
        return delivery

    worker = bench.worker(enrich=enrich)
    running = asyncio.create_task(worker.run())
    await bench.store.accept(events.completed(), [mail()])
    worker.wake()
    await composing.wait()
    stopping = asyncio.create_task(worker.stop(patience()))
    await asyncio.sleep(0)
    results.set()
    await stopping
    running.cancel()

    assert bench.wire.arrived == []
    assert [delivery.attempt for delivery in await claim(open_store(), "email")] == [1]


async def test_a_result_that_relay_fails_to_store_leaves_its_outcome_unknown_and_costs_no_other(
    bench: Bench, worker: Worker
) -> None:
    store, arrived = bench.store, asyncio.Event()
    for name in ("op-1", "op-2"):
        await store.accept(events.completed(operationId=name), [team(post_after=0.0, new_limits=())])
    kept = store.shared.memory.records
    damaged = next(name for name in kept if name.startswith("thread:"))
    bench.wire.answers = [arrived, arrived]
    running = asyncio.create_task(worker.run_once("slack"))
    await bench.wire.called.wait()
    whole, kept[damaged] = kept[damaged], replace(kept[damaged], receipt=5)
    arrived.set()
    with capture_logs() as lines:
        await running
    await lose(store)
    kept[damaged] = whole
    await lose(store)
    bench.clock.advance(1)

    assert len([line for line in lines if line["event"] == "settle.failed"]) == 1
    [again] = await claim(store)
    assert again.trial.doubted
