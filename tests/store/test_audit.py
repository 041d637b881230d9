"""Who did what: written down before it is done, once more with what came of it, and for a bounded time."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from relay.background.upkeep import AuditLog
from relay.errors import StoreUnavailable
from relay.store import Store, audit, keys
from relay.store.audit import CLEAR, COMMAND, KEEP_DAYS, Act, AuditTrail, Notes
from relay.store.audit_pages import audit_page
from relay.store.sealing import Sealer
from tests.support.audit import acts_of
from tests.support.clock import Clock
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

JANA = "jana@host-1"


@pytest.fixture
def store(redis_store: Store) -> Store:
    return redis_store


@pytest.fixture
def trail(store: Store) -> AuditTrail:
    return AuditTrail(store.redis)


@pytest.fixture
def commands(store: Store) -> AuditTrail:
    return AuditTrail(store.redis, via=COMMAND)


def audited(lines: list[Any]) -> list[Mapping[str, Any]]:
    return [line for line in lines if line["event"] == "audit"]


async def test_an_act_is_one_entry_with_what_came_of_it(trail: AuditTrail, store: Store) -> None:
    async with trail.act(Act(JANA, "dead replay", "1c9e", {"destination": "team"})) as act:
        act.outcome = "1 of 1"

    (entry,) = await acts_of(store.redis)
    shown = entry.actor, entry.action, entry.subject, entry.detail, entry.outcome
    assert shown == (JANA, "dead replay", "1c9e", {"destination": "team"}, "1 of 1")


async def test_it_is_written_down_before_it_is_done(trail: AuditTrail, store: Store) -> None:
    async with trail.act(Act(JANA, "dead drop")):
        (entry,) = await acts_of(store.redis)

    assert (entry.action, entry.outcome) == ("dead drop", "")  # as a crash at this line would leave it


async def test_an_act_that_fails_says_with_what(trail: AuditTrail, store: Store) -> None:
    with pytest.raises(LookupError):
        async with trail.act(Act(JANA, "dead drop")):
            raise LookupError("the text could quote an event")

    assert [entry.outcome for entry in await acts_of(store.redis)] == ["failed: LookupError"]


async def test_without_a_store_nothing_is_done() -> None:
    with RedisServer() as server:
        store = Store.open(server.url, process="w")
    done = []
    with pytest.raises(StoreUnavailable):
        async with AuditTrail(store.redis).act(Act(JANA, "dead drop")):
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


async def test_strangers_do_not_push_out_the_rest(
    trail: AuditTrail, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "KEPT", 1000)
    await trail.note(Act(JANA, "reload", outcome="taken"))
    add = "redis.call('XADD', KEYS[1], '*', 'actor', 'reader', 'action', 'unsubscribe')"
    await store.redis.eval(f"for _ = 1, 2500 do {add} end", 1, keys.AUDIT_STRANGERS)
    await trail.note(Act("reader", "unsubscribe", outcome="done"), stranger=True)

    assert await store.redis.xlen(keys.AUDIT_STRANGERS) < 1200  # whole nodes go
    assert [entry.actor for entry in await acts_of(store.redis) if entry.action == "reload"] == [JANA]


class TestTheLog:
    async def test_an_act_of_a_relay_is_a_line_at_once(self, trail: AuditTrail) -> None:
        with capture_logs() as lines:
            async with trail.act(Act("U0ANALYST1", "press retry", "op-1", {"at": "team"})) as act:
                act.outcome = "accepted"

        assert lines == [{
            "event": "audit", "log_level": "info", "actor": "U0ANALYST1", "action": "press retry", "subject": "op-1",
            "at": "team", "outcome": "accepted",
        }]  # fmt: skip

    async def test_of_an_address_it_has_the_domain(self, trail: AuditTrail) -> None:
        with capture_logs() as lines:
            async with trail.act(Act("reader", "unsubscribe", address='"a b"@example.com')):
                pass

        assert [line["address"] for line in lines] == ["…@example.com"]

    async def test_what_commands_did_is_a_line_of_one_relay(
        self, commands: AuditTrail, open_redis_store: Callable[..., Store], clock: Clock
    ) -> None:
        for subject in ("1", "2"):
            with capture_logs() as own:
                async with commands.act(Act(JANA, "dead drop", subject)):
                    pass
            assert own == []
        relays = [open_redis_store(), open_redis_store()]
        await asyncio.gather(*(relay.prepare() for relay in relays))

        with capture_logs() as lines:
            for _ in range(3):
                for store in relays:
                    await AuditLog(store).tick(clock())
                clock.advance(60)

        assert [(line["subject"], line["outcome"]) for line in audited(lines)] == [("1", "done"), ("2", "done")]


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
        notes = Notes(AuditTrail(store.redis), pause=0.01)
        with capture_logs() as lines:
            notes.add(Act("relay@host-1", "reload", outcome="taken"))
        server.start()
        await until(lambda: store.redis.xlen(keys.AUDIT))
        await notes.aclose()
        await store.aclose()

    assert len(audited(lines)) == 1


async def test_a_row_of_the_audit_trail_that_is_not_sealed_is_not_shown_as_genuine(
    open_redis_store: Callable[..., Store],
) -> None:
    """Neither does it take the place of one that is, by saying that it ends it."""
    store = open_redis_store(sealer=Sealer({"one": b"1" * 32}))
    trail = AuditTrail(store.redis, store.sealer)
    async with trail.act(Act("eve@host-1", "dead drop", "everything")):
        pass
    (first, _), *_ = await store.redis.xrange(keys.AUDIT)
    forged = {"actor": "jana@host-1", "action": "dead drop", "outcome": "done", "via": "relay", "over": 1}
    await store.redis.xadd(keys.AUDIT, {**forged, "of": first})

    for entries in (await acts_of(store.redis, store.sealer), (await audit_page(trail, lambda _: True)).rows):
        assert {(entry.actor, entry.action, entry.subject) for entry in entries} == {
            ("eve@host-1", "dead drop", "everything"),
            ("", "", CLEAR),
        }
