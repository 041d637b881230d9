"""The quarantine in Redis."""

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from relay import metrics
from relay.errors import StoreUnavailable
from relay.store import Store
from relay.store.keys import PREFIX
from tests.support.redis_server import RedisServer


async def test_no_body_is_left_without_its_row(redis: Redis, redis_server: RedisServer) -> None:
    """As after a crash before the row was written, which no user could find the body by."""
    await redis.execute_command("ACL", "SETUSER", "rowless", "on", ">pw", "~*", "+@all", "-hset")
    store = Store.open(redis_server.url.replace("unix://", "unix://rowless:pw@"), process="p")
    try:
        with pytest.raises(StoreUnavailable):
            await store.bodies.keep("ops", b"{", {}, "no JSON", fault=False)
    finally:
        await store.aclose()
        await redis.execute_command("ACL", "DELUSER", "rowless")

    assert await redis.keys(f"{PREFIX}quarantined:*") == []


async def test_the_oldest_refused_bodies_make_room_in_bytes_and_that_is_told(
    redis_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.bodies.MOST_BYTES", 1000)
    quarantine, before = redis_store.bodies, metrics.displaced.labels("ops")._value.get()
    fault = await quarantine.keep("ops", b"f" * 900, {}, "KeyError", fault=True)
    with capture_logs() as lines:
        names = [await quarantine.keep("ops", b"%d" % n * 400, {}, "no event", fault=False) for n in range(4)]

    kept = [await quarantine.named(name) is not None for name in (fault, *names)]
    assert (kept[0], kept[-1], sum(kept)) == (True, True, 3)  # of those of one millisecond any may leave
    assert sum(line["count"] for line in lines if line["event"] == "quarantine.displaced") == 2
    assert metrics.displaced.labels("ops")._value.get() == before + 2
    with pytest.raises(StoreUnavailable, match="quarantine is full"):
        await quarantine.keep("ops", b"g" * 101, {}, "KeyError", fault=True)
