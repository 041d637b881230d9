"""A record that cannot be handled holds up no other, and after a crash nothing waits for a lease."""

import pytest
from redis.asyncio import Redis

from relay_sandbox.storage.changes import LEASE
from relay_sandbox.storage.state import PREFIX
from tests.support.redis_server import RedisServer
from tests.support.sandbox import Stage

pytestmark = pytest.mark.slow


async def test_a_record_that_cannot_be_read_holds_up_no_other(sandbox: Stage, redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        await redis.set(f"{PREFIX}operation:broken", "{")
        await redis.zadd(f"{PREFIX}due", {"operation:broken": 0, "of no kind": 0})
    started = await sandbox.start()
    sandbox.clock.advance(3)

    await sandbox.worker.turn()

    assert (await sandbox.get(started["operationId"]))["status"] == "Running"


async def test_what_the_dead_had_claimed_is_due_again(sandbox: Stage) -> None:
    await sandbox.ask("POST", "/webhooks", {"webhookUrl": sandbox.receiver.url, "events": ["operation.started"]})
    await sandbox.start()
    sandbox.clock.advance(3)
    await sandbox.worker.turn()
    for queue in ("due", "outbox"):
        sandbox.clock.advance(200)
        claimed = await sandbox.state.claim(queue, sandbox.clock())
        assert claimed
        assert await sandbox.state.claim(queue, sandbox.clock() + LEASE / 2) == []

        await sandbox.state.release(sandbox.clock() + LEASE / 2)

        assert await sandbox.state.claim(queue, sandbox.clock() + LEASE / 2) == claimed
