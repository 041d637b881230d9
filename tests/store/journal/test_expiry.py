"""What has expired is gone for decisions, whatever Redis still has of it, and what lives stays."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from relay.engine.draft import Draft
from relay.engine.state import Changes, State
from relay.store.journal.items import Admission
from relay.store.journal.writes import SLACK
from tests.store.journal import toy
from tests.store.journal.conftest import Open, P
from tests.store.journal.toy import Add, Brief, Look
from tests.support.waiting import until

EVENT = Admission.PROGRESS
DAY = 86_400_000


async def test_what_has_expired_is_gone_for_good(open_process: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy, "HOUR", 200)
    first = await open_process("a").start()
    await first.submit(Add("x", "e1"))
    assert (await first.submit(Look("x")))["story"] == [b"e1"]
    first.ahead += 0.25

    assert (await first.submit(Look("x")))["story"] == []
    monkeypatch.setattr(toy, "HOUR", 60_000)
    await first.submit(Add("x", "e2"))
    await first.die()

    second = await open_process("b").start()
    assert (await second.submit(Look("x")))["story"] == [b"e2"]


async def test_lines_that_expired_while_nobody_looked_do_not_come_back(open_process: Open, redis: Redis) -> None:
    first = await open_process("a").start()
    await first.submit(Add("x", "e1"))
    await first.die()
    await redis.pexpire(P + "story:x", SLACK - 1)  # its time is over, and Redis keeps it for a moment yet
    second = await open_process("b").start()

    await second.submit(Add("x", "e2"))
    await second.submit(Add("x", "e3"))

    assert await redis.lrange(P + "story:x", 0, -1) == [b"e2", b"e3"]


async def test_what_expires_behind_a_decision_stays_as_it_was_decided(open_process: Open, redis: Redis) -> None:
    process = await open_process().start()
    await process.submit(Add("x", "e1"))
    assert (await process.submit(Look("x")))["story"] == [b"e1"]
    await redis.pexpire(P + "story:x", SLACK - 1)  # as by Redis's clock, when the commit comes there

    await process.submit(Add("x", "e2"))

    assert await redis.lrange(P + "story:x", 0, -1) == (await process.submit(Look("x")))["story"] == [b"e1", b"e2"]


async def test_a_field_that_is_not_there_says_nothing_of_the_others(open_process: Open, redis: Redis) -> None:
    def step(state: State, entry: Add, now: int, _settings: Any) -> tuple[Changes, Any]:
        d = Draft(state, now)
        known = d.field("t", entry.event)
        d.put("t", entry.event, b"x", kept=toy.HOUR)
        return d.changes, known

    first = await open_process("a", step=step).start()
    await first.submit(Add("x", "e1"))
    await first.die()
    second = await open_process("b", step=step).start()
    assert await second.submit(Add("x", "e2")) is None
    assert await redis.hkeys(P + "t") == [b"e1", b"e2"]
    assert await second.submit(Add("x", "e1")) == b"x"


async def test_what_is_written_unread_over_what_has_expired_stays(open_process: Open, redis: Redis) -> None:
    def step(state: State, entry: Add, now: int, _settings: Any) -> tuple[Changes, Any]:
        d = Draft(state, now)
        if entry.event:
            d.put("t", entry.event, b"x", kept=30 * DAY)
            d.append("l", entry.event.encode(), most=5, kept=30 * DAY)
        return d.changes, [*d.table("t"), *d.log("l")] if entry.name else None

    now = 1_000_000.0
    process = await open_process(step=step, clock=lambda: now).start()
    await process.submit(Add("look", "e1"))
    now += 32 * DAY / 1000
    for key in "tl":
        await redis.pexpire(P + key, SLACK - 1)

    await process.submit(Add("", "e2"))
    await process.submit(Add("", "e3"))

    assert await redis.hkeys(P + "t") == await redis.lrange(P + "l", 0, -1) == [b"e2", b"e3"]
    assert await process.submit(Add("look", "")) == ["e2", "e3", b"e2", b"e3"]


class TestATableThatIsMadeAgain:
    @staticmethod
    def step(state: State, entry: Add, now: int, _settings: Any) -> tuple[Changes, Any]:
        d = Draft(state, now)
        if entry.by == 0:
            d.remove("t", entry.name)
        elif entry.by < 0:
            d.clear("t")
        else:
            d.put("t", entry.name, b"x", kept=entry.by)
        return d.changes, [*d.table("t")]

    @pytest.mark.parametrize("end", [0, -1], ids=["emptied", "cleared"])
    async def test_expires_again(self, open_process: Open, redis: Redis, end: int) -> None:
        process = await open_process(step=self.step).start()
        for by in (30 * 86_400_000, end, 30 * 86_400_000):
            await process.submit(Add("one", "", by))

        assert await redis.pttl(P + "t") > 0

    async def test_expires_though_that_was_said_before_it_was_there(self, open_process: Open, redis: Redis) -> None:
        def step(state: State, entry: Add, now: int, _settings: Any) -> tuple[Changes, Any]:
            d = Draft(state, now)
            d.keep("t", 40 * DAY)
            if entry.event:
                d.put("t", entry.event, b"x")
            return d.changes, None

        process = await open_process(step=step).start()
        await process.submit(Add("", ""))
        await process.submit(Add("", "e1"))

        assert await redis.pttl(P + "t") > 0

    async def test_keeps_what_the_same_commit_has_lent(self, open_process: Open, redis: Redis) -> None:
        process = await open_process(step=self.step).start()
        await process.submit(Add("old", "", 1))
        begun = await redis.time()

        async def is_over() -> bool:
            return (await redis.time()) > (begun[0], begun[1] + 100_000)

        await until(is_over)  # its millisecond, and what the owner's clock may be behind

        lent = asyncio.create_task(process.submit(Add("lent", "", toy.HOUR), lazy=True))
        own = await process.submit(Add("own", "", toy.HOUR))

        assert (await lent, own) == (["lent"], ["lent", "own"])
        assert {*await redis.hkeys(P + "t")} == {b"lent", b"own"}

    async def test_takes_no_more_memory_the_more_often_it_is_written(self, open_process: Open) -> None:
        process = await open_process(step=self.step).start()
        sizes = []
        for _ in range(3):
            await process.submit(Add("one", "", toy.HOUR))
            sizes.append(process.partition._term.cache.bytes)  # type: ignore[union-attr]

        assert len({*sizes}) == 1


async def test_what_is_kept_for_long_is_over_for_the_next_owner_when_it_is_for_this_one(open_process: Open) -> None:
    def step(state: State, entry: Add, now: int, _settings: Any) -> tuple[Changes, Any]:
        d = Draft(state, now)
        if entry.event:
            d.put("t", entry.event, b"x", kept=entry.by)
            d.append("l", b"x", most=5, kept=entry.by)
        return d.changes, [*d.table("t"), *d.log("l")]

    now = 1_000_000.0
    first = await open_process("a", step=step, clock=lambda: now).start()
    await first.submit(Add("", "e1", 30 * DAY))
    await first.submit(Add("", "e2", 30 * DAY))
    now += 30.5 * DAY / 1000
    found = await first.submit(Add("", ""))
    await first.die()
    second = await open_process("b", step=step, clock=lambda: now).start()

    assert await second.submit(Add("", "")) == found


@pytest.mark.parametrize("known", ["written", "read before", "read after"])
async def test_what_has_expired_is_gone_and_what_comes_back_expires_again(
    open_process: Open, redis: Redis, known: str
) -> None:
    """Whether this owner wrote it, read it while it was there, or reads what Redis keeps for a moment yet."""

    def step(state: State, entry: Add, now: int, _settings: Any) -> tuple[Changes, Any]:
        d = Draft(state, now)
        if entry.event:
            d.edit(Brief, "x").text = "x"
            d.put("table", "f", b"x", kept=toy.HOUR)
            d.put("fields", "f", b"x", kept=toy.HOUR)
            d.append("log", b"x", most=5, kept=toy.HOUR)
        found = d.get(Brief, "x"), d.table("table"), d.field("fields", "f"), d.log("log")
        return d.changes, [bool(one) for one in found]

    async def find(event: str = "") -> list[bool]:
        return await process.submit(Add("x", event))  # type: ignore[no-any-return]

    now, keys = 1_000_000.0, [P + key for key in ("brief:x", "table", "fields", "log")]
    process = await open_process("a", step=step, clock=lambda: now).start()
    await find("e1")
    if known != "written":
        await process.die()
        process = await open_process("b", step=step, clock=lambda: now).start()
    if known == "read after":
        for key in keys:
            await redis.pexpire(key, SLACK - 1)
    else:
        assert await find() == [True] * 4
        now += toy.HOUR / 1000
    assert await find() == [False] * 4

    assert await find("e2") == [True] * 4
    assert [await redis.pttl(key) > 0 for key in keys] == [True] * 4
    now += toy.HOUR / 1000
    assert await find() == [False] * 4
