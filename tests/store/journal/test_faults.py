"""An owner beside faults: lost answers, late commits, other data, a full Redis, another owner."""

import asyncio
import time
from typing import Any

import pytest
from redis.asyncio import Redis

from relay.errors import StoreUnavailable, WrongType
from relay.store.client import connect
from relay.store.journal.clock import PartitionClock
from relay.store.journal.inbox import TAKEN
from relay.store.journal.items import Admission
from relay.store.journal.lease import LASTS, LEFT, Lease
from relay.store.journal.pace import Pace
from relay.store.journal.scripts import Full, Scripts
from tests.store.journal.conftest import Open, P, Process, ledger
from tests.store.journal.proxy import Fate, Proxy, proxy
from tests.store.journal.toy import Add, Broken, Fire, Hand, Look, Press
from tests.support.ports import free_ports
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

EVENT = Admission.PROGRESS


def once(name: str, fate: Fate, times: int = 1) -> Any:
    """Let this befall the next calls of a script."""
    left = times

    def decide(asked: str) -> Fate:
        nonlocal left
        if asked != name or not left:
            return "pass"
        left -= 1
        return fate

    return decide


@pytest.mark.parametrize("fate", ["lose answer", "lose call", "hold"])
async def test_a_commit_in_doubt_is_sent_again_and_counts_once(
    open_process: Open, redis: Redis, between: Proxy, fate: Fate
) -> None:
    process = await open_process("a", between.url).start()
    await process.submit(Press("x"))

    between.fate = once("commit", fate, 3)
    answers = await asyncio.gather(*(process.submit(Press("x")) for _ in range(3)))

    assert answers == [2, 3, 4]
    assert await ledger(redis) == {"pressed": 4}
    assert await redis.get(P + "term") == b"1"


async def test_a_commit_delayed_past_its_doubt_changes_nothing(
    open_process: Open, redis: Redis, between: Proxy
) -> None:
    process = await open_process("a", between.url).start()
    between.fate = once("commit", "hold")
    await process.submit(Press("x"))
    assert len(between.held) == 1
    await process.submit(Press("x"))

    assert b"refused" in (await between.release())[0]

    assert await process.submit(Press("x")) == 3
    assert await ledger(redis) == {"pressed": 3}


async def test_a_commit_of_an_owner_that_died_is_refused_under_the_next(
    open_process: Open, redis: Redis, between: Proxy
) -> None:
    first = await open_process("a", between.url).start()
    await first.submit(Press("x"))
    between.fate = lambda name: "hold" if name == "commit" else "pass"
    doomed = asyncio.create_task(first.submit(Press("x")))
    await until(lambda: between.held)
    await first.die()
    doomed.cancel()
    second = await open_process("b").start()

    assert all(b"refused" in answer for answer in await between.release())

    assert (await second.submit(Look("x")))["total"] == 1
    assert await ledger(redis) == {"pressed": 1}


class TestOtherData:
    async def test_a_flush_makes_it_forget_and_begin_a_new_term(self, open_process: Open, redis: Redis) -> None:
        process = await open_process().start()
        await process.submit(Add("x", "e1"), admission=EVENT)
        await redis.flushall()

        answers = await asyncio.gather(*(process.submit(Add("x", f"e{n}"), admission=EVENT) for n in (1, 2)))

        assert [answer["total"] for answer in answers] == [1, 2]
        assert await ledger(redis) == {"accepted": 2}
        assert int(await redis.get(P + "term")) == 2

    async def test_what_a_failover_lost_is_taken_as_new_and_what_it_kept_is_not(
        self, open_process: Open, redis: Redis
    ) -> None:
        process = await open_process().start()
        await process.submit(Add("x", "e1"), admission=EVENT)
        kept = {key: await redis.dump(key) for key in await redis.keys("*")}
        await process.submit(Add("x", "e2"), admission=EVENT)
        await process.submit(Hand("x"), lazy=True)
        await redis.flushall()
        for key, value in kept.items():
            await redis.restore(key, 0, value)

        answers = [await process.submit(Add("x", f"e{n}"), admission=EVENT) for n in (1, 2)]

        assert [answer["duplicate"] for answer in answers] == [True, False]
        assert await process.submit(Look("x")) == {"total": 2, "seen": [], "story": [b"e1", b"e2"]}
        assert await ledger(redis) == {"accepted": 2, "duplicates": 1}

    async def test_what_is_read_of_other_data_is_not_believed(self, open_process: Open, redis: Redis) -> None:
        process = await open_process().start()
        await process.submit(Press("x"))
        await redis.flushall()
        await redis.set(P + "counter:y", b'{"v":1,"total":7}')

        assert await process.submit(Hand("y"), lazy=True) == 1  # read anew, in the new term
        assert int(await redis.get(P + "term")) == 2

    async def test_an_owner_without_work_notices_it_when_it_renews(self, open_process: Open, redis: Redis) -> None:
        process = await open_process().start()
        await process.submit(Press("x"))
        await redis.set(P + "mark", "another")
        process.ahead += 2

        assert await process.submit(Hand("x"), lazy=True) == 1
        assert int(await redis.get(P + "term")) == 2


