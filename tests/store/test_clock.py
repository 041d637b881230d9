"""Redis's clock is set back: nothing waits for the time that was wrong to come again."""

from collections.abc import Callable

from structlog.testing import capture_logs

from relay.config import parse_config
from relay.engine.clock import ClockSetBack
from relay.health import Health
from relay.store import Store
from relay.store.journal.pace import Pace
from tests.support import events
from tests.support.clock import Clock
from tests.support.front import count
from tests.support.queue import accept, claim
from tests.support.targets import mail
from tests.support.waiting import until

BACK = 6 * 3600.0
CONFIG = 'sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}\nrules: []'


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
