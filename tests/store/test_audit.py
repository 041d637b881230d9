"""Who did what: written down before it is done, once more with what came of it, and for a bounded time."""

import json
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from relay.background.upkeep import Records
from relay.engine.records import HISTORIES
from relay.errors import StoreUnavailable
from relay.store import Store, audit, keys
from relay.store.audit import KEEP_DAYS, Act, AuditTrail, Notes
from tests.support.audit import acts_of
from tests.support.configuration import configured
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

JANA = "jana@host-1"


@pytest.fixture
def store(redis_store: Store) -> Store:
    return redis_store


@pytest.fixture
def trail(store: Store) -> AuditTrail:
    return AuditTrail(store.plain)


async def test_an_act_is_one_entry_that_is_there_before_it_is_done(trail: AuditTrail, store: Store) -> None:
    async with trail.act(Act(JANA, "dead replay", "1c9e", {"destination": "team"})) as act:
        (before,) = await acts_of(store.redis)
        act.outcome = "1 of 1"
    with pytest.raises(LookupError):
        async with trail.act(Act(JANA, "dead drop")):
            raise LookupError("the text could quote an event")

    entry, failed = await acts_of(store.redis)
    assert (before.action, before.outcome) == ("dead replay", "")  # as a crash at this line would leave it
    shown = entry.actor, entry.action, entry.subject, entry.detail, entry.outcome
    assert shown == (JANA, "dead replay", "1c9e", {"destination": "team"}, "1 of 1")
    assert failed.outcome == "failed: LookupError"


async def test_what_came_of_an_act_is_told_on_whatever_page_it_is(trail: AuditTrail) -> None:
    async with trail.act(Act(JANA, "reload")), trail.act(Act(JANA, "dead drop")) as inner:
        inner.outcome = "refused"

    first = await trail.page(lambda _: True, limit=1)
    second = await trail.page(lambda _: True, limit=1, cursor=first.cursor)

    assert [(row.action, row.outcome) for row in first.rows] == [("dead drop", "refused")]
    assert [(row.action, row.outcome) for row in second.rows] == [("reload", "done")]


async def test_without_a_store_nothing_is_done() -> None:
    with RedisServer() as server:
        store = Store.open(server.url, process="w")
    done = []
    with pytest.raises(StoreUnavailable):
        async with AuditTrail(store.plain).act(Act(JANA, "dead drop")):
            done.append(1)
    await store.aclose()

    assert done == []


async def test_what_a_full_redis_needs_can_be_done_and_is_written_down(trail: AuditTrail, store: Store) -> None:
    await store.redis.config_set("maxmemory", 1)
    try:
        async with trail.act(Act(JANA, "dead drop")):
            pass
    finally:
        await store.redis.config_set("maxmemory", 0)

    assert [(entry.action, entry.outcome) for entry in await acts_of(store.redis)] == [("dead drop", "done")]


async def test_only_the_newest_stay(trail: AuditTrail, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "KEPT", 1000)
    stream, row = f"{keys.PREFIX}audit", json.dumps({"actor": "reader", "action": "unsubscribe"})
    await store.redis.eval("for _ = 1, 2500 do redis.call('XADD', KEYS[1], '*', 'r', ARGV[1]) end", 1, stream, row)
    await trail.note(Act(JANA, "reload", outcome="taken"))

    assert await store.redis.xlen(stream) < 1200  # whole nodes go
    assert [entry.actor for entry in await acts_of(store.redis) if entry.action == "reload"] == [JANA]


async def test_an_act_is_a_line_in_the_log_with_no_more_of_an_address_than_its_domain(trail: AuditTrail) -> None:
    with capture_logs() as lines:
        async with trail.act(Act("U0ANALYST1", "press retry", "op-1", {"at": "team"})) as act:
            act.outcome = "accepted"
        async with trail.act(Act("reader", "unsubscribe", address='"a b"@example.com')):
            pass

    assert lines[0] == {
        "event": "audit", "log_level": "info", "actor": "U0ANALYST1", "action": "press retry", "subject": "op-1",
        "at": "team", "outcome": "accepted",
    }  # fmt: skip
    assert lines[1]["address"] == "…@example.com"


async def test_what_is_older_than_90_days_goes(trail: AuditTrail, store: Store) -> None:
    await trail.note(Act(JANA, "reload", outcome="taken"))
    (entry,) = await acts_of(store.redis)
    written = entry.at.timestamp()

    await trail.trim(written + KEEP_DAYS * 86_400 - 1)
    assert len(await acts_of(store.redis)) == 1
    await trail.trim(written + KEEP_DAYS * 86_400 + 1)
    assert await acts_of(store.redis) == []


async def test_a_note_waits_for_the_store_and_holds_up_nobody() -> None:
    with RedisServer() as server:
        store = Store.open(server.url, process="w")
        server.stop()
        notes = Notes(AuditTrail(store.plain), pause=0.01)
        with capture_logs() as lines:
            notes.add(Act("relay@host-1", "reload", outcome="taken"))
        server.start()
        await until(lambda: store.redis.xlen(f"{keys.PREFIX}audit"))
        await notes.aclose()
        await store.aclose()

    assert [line["event"] for line in lines].count("audit") == 1


async def test_a_damaged_row_is_not_shown(
    open_redis_store: Callable[..., Store],
) -> None:
    store = open_redis_store()
    async with AuditTrail(store.plain).act(Act("eve@host-1", "dead drop", "everything")) as act:
        act.outcome = "3 of 3"
    for damaged in (b"damaged", b"[]", b'{"acto', b"{}"):
        await store.redis.xadd(f"{keys.PREFIX}audit", {"r": damaged})

    with capture_logs() as lines:
        (entry,) = await acts_of(store.redis)
    assert (entry.actor, entry.outcome) == ("eve@host-1", "3 of 3")
    assert {line["event"] for line in lines} == {"record.unreadable"}


async def test_a_key_of_another_type_beside_it_does_not_keep_it(trail: AuditTrail, store: Store) -> None:
    await trail.note(Act(JANA, "reload", outcome="taken"))
    (entry,) = await acts_of(store.redis)
    await store.redis.set(f"{keys.PREFIX}{HISTORIES}", "not an index")

    with pytest.raises(StoreUnavailable):
        await Records(store, configured).tick(entry.at.timestamp() + KEEP_DAYS * 86_400 + 1)
    assert await acts_of(store.redis) == []