class TestFull:
    async def test_it_takes_no_events_on_and_ends_what_is_under_way(self, open_process: Open) -> None:
        with RedisServer(maxmemory="20mb") as server:
            process = await open_process("a", server.url).start()
            await process.submit(Add("x", "e0"), admission=EVENT)
            await process.redis.config_set("maxmemory", "1mb")
            some = [process.submit(Add("x", f"e{n}"), admission=EVENT) for n in range(1, 4)]

            answers = await asyncio.gather(*some, process.submit(Press("x")), return_exceptions=True)

            assert [type(answer) for answer in answers] == [Full, Full, Full, int]
            assert answers[-1] == 2
            assert all(await asyncio.gather(*(process.submit(Press("x")) for _ in range(1_000))))
            await process.redis.config_set("maxmemory", "20mb")
            assert (await process.submit(Add("x", "e1"), admission=EVENT))["total"] == 1_003
            assert await ledger(process.redis) == {"accepted": 2, "pressed": 1_001}
            await process.die()

    @pytest.mark.parametrize("fate", ["lose answer", "hold"])
    async def test_a_doubt_on_a_redis_that_has_become_full_is_ended(self, open_process: Open, fate: Fate) -> None:
        with RedisServer(maxmemory="20mb") as server:
            async with proxy(server) as between:
                process = await open_process("a", between.url).start()
                direct = connect(server.url)
                await process.submit(Press("x"))
                between.fate = lambda name: fate if name == "commit" else "pass"
                event = asyncio.create_task(process.submit(Add("x", "e1"), admission=EVENT))
                await until(lambda: between.held or direct.hexists(P + "events:x", "e1"))
                await direct.config_set("maxmemory", "1mb")
                between.fate = lambda _name: "pass"

                assert (await event)["total"] == 2

                await between.release()
                assert await process.submit(Press("x")) == 3
                assert await ledger(direct) == {"accepted": 1, "pressed": 2}
                await direct.aclose()
                await process.die()


async def test_an_answer_waits_until_replicas_confirm_what_it_rests_on(open_process: Open) -> None:
    (port,) = free_ports(1)
    with RedisServer(port=str(port), repl_diskless_sync_delay="0") as primary, RedisServer() as replica:
        copy = connect(replica.url)
        await copy.execute_command("REPLICAOF", "127.0.0.1", port)
        process = await open_process("a", primary.url, replicas=1, pace=Pace(confirmed=0.2)).start()
        await process.submit(Add("x", "e1"), admission=EVENT)
        assert await copy.hexists(P + "events:x", "e1")
        await process.redis.set(P + "no-index", "text")
        with pytest.raises(WrongType):
            await process.submit(Broken(wrong_type=True))
        replica.pause()

        answers = [asyncio.create_task(process.submit(Add("x", f"e{n}"), admission=EVENT)) for n in (1, 2)]
        await until(lambda: process.redis.hexists(P + "events:x", "e2"))
        await asyncio.sleep(0.6)  # it is sent again, by another connection
        assert not any(answer.done() for answer in answers)
        process.ahead += 4.5
        assert not process.partition.may_send()
        replica.resume()

        assert [(await answer)["duplicate"] for answer in answers] == [True, False]
        assert await ledger(copy) == {"accepted": 2, "duplicates": 1}
        await copy.aclose()
        await process.die()


async def test_whoever_waits_for_too_long_is_asked_to_try_again(
    open_process: Open, redis: Redis, between: Proxy
) -> None:
    process = await open_process("a", between.url).start()
    between.fate = lambda _name: "lose call"
    event = asyncio.create_task(process.submit(Add("x", "e1"), admission=EVENT))
    press = asyncio.create_task(process.submit(Press("x"), act="press"))
    receipt = asyncio.create_task(process.submit(Press("x")))
    await asyncio.sleep(0.05)
    process.ahead += 6

    for waiting in (event, press):
        with pytest.raises(StoreUnavailable):
            await waiting
    assert not receipt.done()
    between.fate = lambda _name: "pass"

    assert await receipt == 2  # acts go before events
    assert await process.submit(Press("x"), act="press") == 1
    assert (await process.submit(Add("x", "e1"), admission=EVENT))["duplicate"]


