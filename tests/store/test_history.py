"""The record of what was sent: how each delivery ended, newest first, in pages that cost no more than a page may."""

import pytest

from relay.domain.deliveries import Receipt, Window
from relay.engine.records import HISTORIES, history
from relay.store import Store, keys
from relay.store.forgetting import Forgetting
from relay.store.queries.admin import Admin
from relay.store.queries.history import LOOKED, History
from relay.store.queries.suppressions import Suppressions
from tests.support import events, records
from tests.support.clock import Clock
from tests.support.queue import POSTED, accept, claim, claim_one, send
from tests.support.targets import mail, room, team


def ends(rows: object) -> list[tuple[str, str, str]]:
    return [(row.destination, row.outcome, row.reason) for row in rows]  # type: ignore[attr-defined]


async def test_a_message_that_is_posted_anew_has_a_row_and_edits_of_its_own(store: Store, clock: Clock) -> None:
    for percentage, receipt in ((10, POSTED), (40, POSTED), (70, Receipt("C1/2.2", {"channel": "C1", "ts": "2.2"}))):
        await accept(store, events.progress(percentage), to=team())
        await send(store, receipt=receipt)
        clock.advance(60)

    assert [(row.detail, row.edits) for row in (await History(store).page()).rows] == [("C1/2.2", 0), ("C1/1.1", 0)]


async def test_each_way_in_which_a_delivery_ends(store: Store, clock: Clock) -> None:
    await accept(store, events.completed(operationId="dies"), to=room())
    await store.dead_letter(await claim_one(store), "rejected", "channel_not_found")
    clock.advance(1)
    await Admin(store).drop([letter.id for letter in await Admin(store).dead()])
    clock.advance(1)
    await accept(store, events.completed(operationId="unread"), to=mail())
    await Suppressions(store).add("analyst@example.com")
    assert await claim(store, "email") == []
    clock.advance(1)
    await accept(store, events.completed(operationId="quiet"), to=room())
    await store.claim("slack", 10, {"*": Window(clock(), clock() + 3600)})

    rows = (await History(store).page()).rows

    assert ends(rows) == [
        ("room", "held", "quiet_hours"),
        ("analysts", "superseded", "suppressed"),
        ("room", "dropped", ""),
        ("room", "dead", "rejected"),
    ]
    assert [row.subject for row in rows] == ["quiet", "unread", "dies", "dies"]
    assert rows[-1].detail == "channel_not_found"


async def test_a_page_that_finds_little_says_how_far_it_looked(store: Store, clock: Clock) -> None:
    await accept(store, events.completed(operationId="dies"), to=room())
    await store.dead_letter(await claim_one(store), "rejected", "channel_not_found")
    clock.advance(1)
    await accept(store, events.completed(), to=room())
    await send(store)
    clock.advance(1)
    await records.repeat(store, "room", LOOKED, int(clock() * 1000))

    first = await History(store).page(outcome="dead")
    second = await History(store).page(outcome="dead", cursor=first.cursor)

    assert (first.rows, first.looked, first.looked_to) == ([], LOOKED, clock())
    assert [row.subject for row in second.rows] == ["dies"]
    assert (second.cursor, second.looked_to) == ("", None)


@pytest.mark.parametrize("cursor", ["x", "1-1", "-1-0-room", "1-1111111111111111-room"])
async def test_a_cursor_that_no_page_gave_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor"):
        await History(store).page(cursor=cursor)


async def rows_of(store: Store, destination: str, count: int, ms: int) -> None:
    """So many rows, a second apart, the first of them then."""
    async with store.redis.pipeline() as pipeline:
        for number in range(count):
            pipeline.xadd(keys.PREFIX + history(destination), {"v": b"x" * 100}, id=f"{ms + number * 1000}-0")
        pipeline.zadd(keys.PREFIX + HISTORIES, {destination: ms + (count - 1) * 1000})
        await pipeline.execute()


async def test_what_is_older_than_the_retention_is_forgotten(redis_store: Store, clock: Clock) -> None:
    ms = int(clock() * 1000)
    await rows_of(redis_store, "room", 10, ms)
    await rows_of(redis_store, "gone", 3, ms)

    assert await Forgetting(redis_store).forget(clock() + 86_404, 86_400) == 6
    assert await History(redis_store).destinations() == ["room"]


async def test_of_too_many_the_busiest_give_first(redis_store: Store, clock: Clock) -> None:
    ms = int(clock() * 1000)
    await rows_of(redis_store, "busy", 4000, ms)
    await rows_of(redis_store, "quiet", 50, ms)

    assert await Forgetting(redis_store, bound=2050).forget(clock(), 86_400) == 2050

    assert await redis_store.redis.xlen(keys.PREFIX + history("quiet")) == 50


async def test_a_redis_that_fills_up_keeps_less_of_the_record(redis_store: Store, clock: Clock) -> None:
    await rows_of(redis_store, "busy", 4000, int(clock() * 1000))

    assert await Forgetting(redis_store).forget(clock(), 86_400, fullness=0.75) == 3600
