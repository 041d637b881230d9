"""The last bodies of a source: few, not too long, for a week, and in nobody's way."""

from collections.abc import Callable

from redis.asyncio import Redis

from relay.store import Store, keys
from relay.store.bodies import LAST, LONGEST, SECONDS, Bodies
from tests.support.clock import Clock


async def at_rest(redis: Redis) -> dict[bytes, int]:
    """What Redis has of bodies: each value, with the seconds after which it goes."""
    names = [name async for name in redis.scan_iter(f"{keys.PREFIX}last-body:*")]
    return {await redis.get(name): await redis.ttl(name) for name in names}


async def test_the_last_twenty_of_a_source_are_there_for_a_week(
    open_redis_store: Callable[..., Store], clock: Clock
) -> None:
    store = open_redis_store()
    bodies, other = Bodies(store.plain), Bodies(store.plain)  # of two processes
    for number in range(LAST + 5):
        (other if number % 10 == 9 else bodies).add("github", b"body %d" % number, {"x-kind": "run"}, clock() + number)
        if number % 10 == 9:
            await bodies.flush()
            await other.flush()
    await bodies.flush()
    bodies.add("github", b"x" * (LONGEST + 1), {}, clock())
    bodies.add("gitlab", b"\xff\n\x00", {}, clock())
    await bodies.flush()
    await bodies.flush()

    kept = await Bodies(store.plain).last("github")
    assert [body.number for body in kept] == [*range(LAST + 5, 5, -1)]
    assert kept[0].body == b"body 24"
    assert (kept[0].headers, kept[0].at) == ({"x-kind": "run"}, clock() + 24)
    assert {body.body for body in kept} == {b"body %d" % number for number in range(5, LAST + 5)}
    assert [body.body for body in await bodies.last("gitlab")] == [b"\xff\n\x00"]
    assert await bodies.last("nobody") == []
    stored = await at_rest(store.redis)
    assert len(stored) == LAST + 1
    assert all(0 < ttl <= SECONDS for ttl in stored.values())
    [key, *_] = [name async for name in store.redis.scan_iter(f"{keys.PREFIX}last-body:*")]
    await store.redis.set(key, b"damaged")
    assert sum([len(await bodies.last(source)) for source in ("github", "gitlab")]) == LAST


async def test_a_burst_costs_no_more_than_is_kept_and_a_redis_that_is_away_nothing(
    open_redis_store: Callable[..., Store], clock: Clock
) -> None:
    store = open_redis_store()
    bodies = Bodies(store.plain)
    for number in range(1000):
        bodies.add("github", b"%d" % number, {}, clock())
    await bodies.flush()
    assert [body.body for body in await bodies.last("github")][::19] == [b"999", b"980"]

    away = Store.open("redis://127.0.0.1:1/0", process="w")
    lost = Bodies(away.plain)
    lost.add("github", b"{}", {}, clock())
    await lost.flush()
    await away.aclose()