async def test_a_stop_without_a_redis_leaves_nobody_waiting(open_process: Open, between: Proxy) -> None:
    process = await open_process("a", between.url, pace=Pace(stopping=0.1)).start()
    between.fate = lambda _name: "lose call"
    waiting = [asyncio.create_task(process.submit(Press("x"))) for _ in range(3)]
    await asyncio.sleep(0.05)

    await process.partition.aclose()

    for submitted in (*waiting, process.submit(Press("x"))):
        with pytest.raises(StoreUnavailable):
            await submitted


@pytest.mark.parametrize("signal", ["pause", "kill"])
async def test_a_redis_that_stops_for_a_while(open_process: Open, signal: str) -> None:
    with RedisServer(appendonly="yes", appendfsync="always") as server:
        process = await open_process("a", server.url).start()
        waiting = [asyncio.create_task(process.submit(Press("x"))) for _ in range(5)]
        await waiting[0]
        more = [asyncio.create_task(process.submit(Press("x"))) for _ in range(5)]
        getattr(server, signal)()
        more += [asyncio.create_task(process.submit(Press("x"))) for _ in range(5)]
        await asyncio.sleep(0.3)
        server.resume() if signal == "pause" else server.start()

        assert sorted(await asyncio.gather(*waiting, *more)) == [*range(1, 16)]
        assert await ledger(process.redis) == {"pressed": 15}
        assert await redis_term(process) == 1
        await process.die()


async def redis_term(process: Process) -> int:
    return int(await process.redis.get(P + "term"))


class TestClock:
    def test_it_is_rediss_and_never_goes_back_and_never_stands(self) -> None:
        now = 100.0
        clock = PartitionClock(lambda: now)
        clock.begin(5_000, 4_000)
        assert clock.now() == 5_000  # as its predecessor said
        now += 1
        assert (clock.now(), clock.ahead) == (5_500, 500)
        now += 2
        assert (clock.now(), clock.ahead) == (7_000, 0)
        clock.hear(90_000)
        now += 1
        assert clock.now() == 91_000
        clock.hear(81_000)
        assert (clock.now(), clock.ahead, clock.set_back) == (91_000, 10_000, 10_000)
        now += 2
        assert (clock.now(), clock.ahead) == (92_000, 9_000)
        clock.hear(90_000)
        assert (clock.now(), clock.ahead) == (92_000, 2_000)  # it was set right
        clock.hear(93_000)
        assert (clock.now(), clock.ahead) == (93_000, 0)

    def test_answers_that_take_long_make_it_no_faster(self) -> None:
        now = 100.0
        clock = PartitionClock(lambda: now)
        clock.begin(0, 100_000)
        for number in range(10_000):
            now += 0.01
            clock.hear(int(now * 1000) - (20 if number % 2 else 0))
            assert clock.now() <= now * 1000

    async def test_an_owner_begins_where_its_predecessor_was_and_redis_keeps_for_longer_what_expires(
        self, open_process: Open, redis: Redis
    ) -> None:
        first = await open_process("a").start()
        await first.submit(Add("x", "e1", timer=3_000_000))
        await first.die()
        *rest, now = (await redis.get(P + "mark")).split(b".")
        hour = 3_600_000
        await redis.set(P + "mark", b".".join([*rest, b"%d" % (int(now) + hour)]))
        before = {key: await redis.pttl(key) async for key in redis.scan_iter(P + "*")}

        second = await open_process("b").start()
        await second.submit(Add("x", "e2"))

        assert int((await redis.get(P + "mark")).rpartition(b".")[2]) >= int(now) + hour
        assert int(await redis.zscore(P + "timers", "x e1")) - int(now) == pytest.approx(3_000_000, abs=1_000)
        later = [await redis.pttl(key) - ttl for key, ttl in before.items() if ttl > 0]
        assert max(later) > hour - 60_000

    async def test_a_replica_whose_clock_is_slow_makes_nothing_early(self, open_process: Open, redis: Redis) -> None:
        seconds, _ = await redis.time()
        await redis.set(P + "mark", f"1.1.x.{seconds * 1000 + 9_000}")
        await redis.zadd(P + "timers", {"x early": seconds * 1000 + 9_001 + 60_000})
        process = await open_process().start()

        assert await process.submit(Fire()) == []
        assert int((await redis.get(P + "mark")).rpartition(b".")[2]) >= seconds * 1000 + 9_000


