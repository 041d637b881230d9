"""What other processes append reaches the owner in order and once, whatever happens in between."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from relay.errors import HandlingFailed, StoreUnavailable
from relay.store.bodies import Bodies
from relay.store.client import connect
from relay.store.journal import batch, inbox
from relay.store.journal.backlog import NotOwner
from relay.store.journal.inbox import TAKEN
from relay.store.journal.items import Admission, Busy, Item
from relay.store.journal.lease import ALIVE
from relay.store.journal.pace import Pace
from relay.store.journal.scripts import Full
from relay.store.plain import Plain
from tests.store.journal.conftest import Open, P, Process, ledger
from tests.store.journal.proxy import proxy
from tests.store.journal.test_faults import once
from tests.store.journal.toy import Add, Broken, Deadly, Endless, Hand, Look, Press
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

EVENT = Admission.PROGRESS


@pytest.fixture
async def two(open_process: Open, shared: None) -> tuple[Process, Process]:
    """The owner, and another process."""
    owner = await open_process("owner", alone=False).start()
    return owner, await open_process("other", alone=False).start(owns=False)


async def emptied(redis: Redis) -> bool:
    return not await redis.xlen(P + "inbox")


async def all_counted(redis: Redis, count: int) -> bool:
    return (await ledger(redis)).get("accepted") == count


async def test_events_of_another_process_are_taken_in_order_and_deleted(
    two: tuple[Process, Process], redis: Redis
) -> None:
    owner, other = two

    for number in range(300):
        assert await other.submit(Add("x", f"e{number}"), admission=EVENT) is TAKEN

    await until(lambda: emptied(redis))
    story = (await owner.submit(Look("x")))["story"]  # Redis has a few lines more: they are cut now and then
    assert story[-5:] == [b"e295", b"e296", b"e297", b"e298", b"e299"]
    assert await ledger(redis) == {"accepted": 300}
    assert (await other.submit(Look("x"), act="look"))["total"] == 300


async def test_an_act_counts_once_however_often_and_wherever_it_is_submitted(
    open_process: Open, two: tuple[Process, Process], redis: Redis, redis_server: RedisServer
) -> None:
    owner, other = two
    async with proxy(redis_server) as between:
        third = await open_process("third", between.url, alone=False).start(owns=False)
        answers = []
        for fate in ("lose answer", "lose call"):  # it is appended again before anybody hears of that
            between.fate = once("append", fate)
            answers.append(await third.submit(Press("x"), act="press"))
        answers += [await process.submit(Press("x"), act="press") for process in (other, owner)]
        both = await asyncio.gather(*(owner.submit(Press("x"), act="again") for _ in range(2)))

    assert answers == [1, 1, 1, 1]
    assert both == [2, 2]
    assert await ledger(redis) == {"pressed": 2}
    assert 0 < await redis.pttl(P + "answer:press") <= 120_000
    with pytest.raises(HandlingFailed):
        await other.submit(Broken(), act="broken")


async def test_an_act_that_is_not_done_in_time_is_taken(open_process: Open, redis: Redis, shared: None) -> None:
    await redis.set(P + "owner", "somebody 1")
    other = await open_process("other", alone=False, pace=Pace(answered=0.1)).start(owns=False)

    assert await other.submit(Press("x"), act="press") is TAKEN
    assert await other.submit(Press("x"), act="press") is TAKEN
    assert await redis.xlen(P + "inbox") == 1
    with pytest.raises(NotOwner):
        await other.submit(Hand("x"), lazy=True)


async def test_an_own_event_follows_what_was_in_the_inbox_before_it(
    open_process: Open, redis: Redis, shared: None
) -> None:
    owner = await open_process("owner", alone=False, pace=Pace(poll=60.0)).start()  # the event alone makes it look
    other = await open_process("other", alone=False).start(owns=False)
    await owner.submit(Press("x"))
    for number in range(50):
        await other.submit(Add("x", f"before-{number}"), admission=EVENT)
        answer = await owner.submit(Add("x", f"after-{number}"), admission=EVENT)
        assert answer["total"] == 2 * number + 3


async def test_what_a_new_owner_takes_over_is_decided_by_what_others_said_before(
    open_process: Open, redis: Redis, shared: None
) -> None:
    other = await open_process("other", alone=False, may_own=False).start(owns=False)
    for number in range(300):
        assert await other.submit(Add("x", f"e{number}"), admission=EVENT) is TAKEN
    owner = await open_process("owner", alone=False, take_over=lambda _living: Add("x", "taken over")).start()

    await owner.submit(Add("x", "own"), in_order=True)

    story = (await owner.submit(Look("x")))["story"]
    assert story[-5:] == [b"e297", b"e298", b"e299", b"taken over", b"own"]  # it is not cut at each line


def test_what_is_put_back_is_next_again_in_its_order(open_process: Open) -> None:
    box = open_process().partition._inbox
    box.pending.extend(Item(f"e{number}", id=(number, 0)) for number in range(1, 6))

    box.put_back(box.take(3))

    assert [item.entry for item in box.take(5)] == ["e1", "e2", "e3", "e4", "e5"]


async def test_an_inbox_that_is_back_is_read_again_from_its_beginning(open_process: Open, redis: Redis) -> None:
    process = open_process()
    payload = process.partition._rules.codec.dumped(Add("x", "e1"))
    await redis.xadd(P + "inbox", {"id": "1", "entry": payload})
    lost = await redis.dump(P + "inbox")
    await process.start()
    await until(lambda: emptied(redis))

    for _ in range(4):
        await redis.flushall()
        await redis.restore(P + "inbox", 0, lost)
        assert await process.submit(Press("y")) == 1
        await until(lambda: emptied(redis))
        assert await ledger(redis) == {"accepted": 1, "pressed": 1}


async def test_own_events_wait_for_a_backlog_and_receipts_do_not(
    open_process: Open, redis: Redis, scripts: Any, shared: None
) -> None:
    owner = open_process("owner", alone=False, pace=Pace(inbox_page=100))
    for number in range(600):  # more than are looked at one by one, and than one commit takes
        payload = owner.partition._rules.codec.dumped(Add("x", f"e{number}"))
        await redis.xadd(P + "inbox", {"id": str(number), "entry": payload})
    event = asyncio.create_task(owner.submit(Add("x", "own"), admission=EVENT))
    receipt = asyncio.create_task(owner.submit(Press("y")))
    behind: list[bool] = []
    receipt.add_done_callback(lambda _: behind.append(event.done()))
    await owner.start()

    assert (await event)["total"] == 601
    assert await receipt == 1
    assert behind == [False]


NEWER = "the value of counter:newer in Redis cannot be read: it has format 99"


class TestPoison:
    async def test_what_meets_another_type_is_set_aside_and_others_go_on(
        self, two: tuple[Process, Process], redis: Redis
    ) -> None:
        await redis.set(P + "no-index", "text")
        entries: list[Any] = [Add("x", "e1"), Broken(wrong_type=True), Add("x", "e2")]
        await asyncio.gather(*(two[1].submit(entry, admission=EVENT) for entry in entries))

        await until(lambda: emptied(redis))
        assert await ledger(redis) == {"accepted": 2}
        assert await redis.hlen(P + "set-aside") == 1

    @pytest.mark.parametrize("broken", [Broken(), Broken(unwritable=True)], ids=str)
    async def test_what_cannot_be_stepped_is_kept_for_people(
        self, two: tuple[Process, Process], redis: Redis, broken: Broken
    ) -> None:
        await redis.set(P + "no-index", "text")
        _, other = two
        entries: list[Any] = [Add("x", "e1"), broken, Add("x", "e2")]
        await asyncio.gather(*(other.submit(entry, admission=EVENT) for entry in entries))

        await until(lambda: emptied(redis))
        assert await ledger(redis) == {"accepted": 2}
        [kept] = await redis.hvals(P + "set-aside")
        assert b'"is":"Broken"' in kept
        quarantine = Bodies(Plain(redis))
        [row] = (await quarantine.page()).rows
        assert row.fault
        assert b"Broken" in (await quarantine.named(row.id)).body  # type: ignore[union-attr]
        assert await quarantine.entries.put_back(row.id)
        await until(lambda: emptied(redis))
        assert [again.id != row.id for again in (await quarantine.page()).rows] == [True]

    async def test_is_not_lost_where_it_cannot_be_set_aside(self, open_process: Open, redis: Redis) -> None:
        process = await open_process().start()
        await redis.set(P + "set-aside", "text")
        codec = process.partition._rules.codec
        await redis.xadd(P + "inbox", {"id": "1", "entry": codec.dumped(Broken())})
        await until(lambda: process.partition._inbox.pending)
        await asyncio.sleep(0)
        assert await redis.xlen(P + "inbox") == 1

        await redis.delete(P + "set-aside")
        await until(lambda: emptied(redis))
        assert await redis.hlen(P + "set-aside") == 1

    async def test_an_act_that_cannot_be_written_is_found_though_the_inbox_is_full(
        self, open_process: Open, redis: Redis, shared: None
    ) -> None:
        owner = await open_process("owner", alone=False, pace=Pace(inbox_page=1_000)).start()
        codec = owner.partition._rules.codec
        async with redis.pipeline() as pipeline:
            for number in range(3_000):
                entry = codec.dumped(Add(f"x{number % 9}", f"e{number}"))
                pipeline.xadd(P + "inbox", {"id": str(number), "entry": entry})
            await pipeline.execute()

        await until(lambda: owner.partition._inbox.pending)
        with pytest.raises(HandlingFailed):
            await owner.submit(Broken(unwritable=True))

        assert await redis.xlen(P + "inbox") > 0
        await until(lambda: all_counted(redis, 3_000))

    async def test_what_needs_a_value_that_cannot_be_read_is_set_aside_for_replay(
        self, two: tuple[Process, Process], redis: Redis
    ) -> None:
        owner, other = two
        await redis.set(P + "counter:newer", b'{"v":99}')
        await redis.xadd(P + "inbox", {"id": "x", "entry": b'{"v":99}'})
        for name in ("newer", "x"):
            await other.submit(Add(name, "e1"), admission=EVENT)
        with pytest.raises(StoreUnavailable, match=NEWER):
            await owner.submit(Add("newer", "e2"), admission=EVENT)
        await until(lambda: emptied(redis))
        assert await ledger(redis) == {"accepted": 1}
        assert [*owner.partition.damaged] == [P + "counter:newer"]
        quarantine = Bodies(Plain(redis))
        rows = {row.reason: row.id for row in (await quarantine.page()).rows}
        assert len(rows) == 2

        await redis.set(P + "counter:newer", b'{"v":1,"total":4}')
        assert await quarantine.entries.put_back(rows[NEWER])
        await until(lambda: redis.hexists(P + "events:newer", "e1"))

        assert (await owner.submit(Look("newer")))["total"] == 5
        assert [*owner.partition.damaged] == []
        assert (await quarantine.page()).matching == 1  # of a newer release

    async def test_deaths_set_nothing_aside_and_the_log_names_what_was_next(
        self, open_process: Open, redis: Redis
    ) -> None:
        codec = open_process("writer").partition._rules.codec
        for number, entry in enumerate([Add("x", "e1"), Deadly(), Add("x", "e2")]):
            payload = codec.dumped(entry)
            await redis.xadd(P + "inbox", {"id": str(number), "entry": payload}, id=f"1-{number + 1}")

        for life in range(5):
            with capture_logs() as lines:
                process = await open_process(f"p{life}").start(owns=False)
                await asyncio.wait(process.partition._tasks[:1])
                await process.die()
            assert [line["id"] for line in lines if line["event"] == "entry.next"][-1] == "q-in-1-2"

        assert await redis.xlen(P + "inbox") == 3
        assert await Bodies(Plain(redis)).entries.set_aside("q-in-1-2")
        await open_process("last").start()
        await until(lambda: emptied(redis))
        assert await ledger(redis) == {"accepted": 2}
        assert await redis.hkeys(P + "set-aside") == [b"1-2"]

    async def test_a_step_without_an_end_is_interrupted_and_set_aside(
        self, two: tuple[Process, Process], redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batch.bounded, "__defaults__", (0.2,))
        owner, other = two
        for entry in (Add("x", "e1"), Endless(), Endless(), Add("x", "e2")):
            await other.submit(entry, admission=EVENT)
        await until(lambda: emptied(redis))

        assert await ledger(redis) == {"accepted": 2}
        rows = (await Bodies(Plain(redis)).page()).rows
        assert [row.reason.partition(" at ")[0] for row in rows] == ["StepTookTooLong"] * 2
        with pytest.raises(HandlingFailed):
            await owner.submit(Endless())


class TestGrowth:
    async def test_progress_is_refused_first_and_acts_never(
        self, open_process: Open, redis: Redis, shared: None
    ) -> None:
        seconds, micros = await redis.time()
        await redis.set(P + "owner", "busy 1", px=60_000)
        await redis.xadd(P + "inbox", {"id": "x", "entry": "x"}, id=f"{seconds * 1000 + micros // 1000 - 600}-0")
        other = await open_process("other", alone=False).start(owns=False)

        with pytest.raises(Busy):
            await other.submit(Add("x", "e1"), admission=Admission.PROGRESS)
        assert await other.submit(Add("x", "e2"), admission=Admission.OUTCOME) is TAKEN
        await redis.xadd(P + "inbox", {"id": "x", "entry": "x"})
        await redis.xtrim(P + "inbox", maxlen=0)
        await redis.xadd(P + "inbox", {"id": "x", "entry": "x"})
        assert await other.submit(Add("x", "e1"), admission=Admission.PROGRESS) is TAKEN

    async def test_an_owner_that_renews_its_lease_no_more_refuses_nothing(
        self, open_process: Open, redis: Redis, shared: None
    ) -> None:
        seconds, micros = await redis.time()
        await redis.set(P + "owner", "dead 1", px=int(ALIVE * 1000))
        await redis.xadd(P + "inbox", {"id": "x", "entry": "x"}, id=f"{seconds * 1000 + micros // 1000 - 60_000}-0")
        other = await open_process("other", alone=False, may_own=False).start(owns=False)

        assert await other.submit(Add("x", "e1"), admission=Admission.PROGRESS) is TAKEN

    async def test_without_an_owner_it_is_bounded_by_bytes(
        self, open_process: Open, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(inbox.BYTES, Admission.PROGRESS, 100_000)
        monkeypatch.setitem(inbox.BYTES, Admission.OUTCOME, 200_000)
        other = await open_process("other", alone=False, may_own=False).start(owns=False)
        taken = 0
        with pytest.raises(Busy):
            for number in range(100):
                await other.submit(Add("x", f"e{number}", body=b"b" * 10_000), admission=Admission.PROGRESS)
                taken += 1

        assert 5 <= taken <= 15
        assert await other.submit(Add("x", "outcome", body=b"b" * 10_000), admission=Admission.OUTCOME) is TAKEN
        assert await other.submit(Press("x")) is TAKEN

    async def test_own_events_are_refused_where_too_many_wait(self, open_process: Open) -> None:
        process = open_process("a")
        tasks = [asyncio.create_task(process.submit(Add("x", f"e{n}"), admission=EVENT)) for n in range(4_096)]
        await asyncio.sleep(0)

        with pytest.raises(Busy):
            await process.submit(Add("x", "more"), admission=Admission.PROGRESS)
        outcome = asyncio.create_task(process.submit(Add("y", "more"), admission=Admission.OUTCOME))
        await process.start()

        assert (await outcome)["total"] == 1
        assert {answer["duplicate"] for answer in await asyncio.gather(*tasks)} == {False}

    async def test_a_full_redis_refuses_events_and_takes_acts(self, open_process: Open) -> None:
        with RedisServer(maxmemory="20mb") as server:
            direct = connect(server.url)
            other = await open_process("other", server.url, alone=False, may_own=False).start(owns=False)
            await other.submit(Press("x"))
            await direct.config_set("maxmemory", "1mb")

            with pytest.raises(Full):
                await other.submit(Add("x", "e1"), admission=EVENT)
            assert await other.submit(Press("x")) is TAKEN
            await direct.aclose()
            await other.die()


async def test_a_receipt_outlives_its_term_and_goes_to_the_next_owner(
    open_process: Open, redis: Redis, redis_server: RedisServer, shared: None
) -> None:
    async with proxy(redis_server) as between:
        first = await open_process("first", between.url, alone=False).start()
        await first.submit(Press("x"))
        between.fate = lambda _name: "lose call"
        receipts = [asyncio.create_task(first.submit(Press("x"))) for _ in range(3)]
        await redis.delete(P + "owner")
        second = await open_process("second", alone=False).start()
        await asyncio.sleep(0.2)
        assert not any(receipt.done() for receipt in receipts)
        between.fate = once("append", "lose call", 2)

        assert await asyncio.gather(*receipts) == [TAKEN] * 3

        await until(lambda: emptied(redis))
        assert await second.submit(Press("x")) == 5


async def test_a_stop_answers_receipts_on_their_way_to_the_inbox(open_process: Open) -> None:
    with RedisServer() as server:
        other = open_process("other", server.url, alone=False, may_own=False, pace=Pace(stopping=0.1))
        await other.start(owns=False)
        await other.submit(Press("x"))
        server.pause()
        receipts = [asyncio.create_task(other.submit(Press("x"))) for _ in range(2)]
        await asyncio.sleep(0)
        await until(lambda: not len(other.partition._queue))

        await other.partition.aclose()
        server.resume()

        assert [type(error) for error in await asyncio.gather(*receipts, return_exceptions=True)] == [
            StoreUnavailable
        ] * 2
