"""What happens to Redis under a relay at work: its data deleted, its memory full."""

import re
from collections import Counter

import pytest

from tests.chaos.load import DURABLE, Load, event_of
from tests.chaos.test_outages import readiness
from tests.chaos.test_taking_over import SlowInbox
from tests.support.ports import own_host
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.stage import CONFIG, post, surroundings
from tests.support.waiting import until

pytestmark = pytest.mark.slow

OPERATIONS = 20


async def test_after_a_flush_it_goes_on_and_says_so() -> None:
    with RedisServer(**DURABLE) as server:
        async with surroundings(server.url, RELAY_HOST=own_host()) as around, RunningRelay(CONFIG, around.env) as relay:
            load = Load(relay)
            async with load.sending():
                await load.more(20)
                await around.store.redis.flushall()
                after = len(load.acknowledged) + 6  # those of the senders that were under way
                await load.more(40)
            ledger = await around.settled()
            _, checks = await readiness(relay.admin_url)

    told = Counter(operation for mail in around.inbox.mails for operation in re.findall(r"op-\d+", mail.subject)[:1])
    later = [*load.acknowledged][after:]
    assert ledger.imbalance == 0
    assert checks["data"].startswith("found deleted at ")
    assert [operation for operation in later if told[operation] != 2] == []


async def test_a_full_redis_takes_nothing_and_is_drained() -> None:
    with RedisServer(**DURABLE) as server:
        async with surroundings(server.url) as around, SlowInbox() as inbox:
            env = {**around.env, "STAGE_SMTP": str(inbox.smtp_port), "RELAY_HOST": own_host()}
            async with RunningRelay(CONFIG, env) as relay:
                for number in range(OPERATIONS):
                    assert (await post(relay.url, event_of(f"op-{number}"))).status == 202
                await until(lambda: inbox.waiting)
                redis = around.store.redis
                await redis.config_set("maxmemory", 1)
                refused = [(await post(relay.url, event_of(f"op-{OPERATIONS}"))).status for _ in range(3)]
                inbox.open.set()
                ledger = await around.settled()
                full, _ = await readiness(relay.admin_url)
                await redis.config_set("maxmemory", 0)
                await until(lambda: taken(relay))
                after = await around.settled()

    assert (refused, full) == ([503] * 3, 503)
    assert (ledger.counts["delivered"], ledger.counts["accepted"], ledger.imbalance) == (
        2 * OPERATIONS,
        2 * OPERATIONS,
        0,
    )
    assert (after.counts["events"], after.counts["delivered"]) == (OPERATIONS + 1, 2 * OPERATIONS + 2)
    mails = [(mail.recipient, mail.id) for mail in inbox.mails]
    assert len(mails) == len(set(mails)) == 2 * OPERATIONS + 2


async def taken(relay: RunningRelay) -> bool:
    return (await post(relay.url, event_of(f"op-{OPERATIONS}"))).status == 202
