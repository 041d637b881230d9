"""The keys behind links and buttons: all processes share them, and what the earlier ones signed opens for its time."""

import asyncio
from collections.abc import Callable

import pytest

from relay.domain.links import issue
from relay.errors import InvalidSignature
from relay.store import Store
from relay.store.signing_keys import LOOK, MOST, SigningKeys
from tests.support.clock import Clock

PURPOSE = "unsubscribe"
DAY = 86_400.0


@pytest.fixture
def store(redis_store: Store) -> Store:
    return redis_store


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


async def test_of_earlier_keys_few_open_and_each_for_its_time(signing: SigningKeys, store: Store) -> None:
    now, links, forgotten = await store.time(), [await link(signing)], []
    await signing.rotate(now - DAY, DAY - 1)  # a day ago, for a second less
    for day in range(MOST + 1):
        links.append(await link(signing))
        forgotten += (await signing.rotate(now + day, 30 * DAY))[1]

    assert [await opens(signing, token) for token in links] == [False, False] + [True] * MOST
    assert len(forgotten) == 2
    await signing.rotate(now, 0)  # somebody else may have them
    assert [token for token in links if await opens(signing, token)] == []


async def test_a_link_of_another_process_opens_at_once_also_by_a_key_that_is_new(
    signing: SigningKeys, store: Store, clock: Clock
) -> None:
    other = SigningKeys(store, clock)
    await other.current()
    clock.advance(LOOK)
    await signing.rotate(await store.time(), DAY)

    assert await opens(other, await link(signing))


async def test_two_rotations_at_once_lose_no_key(open_redis_store: Callable[..., Store]) -> None:
    stores = [open_redis_store() for _ in range(3)]
    old = await link(SigningKeys(stores[0]))
    now = await stores[0].time()
    made = await asyncio.gather(*(SigningKeys(store).rotate(now, DAY) for store in stores))

    present = await SigningKeys(stores[0]).current()
    retired = {key.key for key in await SigningKeys(stores[0]).retired()}
    assert {key for key, _ in made} <= {present} | retired
    assert await opens(SigningKeys(stores[1]), old)
