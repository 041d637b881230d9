"""A commit is all or nothing, once, and only on the state that it was decided on."""

from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from relay.engine.draft import Draft
from relay.engine.state import Changes
from relay.errors import WrongType
from relay.store.client import connect
from relay.store.journal.codec import Codec
from relay.store.journal.scripts import BadCommit, Full, Scripts
from relay.store.journal.writes import MOST_ARGUMENTS, Commit, Write, encode
from tests.store.journal.conftest import kept, stored
from tests.store.journal.toy import HOUR, Add, Brief, Counter, Settings, step
from tests.support.memory import Memory
from tests.support.redis_server import RedisServer

P = "{relay}:"
ADDED: tuple[Write, ...] = (("COUNT", "ledger", ("accepted", 1)),)


async def commit(scripts: Scripts, made: Commit) -> str:
    keys, args = made.arguments(P)
    outcome, *_ = await scripts.run("commit", keys, args, although_full=not made.takes_on)
    return str(outcome.decode())


@pytest.fixture
async def first(redis: Redis) -> Commit:
    await redis.set(P + "term", 7)
    return Commit(7, "", "7.1", ADDED)


async def test_the_same_commit_again_is_done_and_writes_nothing_twice(
    scripts: Scripts, redis: Redis, first: Commit
) -> None:
    assert [await commit(scripts, first) for _ in range(3)] == ["applied", "done", "done"]
    assert await redis.hget(P + "ledger", "accepted") == b"1"
    assert await redis.get(P + "mark") == b"7.1"


async def test_a_commit_on_another_state_is_refused(scripts: Scripts, redis: Redis, first: Commit) -> None:
    await commit(scripts, first)
    after = replace(first, stands_on="7.1", sets="7.2")

    assert await commit(scripts, replace(first, stands_on="7.0", sets="7.9")) == "refused"
    assert await commit(scripts, replace(after, term=6)) == "refused"
    assert await commit(scripts, after) == "applied"
    assert await commit(scripts, first) == "refused"
    assert await redis.hget(P + "ledger", "accepted") == b"2"


async def test_used_up_entries_are_deleted_with_what_followed_and_the_newest_id_is_told(
    scripts: Scripts, redis: Redis, first: Commit
) -> None:
    ids = [await redis.xadd(P + "inbox", {"entry": "x"}) for _ in range(3)]
    keys, args = replace(first, used=ids[:2]).arguments(P)

    outcome, ms, newest = await scripts.run("commit", keys, args)

    seconds, _ = await redis.time()
    assert (outcome, newest) == (b"applied", ids[2])
    assert abs(ms - seconds * 1000) < 60_000
    assert [id_ for id_, _ in await redis.xrange(P + "inbox")] == ids[2:]


@pytest.mark.parametrize(
    "write",
    [
        ("SET", "a-hash", ("x",)),
        ("HSET", "a-string", ("field", "x")),
        ("ZADD", "a-string", (1, "member")),
        ("ZADD", "new", ("no number", "member")),
        ("ZADD", "new", (1, "member", 2)),
        ("RPUSH", "a-hash", ("line",)),
        ("COUNT", "a-hash", ("text", 1)),
        ("COUNT", "ledger", ("accepted", "much")),
        ("COUNT", "ledger", ("accepted", 1, "pending")),
        ("FLUSHALL", "new", ()),
        ("SADD", "new", ("member",)),
        ("HSET", "new", tuple(str(number) for number in range(2_000))),
    ],
    ids=str,
)
async def test_what_cannot_be_written_is_found_before_the_first_write(
    scripts: Scripts, redis: Redis, first: Commit, write: Write
) -> None:
    await redis.set(P + "a-string", "x")
    await redis.hset(P + "a-hash", "text", "no number")
    before = {key: await redis.dump(key) for key in await redis.keys("*")}

    with pytest.raises((BadCommit, WrongType)):
        await commit(scripts, replace(first, writes=(*ADDED, write)))

    assert {key: await redis.dump(key) for key in await redis.keys("*")} == before
    assert await commit(scripts, first) == "applied"


async def test_a_full_redis_takes_nothing_on_and_lets_the_rest_end() -> None:
    with RedisServer(maxmemory="4mb") as server:
        redis = connect(server.url)
        scripts = Scripts(redis)
        await redis.set(P + "term", 7)
        await redis.config_set("maxmemory", "1mb")

        with pytest.raises(Full):
            await commit(scripts, Commit(7, "", "7.1", ADDED, takes_on=True))
        assert await commit(scripts, Commit(7, "", "7.1", ADDED)) == "applied"
        await redis.aclose()


async def test_changes_of_any_kind_arrive_as_a_memory_has_them(scripts: Scripts, redis: Redis, first: Commit) -> None:
    memory, codec = Memory(), Codec()
    marks = ["", "7.1", "7.2"]
    for number, entries in enumerate(LIVES):
        draft = Draft(memory, 1_000 + number)
        for entry in entries:
            entry(draft)
        memory.apply(draft.changes, draft.now)
        writes, _ = encode(draft.changes, codec)
        assert await commit(scripts, Commit(7, marks[number], marks[number + 1], writes)) == "applied"

    assert await stored(redis, codec, (Counter, Brief)) == kept(memory)
    for key in ("brief:b", "story:a"):  # later than decisions go by
        assert HOUR + 30_000 < await redis.pttl(P + key) <= HOUR + 60_000
    assert await redis.pttl(P + "brief:short") <= HOUR // 2 + 60_000


def _adds(name: str, count: int) -> Any:
    def act(draft: Draft) -> None:
        for number in range(count):
            changes, _ = step(draft, Add(name, f"e-{number}", body=b"\xff\0", timer=5), draft.now, Settings())
            draft.take(changes)

    return act


LIVES: list[list[Any]] = [
    [
        _adds("a", 3 * MOST_ARGUMENTS // 2),
        lambda d: d.put("old", "x", b"1"),
        lambda d: [d.append(f"story:{name}", line, most=9, kept=HOUR) for name in "cd" for line in (b"1", b"2", b"3")],
        lambda d: setattr(d.edit(Brief, "b"), "text", "ä"),
        lambda d: setattr(d.edit(Brief, "short"), "retained", HOUR // 2),
    ],
    [
        _adds("b", 3),
        lambda d: d.clear("old"),
        lambda d: d.clear_log("story:c"),
        lambda d: d.cut("story:d", most=1, kept=HOUR),
        lambda d: d.put("old", "y", b"2", kept=5_000),
        lambda d: d.remove("events:a", "e-1"),
        lambda d: d.take_out("timers", "a e-1"),
        lambda d: d.drop(Counter, "b"),
    ],
]


async def test_a_changes_object_without_anything_is_no_write() -> None:
    assert encode(Changes(), Codec()) == ([], {})
