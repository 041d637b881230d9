"""What an owner answers rests on what is in Redis, in as few commits as there can be."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from relay.engine.draft import Draft
from relay.engine.state import Changes, NotLoaded, State
from relay.errors import HandlingFailed, StoreUnavailable, WrongType
from relay.store.journal.codec import Codec
from relay.store.journal.items import Admission
from relay.store.journal.pace import Pace
from relay.store.journal.reading import Reading
from relay.store.journal.scripts import Scripts
from tests.store.journal import toy
from tests.store.journal.conftest import Open, P, ledger
from tests.store.journal.toy import Add, Broken, Counter, Fire, Hand, Look, Press, Settings
from tests.support.waiting import until

EVENT = Admission.PROGRESS
DAY = 86_400_000


async def commits(redis: Redis) -> int:
    return int((await redis.get(P + "mark")).split(b".")[1])


async def test_an_owner_counts_each_event_once_and_so_does_the_next(open_process: Open, redis: Redis) -> None:
    first = await open_process("a").start()
    assert await first.submit(Add("x", "e1", 2), admission=EVENT) == {"total": 2, "duplicate": False}
    assert await first.submit(Add("x", "e1", 2), admission=EVENT) == {"total": 2, "duplicate": True}
    await first.die()
    second = await open_process("b").start()

    assert await second.submit(Add("x", "e1", 2), admission=EVENT) == {"total": 2, "duplicate": True}
    assert await second.submit(Add("x", "e2"), admission=EVENT) == {"total": 3, "duplicate": False}
    assert await second.submit(Look("x")) == {"total": 3, "seen": [], "story": [b"e1", b"e2"]}
    assert await ledger(redis) == {"accepted": 2, "duplicates": 2}
    assert await redis.get(P + "term") == b"2"


async def test_what_comes_together_is_decided_together_in_its_order(open_process: Open, redis: Redis) -> None:
    process = await open_process().start()
    await process.submit(Look("x"))
    before = await commits(redis)

    answers = await asyncio.gather(*(process.submit(Add(f"x{n % 7}", f"e{n}"), admission=EVENT) for n in range(700)))

    assert [answer["total"] for answer in answers] == [n // 7 + 1 for n in range(700)]
    assert 3 <= await commits(redis) - before <= 4
    assert await ledger(redis) == {"accepted": 700}


async def test_a_cold_owner_reads_what_a_batch_needs_in_few_round_trips(open_process: Open, redis: Redis) -> None:
    first = await open_process("a").start()
    await asyncio.gather(*(first.submit(Add(f"x{n}", "e", timer=10)) for n in range(200)))
    await first.die()
    second = await open_process("b").start()
    before = (await redis.info("stats"))["total_reads_processed"]

    answers = await asyncio.gather(*(second.submit(Add(f"x{n}", "e")) for n in range(200)))

    assert all(answer["duplicate"] for answer in answers)
    assert (await redis.info("stats"))["total_reads_processed"] - before < 12


async def test_what_is_not_in_memory_is_decided_as_if_it_were_absent_and_anew_where_it_is_not(
    open_process: Open,
) -> None:
    stepped: list[object] = []

    def pressing_what_is_there(state: State, entry: Any, now: int, settings: Settings) -> tuple[Changes, Any]:
        stepped.append(entry)
        if isinstance(entry, Press) and Draft(state, now).get(Counter, entry.name) is None:
            raise LookupError(entry.name)
        return toy.step(state, entry, now, settings)

    first = await open_process("a").start()
    await first.submit(Add("x", "e"))
    await first.die()
    cold = await open_process("b", step=pressing_what_is_there).start()

    known, unknown, new = await asyncio.gather(
        cold.submit(Press("x")), cold.submit(Press("unknown")), cold.submit(Add("y", "e")), return_exceptions=True
    )
    stepped.clear()
    await cold.submit(Add("z", "e"))

    assert known == 2
    assert isinstance(unknown, HandlingFailed)
    assert new == {"total": 1, "duplicate": False}
    assert stepped == [Add("z", "e")]  # it is new, as was thought


@pytest.mark.parametrize("hot", [1, 256 << 20])
async def test_an_index_is_read_in_pages_and_a_small_memory_reads_again(
    open_process: Open, redis: Redis, hot: int
) -> None:
    await redis.zadd(P + "timers", {f"x {n:02}": n for n in range(35)})
    process = await open_process(pace=Pace(index_page=7, hot=hot)).start()

    assert await process.submit(Fire()) == [f"x {n:02}" for n in range(35)]
    assert await process.submit(Fire()) == []
    assert await redis.zcard(P + "timers") == 0
    assert process.partition._term is not None
    assert (process.partition._term.cache.bytes < 1_000) == (hot == 1)


async def test_a_lazy_entry_is_answered_at_once_and_written_with_the_next_commit(
    open_process: Open, redis: Redis
) -> None:
    process = await open_process().start()
    await process.submit(Press("x"))
    before = await redis.get(P + "mark")

    assert [await process.submit(Hand("x"), lazy=True) for _ in range(2)] == [1, 2]
    assert await redis.get(P + "mark") == before
    assert await process.submit(Press("x")) == 2
    assert b"handed" in await redis.get(P + "counter:x")

    await process.submit(Hand("y"), lazy=True)
    await until(lambda: process.partition._term is not None and not process.partition._term.carries)
    assert b"handed" in await redis.get(P + "counter:y")


@pytest.mark.parametrize(
    ("broken", "act"),
    [
        *((entry, "") for entry in (Broken(), Broken(unwritable=True), Broken(wrong_type=True))),
        (Add("\ud800", "e"), ""), (Add("x", "\ud800"), ""), (Press("\ud800"), "b"), (Press("y"), "\ud800"),
    ],
    ids=repr,
)  # fmt: skip
async def test_what_is_broken_costs_no_neighbour_its_place(
    open_process: Open, redis: Redis, broken: object, act: str
) -> None:
    await redis.set(P + "no-index", "text")
    process = await open_process().start()
    await process.submit(Hand("lent"), lazy=True)

    answers = await asyncio.gather(
        *(process.submit(Add("x", f"e{n}"), admission=EVENT) for n in range(5)),
        process.submit(broken, act=act, admission=EVENT),
        *(process.submit(Add("x", f"f{n}"), admission=EVENT) for n in range(5)),
        return_exceptions=True,
    )

    assert isinstance(answers.pop(5), (HandlingFailed, WrongType))
    assert [answer["total"] for answer in answers] == [*range(1, 11)]
    assert await ledger(redis) == {"accepted": 10}
    assert b"handed" in await redis.get(P + "counter:lent")


async def test_what_was_lent_and_cannot_be_written_is_forgotten_alone(open_process: Open, redis: Redis) -> None:
    process = await open_process().start()
    await process.submit(Broken(unwritable=True), lazy=True)

    assert await process.submit(Press("x")) == 1
    assert await ledger(redis) == {"pressed": 1}


async def test_a_record_that_cannot_be_read_lets_its_own_entries_wait_and_no_others(
    open_process: Open, redis: Redis
) -> None:
    await redis.set(P + "counter:newer", b'{"v":99}')
    await redis.hset(P + "counter:other", "no", "record")
    await redis.zadd(P + "timers", {b"\xff": 1})
    process = await open_process().start()

    names = ("x", "newer", "other", "x")
    with capture_logs() as lines:
        answers = await asyncio.gather(*(process.submit(Press(name)) for name in names), return_exceptions=True)

    assert [type(answer) for answer in answers] == [int, *2 * [answers[1].__class__], int]
    assert {line["record"] for line in lines if line["event"] == "record.unreadable"} == {
        P + "counter:newer", P + "counter:other",
    }  # fmt: skip
    assert isinstance(answers[1], StoreUnavailable)
    await redis.set(P + "counter:newer", b'{"v":1,"total":4}')
    assert await process.submit(Press("newer")) == 5
    with pytest.raises(StoreUnavailable):
        await process.submit(Fire())
    await redis.zrem(P + "timers", b"\xff")
    assert await process.submit(Fire()) == []


async def test_a_batch_that_is_too_big_for_one_commit_becomes_several(open_process: Open, redis: Redis) -> None:
    process = await open_process().start()
    await process.submit(Look("x"))
    before = await commits(redis)

    await asyncio.gather(*(process.submit(Add("x", f"e{n}", body=b"b" * 300_000), admission=EVENT) for n in range(8)))

    assert await commits(redis) - before >= 3
    assert await ledger(redis) == {"accepted": 8}


async def test_the_lease_is_renewed_while_a_big_index_is_read(scripts: Scripts, redis: Redis) -> None:
    await redis.zadd(P + "timers", {f"x {n:02}": n for n in range(35)})
    marks: list[str] = []

    async def renew(mark: str) -> None:
        marks.append(mark)

    [found] = await Reading(scripts, Codec(), renew, page=10).read([NotLoaded("index", "timers")], "")

    assert len(found.value) == 35
    assert marks == ["", "", ""]


async def test_other_settings_are_for_what_comes_after_them(open_process: Open) -> None:
    process = await open_process().start()
    assert (await process.submit(Add("x", "e1")))["total"] == 1

    process.partition.settings = Settings(factor=10)

    assert (await process.submit(Add("x", "e2")))["total"] == 11


async def test_a_stop_answers_what_is_here_and_hands_over(open_process: Open, redis: Redis) -> None:
    first = await open_process("a").start()
    waiting = [asyncio.create_task(first.submit(Add("x", f"e{n}"), admission=EVENT)) for n in range(300)]
    await asyncio.sleep(0)

    await first.partition.aclose()

    assert [(await answer)["total"] for answer in waiting] == [*range(1, 301)]
    assert await redis.get(P + "handed") == await redis.get(P + "term")
    assert not await redis.exists(P + "owner")
    with pytest.raises(StoreUnavailable):
        await first.submit(Add("x", "late"), admission=EVENT)


async def test_it_goes_on_after_a_cancellation_that_nobody_asked_for(open_process: Open) -> None:
    cancels = [True]

    def step(state: State, entry: Any, now: int, settings: Settings) -> tuple[Changes, Any]:
        if cancels and isinstance(entry, Press):
            cancels.clear()
            raise asyncio.CancelledError
        return toy.step(state, entry, now, settings)

    process = await open_process(step=step).start()

    assert await process.submit(Press("x")) == 1


async def test_what_fails_behind_a_decision_lets_nothing_be_decided_twice(open_process: Open, redis: Redis) -> None:
    process = await open_process().start()
    process.partition.decided = lambda entry, _outcome: [][len(entry.name)]

    assert await asyncio.gather(process.submit(Press("x")), process.submit(Hand("y"), lazy=True)) == [1, 1]
    assert await process.submit(Press("x")) == 2
    assert await ledger(redis) == {"pressed": 2}


async def test_nobody_waits_for_ever_for_a_redis_that_was_never_reached(open_process: Open) -> None:
    process = open_process()
    press = asyncio.create_task(process.submit(Press("x"), act="press"))
    await asyncio.sleep(0)
    process.ahead += 6

    with pytest.raises(StoreUnavailable):
        await press


async def test_it_is_handed_over_to_no_process_that_owns_nothing(open_process: Open) -> None:
    owner = await open_process("a", alone=False).start()
    receiver = await open_process("b", alone=False, may_own=False).start(owns=False)
    await until(lambda: receiver.partition.process in owner.partition.living)

    await owner.partition.hand_over()

    assert await owner.submit(Press("x")) == 1
    assert owner.partition.owns


async def test_what_fails_behind_a_commit_lets_nothing_be_decided_twice(open_process: Open, redis: Redis) -> None:
    def step(state: State, entry: Any, now: int, settings: Any) -> tuple[Changes, Any]:
        changes, answer = toy.step(state, entry, now, settings)
        if isinstance(entry, Press) and entry.name == "odd":
            assert "x" in dict.fromkeys(member for _, member in state.ascending("timers"))
            changes.indexes["timers"] = {5: 1}  # type: ignore[dict-item] - it has no order beside "x", for memory alone
        return changes, answer

    await redis.zadd(P + "timers", {"x": 1})
    process = await open_process(step=step).start()
    await redis.xadd(P + "inbox", {"id": "1", "entry": process.partition._rules.codec.dumped(Add("x", "e"))})
    handed = await process.submit(Hand("y"), lazy=True)

    assert (handed, await process.submit(Press("odd"))) == (1, 1)
    assert await process.submit(Press("odd")) == 2
    assert await process.submit(Hand("y"), lazy=True) == 2
    assert await ledger(redis) == {"pressed": 2, "accepted": 1}
