"""Redis's clock is set back: nothing waits for the time that was wrong to come again."""

from collections.abc import Callable

from structlog.testing import capture_logs

from relay.config import parse_config
from relay.domain.deliveries import Gate, Limit
from relay.engine.clock import ClockSetBack
from relay.health import Health
from relay.policy.retry import Pause
from relay.store import Store
from relay.store.journal.pace import Pace
from tests.support import events
from tests.support.clock import Clock
from tests.support.front import count
from tests.support.queue import accept, claim, claim_one, send
from tests.support.targets import mail, room
from tests.support.waiting import until

BACK = 6 * 3600.0
CONFIG = 'sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}\nrules: []'


def set_back(store: Store, clock: Clock) -> None:
    """The wrong time is noticed, then the right one."""
    store.take_set_back()
    clock.advance(-BACK)
    assert store.take_set_back() == BACK


async def test_what_waited_for_a_retry_waits_as_long_as_before(store: Store, clock: Clock) -> None:
    await accept(store, events.completed(), to=mail())
    delivery = await claim_one(store, "email")
    await store.mark_sending(delivery)
    await store.reschedule(delivery, 60, "451")
    set_back(store, clock)
    clock.advance(59)
    early = await claim(store, "email")
    clock.advance(1)

    assert early == []
    assert (await claim_one(store, "email")).id == delivery.id


async def test_much_that_waits_is_put_right_in_parts(open_redis_store: Callable[..., Store], clock: Clock) -> None:
    redis_store = open_redis_store(pace=Pace(set_back=2))
    await redis_store.prepare()
    await accept(redis_store, *(events.completed(operationId=f"op-{n}") for n in range(5)), to=mail())
    for delivery in await claim(redis_store, "email"):
        await redis_store.mark_sending(delivery)
        await redis_store.reschedule(delivery, 60, "451")
    clock.advance(-BACK)
    await until(redis_store.take_set_back)
    early = await claim(redis_store, "email")
    clock.advance(60)

    assert early == []
    assert len(await claim(redis_store, "email")) == 5


async def test_what_a_process_left_half_done_the_next_one_goes_on_with(
    open_redis_store: Callable[..., Store], clock: Clock
) -> None:
    first, second = open_redis_store(), open_redis_store()
    await first.prepare()
    await accept(first, *(events.completed(operationId=f"op-{n}") for n in range(5)), to=mail())
    for delivery in await claim(first, "email"):
        await first.mark_sending(delivery)
        await first.reschedule(delivery, BACK + 60, "451")
    await first.submit(ClockSetBack(round(BACK * 1000), most=2))  # and it dies
    await first.partition.aclose()

    await second.prepare()
    clock.advance(60)

    assert len(await claim(second, "email")) == 5


async def test_a_rate_limit_begins_anew(store: Store, clock: Clock) -> None:
    limited = room(new_limits=(Limit("post:#room", 1.0),))
    await accept(store, *(events.completed(operationId=f"op-{n}") for n in range(7)), to=limited)
    await claim(store)
    set_back(store, clock)

    told = []
    for _ in range(7):
        told.append(len(await claim(store)))
        clock.advance(1)

    assert told == [0] + [1] * 6


async def test_a_pause_lasts_no_longer_than_it_was_meant_to(store: Store, clock: Clock) -> None:
    await accept(store, events.completed(), to=room())
    delivery = await claim_one(store)
    await store.mark_sending(delivery)
    await store.reschedule(delivery, 60, "429", holds=[Pause("limit:post:#room", 60, "429")])
    set_back(store, clock)
    await accept(store, events.completed(operationId="op-2"), to=room(new_limits=(Limit("post:#room", 1.0),)))
    early = await claim(store)
    clock.advance(59)
    early += await claim(store)
    clock.advance(6)

    assert early == []
    assert len(await claim(store)) == 2


async def test_progress_passes_its_gate_as_soon_as_before(store: Store, clock: Clock) -> None:
    gated = room(gates=(Gate(10, 60.0),))
    await accept(store, events.progress(10), to=gated)
    await send(store)
    set_back(store, clock)
    clock.advance(60)
    await accept(store, events.progress(30), to=gated)

    assert (await claim_one(store)).event.percentage == 30


async def test_it_is_told_in_the_log_and_counted(redis_store: Store, clock: Clock) -> None:
    config = parse_config(CONFIG, env={}, channels={})
    health = Health(redis_store, lambda: config, clock=clock)
    await health.prepare()
    before = count("redis_clock_set_back")
    clock.advance(-BACK)

    with capture_logs() as lines:
        await health.look()
        await health.look()

    assert [(line["event"], line["seconds"]) for line in lines] == [("redis.clock_set_back", BACK)]
    assert count("redis_clock_set_back") == before + 1
