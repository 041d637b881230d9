"""Refusals as they are written down: numbers for a day, and the newest few."""

import pytest

from relay.errors import StoreUnavailable
from relay.receiving.refusals import Refusals as Collected
from relay.store import Store
from relay.store.refusals import ROWS, Refusals
from tests.support.clock import Clock

DAY = 86_400


def refuse(collected: Collected, source: str, reason: str, peer: str = "192.0.2.1", quarantined: str = "") -> None:
    collected.add(source, reason, lambda: peer, quarantined)


async def test_what_several_processes_refused_is_added_up(store: Store, clock: Clock) -> None:
    refusals = Refusals(store.redis)
    for peer in ("192.0.2.1", "192.0.2.2"):
        collected = Collected(clock)
        refuse(collected, "platform", "signature_wrong", peer)
        refuse(collected, "platform", "signature_wrong", peer)
        await refusals.write(collected)
        clock.advance(5)
    refuse(collected, "", "unknown_source")
    await refusals.write(collected)

    unknown, wrong = await refusals.totals(clock())

    assert (unknown.source, unknown.reason, unknown.count) == ("", "unknown_source", 1)
    assert (wrong.source, wrong.reason, wrong.count, wrong.peer) == ("platform", "signature_wrong", 4, "192.0.2.2")
    assert (wrong.first, wrong.last) == (clock() - 10, clock() - 5)


async def test_the_newest_few_are_kept(store: Store, clock: Clock) -> None:
    collected, refusals = Collected(clock), Refusals(store.redis)
    for number in range(2 * ROWS):
        refuse(collected, "platform", "invalid", f"2001:db8::{number:x}", f"q-{number}")
        if number % 20 == 19:
            await refusals.write(collected)
    clock.advance(1)
    refuse(collected, "platform", "invalid", "192.0.2.9")
    await refusals.write(collected)

    newest, before, *_ = await refusals.recent("platform", "invalid")

    assert (newest.at, newest.peer, newest.quarantined) == (clock(), "192.0.2.9", "")
    assert before.quarantined == f"q-{2 * ROWS - 1}"
    assert await store.redis.xlen("{relay}:refusals:platform invalid") < 1.3 * ROWS
    assert await refusals.recent("platform", "not_json") == []


async def test_a_redis_that_is_away_loses_none(store: Store, clock: Clock) -> None:
    collected, refusals = Collected(clock), Refusals(store.redis)
    refuse(collected, "platform", "invalid")
    await store.redis.set(f"{{relay}}:refused:{int(clock() // DAY)}", "of another type")
    with pytest.raises(StoreUnavailable):
        await refusals.write(collected)
    await store.redis.delete(f"{{relay}}:refused:{int(clock() // DAY)}")

    await refusals.write(collected)

    assert [row.count for row in await refusals.totals(clock())] == [1]