class TestTwoOwners:
    @pytest.mark.parametrize(("seconds", "may_send"), [(LASTS - LEFT - 0.1, True), (LASTS - LEFT, False)])
    async def test_a_lease_counts_from_before_it_was_asked_for(
        self, redis: Redis, seconds: float, *, may_send: bool
    ) -> None:
        """For Redis it counts from when it was asked: where the answer takes long, it may be another's by then."""
        now = 100.0

        class Slow(Scripts):
            async def run(self, *args: Any, **options: Any) -> list[Any]:
                nonlocal now
                answer = await super().run(*args, **options)
                now += seconds
                return answer

        lease = Lease(Slow(redis), "a", lambda: now, at_once=True)
        taken = await lease.take()
        assert taken
        seen = [lease.may_send()]
        assert await lease.renew(taken.mark)

        assert [*seen, lease.may_send()] == [may_send, may_send]

    async def test_one_that_slept_neither_sends_nor_writes(
        self, open_process: Open, redis: Redis, between: Proxy, shared: None
    ) -> None:
        slept = await open_process("a", between.url, alone=False).start()
        await slept.submit(Press("x"))
        assert slept.partition.may_send()
        slept.ahead += 5
        assert not slept.partition.may_send()
        slept.ahead -= 5
        between.fate = lambda _name: "lose call"  # it sleeps: nothing of it comes through
        waiting = asyncio.create_task(slept.submit(Press("x"), act="press-1"))
        await redis.delete(P + "owner")  # its lease has lapsed
        other = await open_process("b", alone=False).start()
        await other.submit(Press("x"))
        between.fate = lambda _name: "pass"

        assert await waiting == 3  # by the other
        assert not slept.partition.owns
        assert not slept.partition.may_send()
        assert await ledger(redis) == {"pressed": 3}

    async def test_a_lease_is_left_to_its_owner_and_taken_at_once_when_it_is_given_up(
        self, open_process: Open, redis: Redis, shared: None
    ) -> None:
        first = await open_process("a", alone=False).start()
        second = await open_process("b", alone=False).start(owns=False)
        await until(lambda: {first.partition.process, second.partition.process} <= second.partition.living)
        assert not second.partition.owns

        await first.partition.aclose()

        await until(lambda: second.partition.owns, 3)
        assert await redis.get(P + "term") == b"2"

    async def test_after_an_outage_its_former_owner_goes_on_and_another_waits(
        self, open_process: Open, redis: Redis
    ) -> None:
        process = open_process("a", alone=False)
        await redis.set(P + "term", 1)  # somebody owned it, and died
        assert await process.partition._lease.take() is None  # the first pulse
        await redis.zadd(P + "pulses", {"": int(await redis.zscore(P + "pulses", "")) - 3_900})
        assert await process.partition._lease.take() is None
        await redis.zadd(P + "pulses", {"": int(await redis.zscore(P + "pulses", "")) - 200})
        taken = await process.partition._lease.take()
        assert taken is not None
        assert not taken.in_order  # who owned it before has died
        taken = await process.partition._lease.take()
        assert taken is not None
        assert not taken.in_order  # nor did this process begin to decide
        process.partition._lease.begun = taken.term
        await redis.delete(P + "owner", P + "pulses")

        assert await process.partition._lease.renew(taken.mark)
        again = await process.partition._lease.take()
        assert again is not None
        assert again.in_order

    async def test_a_lease_that_a_clock_set_back_keeps_alive_is_taken_when_nobody_renews_it(
        self, open_process: Open, redis: Redis, shared: None
    ) -> None:
        await redis.set(P + "owner", "dead 1", px=3_600_000)
        process = await open_process("a", alone=False).start(owns=False)
        await until(lambda: len(process.partition.living) > 0)
        assert not process.partition.owns

        process.ahead += 6

        await until(lambda: process.partition.owns, 3)


@pytest.mark.slow
async def test_another_process_takes_over_within_seconds_of_a_death(
    open_process: Open, redis: Redis, shared: None
) -> None:
    first = await open_process("a", alone=False).start()
    second = await open_process("b", alone=False).start(owns=False)
    await until(lambda: first.partition.process in second.partition.living)
    await first.submit(Add("x", "e1"), admission=EVENT)
    await first.die()
    died = time.monotonic()

    answer = await second.submit(Look("x"), act="look")
    await until(lambda: second.partition.owns)

    assert time.monotonic() - died < 7
    assert answer is TAKEN or answer["total"] == 1
    assert (await second.submit(Add("x", "e1"), admission=EVENT))["duplicate"]
