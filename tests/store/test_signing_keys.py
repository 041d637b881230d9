"""The keys behind links and buttons: all processes share them, and what the earlier ones sealed opens for its time."""

import asyncio
from collections.abc import Callable

import pytest

from relay.domain.links import issue
from relay.errors import InvalidSignature
from relay.store import Store, keys
from relay.store.signing_keys import LOOK, MOST, SigningKeys
from tests.support.clock import Clock

PURPOSE = "unsubscribe"
DAY = 86_400.0


@pytest.fixture
def signing(store: Store, clock: Clock) -> SigningKeys:
    return SigningKeys(store, clock)


async def link(signing: SigningKeys) -> str:
    return issue(await signing.current(), PURPOSE, "analysts")


async def opens(signing: SigningKeys, token: str) -> bool:
    try:
        return await signing.redeem(PURPOSE, token) == ("analysts",)
    except InvalidSignature:
        return False


async def test_after_a_rotation_new_links_have_another_key_and_old_ones_work(
    signing: SigningKeys, store: Store
) -> None:
    old = await link(signing)
    new_key, forgotten = await signing.rotate(await store.time(), DAY)

    new = await link(signing)
    assert new != old
    assert (new_key, forgotten) == (await signing.current(), [])
    assert [await opens(signing, token) for token in (old, new, old[:-1])] == [True, True, False]


async def test_until_their_time_is_over(signing: SigningKeys, store: Store) -> None:
    old = await link(signing)
    now = await store.time()
    await signing.rotate(now - DAY, DAY - 1)  # a day ago, for a second less

    assert not await opens(signing, old)


async def test_of_too_many_the_oldest_goes(signing: SigningKeys, store: Store) -> None:
    now, links, forgotten = await store.time(), [], []
    for day in range(MOST + 1):
        links.append(await link(signing))
        forgotten += (await signing.rotate(now + day, 30 * DAY))[1]

    assert [await opens(signing, token) for token in links] == [False] + [True] * MOST
    assert len(forgotten) == 1
    assert await store.redis.hlen(keys.KEYS_RETIRED) == MOST


async def test_a_key_that_somebody_else_may_have_opens_nothing_any_more(signing: SigningKeys, store: Store) -> None:
    links = [await link(signing)]
    await signing.rotate(await store.time(), DAY)
    links.append(await link(signing))
    await signing.rotate(await store.time(), 0)

    assert [await opens(signing, token) for token in links] == [False, False]


async def test_a_link_of_another_process_opens_at_once_also_by_a_key_that_is_new(
    signing: SigningKeys, store: Store, clock: Clock
) -> None:
    other = SigningKeys(store, clock)
    await other.current()
    clock.advance(LOOK)
    await signing.rotate(await store.time(), DAY)

    assert await opens(other, await link(signing))


async def test_forged_links_ask_redis_once_a_second_at_most(signing: SigningKeys, store: Store, clock: Clock) -> None:
    forged = issue(b"x" * 32, PURPOSE, "analysts")
    await opens(signing, forged)
    before = (await store.redis.info("commandstats"))["cmdstat_hgetall"]["calls"]

    for _ in range(50):
        assert not await opens(signing, forged)
        clock.advance(0.01)

    assert (await store.redis.info("commandstats"))["cmdstat_hgetall"]["calls"] == before


async def test_two_rotations_at_once_lose_no_key(open_store: Callable[..., Store]) -> None:
    stores = [open_store() for _ in range(3)]
    old = await link(SigningKeys(stores[0]))
    now = await stores[0].time()
    made = await asyncio.gather(*(SigningKeys(store).rotate(now, DAY) for store in stores))

    present = await SigningKeys(stores[0]).current()
    retired = {key.key for key in await SigningKeys(stores[0]).retired()}
    assert {key for key, _ in made} <= {present} | retired
    assert await opens(SigningKeys(stores[1]), old)
