"""Redis's clock is set back: nothing waits for the time that was wrong to come again."""

from structlog.testing import capture_logs

from relay.config import parse_config
from relay.health import Health
from relay.store import Store
from tests.support import events
from tests.support.clock import Clock
from tests.support.front import count
from tests.support.queue import accept, claim
from tests.support.targets import mail

BACK = 6 * 3600.0
CONFIG = 'sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}\nrules: []'


async def test_what_waits_waits_as_long_as_it_had_to(redis_store: Store, clock: Clock) -> None:
    await redis_store.prepare()
    await accept(redis_store, *(events.completed(operationId=f"op-{n}") for n in range(5)), to=mail())
    for delivery in await claim(redis_store, "email"):
        await redis_store.mark_sending(delivery)
        await redis_store.reschedule(delivery, 60, "451")
    clock.advance(-BACK)
    early = await claim(redis_store, "email")
    before = await redis_store.time()
    clock.advance(61)

    assert early == []
    assert before > clock() + BACK - 120
    assert len(await claim(redis_store, "email")) == 5


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
