"""What events held is sealed in Redis, with a key that Redis does not have: nothing lost, nothing delivered garbled."""

import asyncio
from collections.abc import Callable

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.links import issue
from relay.engine.names import operation
from relay.engine.records import Operation
from relay.errors import ConfigError, NotSealed, RelayError, StoreUnavailable, Unsealable
from relay.store import Store, keys
from relay.store.audit import Act, AuditTrail
from relay.store.bodies import Bodies, Quarantined
from relay.store.queries.admin import Admin
from relay.store.queries.runs import Runs
from relay.store.queries.silences import SilenceList
from relay.store.queries.suppressions import Suppressions
from relay.store.results import ResultsCache
from relay.store.seal_existing import SealExisting
from relay.store.sealing import Sealer
from relay.store.sealing_keys import older_keys
from relay.store.sessions import Session, Sessions
from relay.store.signing_keys import SigningKeys
from tests.support import events
from tests.support.audit import acts_of
from tests.support.bundles import digest, next_day
from tests.support.clock import Clock
from tests.support.queue import POSTED, claim, claim_one
from tests.support.silences import silence
from tests.support.targets import mail, room, team
from tests.support.waiting import until

ONE, OTHER = b"1" * 16 + b"the first key, whatever", b"2" * 16 + b"the second key, whatever"
DAY = 86_400.0
MERGER = "the merger that nobody may read of"


def sealer(*secrets: bytes) -> Sealer:
    return Sealer({f"key-{secret[:1].decode()}": secret for secret in secrets}, 100 * DAY)


def secretive(name: str = "op-1") -> Event:
    return events.completed(operationId=name, parameters={"purpose": MERGER})


async def everything(redis: Redis) -> bytes:
    """All that is in Redis, as its files have it."""
    read = {
        b"string": redis.get, b"hash": redis.hgetall, b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"stream": redis.xrange,
    }  # fmt: skip
    kinds = [(key, await redis.type(key)) for key in await redis.keys()]
    return repr([await read[kind](key) for key, kind in kinds if kind != b"none"]).encode()  # a lease may just expire


async def quarantined(store: Store) -> list[Quarantined]:
    rows = (await store.bodies.page()).rows
    return [body for row in rows if (body := await store.bodies.named(row.id))]


def test_a_value_opens_with_its_key_in_its_own_place_alone() -> None:
    one = sealer(ONE)
    sealed = one.seal(b"content", "op-1")
    assert sealer(OTHER, ONE).open(sealed, "op-1") == b"content"
    spoiled = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(3, len(sealed))]
    spoiled += [sealed[:at] for at in range(3, len(sealed))] + [sealed + b"\0"]
    places = [(sealed, "op-2"), (sealed, "")]

    for value in (*((one, "op-1") for one in spoiled), *places):
        with pytest.raises(Unsealable):
            one.open(*value)
    for clear in (b"", b"{}", "ÿ".encode(), b"\xff", b"\xffs"):
        with pytest.raises(NotSealed, match="relay keys seal"):
            one.open(clear, "op-1")
    with pytest.raises(Unsealable, match=one.current) as error:
        sealer(OTHER).open(sealed, "op-1")
    assert not any(text in str(error.value) for text in (ONE.decode(), OTHER.decode(), "content"))


async def test_nothing_of_a_body_is_readable_in_redis_and_all_of_it_is_delivered(
    open_redis_store: Callable[..., Store], clock: Clock
) -> None:
    store = open_redis_store(sealer=sealer(ONE))
    await store.prepare()
    await store.report(secretive(), [room(), team(), mail()])
    at_rest = await everything(store.redis)
    clock.advance(60)
    deliveries = [*await claim(store), *await claim(store, "email")]

    assert MERGER.encode() not in at_rest
    assert [said(delivery.event) for delivery in deliveries] == [MERGER] * 3
    assert [said(event) for event in await Admin(store).events("op-1")] == [MERGER]
    assert [said(event) for event in await Runs(store).history(operation("op-1"))] == [MERGER]


def said(event: Event | None) -> object:
    assert event
    return event.document["operation"]["parameters"]["purpose"]


@pytest.mark.parametrize("lacking", [None, sealer(OTHER)])
async def test_who_lacks_the_key_does_not_begin(open_redis_store: Callable[..., Store], lacking: Sealer | None) -> None:
    await open_redis_store(sealer=sealer(ONE)).prepare()

    with pytest.raises(ConfigError, match=rf"redis\.encryption_key: expected the key {sealer(ONE).current}"):
        await open_redis_store(sealer=lacking).prepare()
    store = open_redis_store(sealer=sealer(OTHER, ONE))
    await store.prepare()
    (line,) = await older_keys(store.plain, sealer(OTHER, ONE))
    assert line.startswith(f"key-1 ({sealer(ONE).current}) is needed until 20")


async def test_a_body_that_is_put_in_the_place_of_another_is_not_delivered(
    open_redis_store: Callable[..., Store],
) -> None:
    before, store = (open_redis_store(sealer=sealer(ONE)) for _ in range(2))
    await before.prepare()
    await before.report(secretive("op-1"), [room()])
    await before.report(events.completed(operationId="op-2"), [room()])
    await before.aclose()
    one, two = await store.redis.keys("{relay}:body:*")
    await store.redis.set(one, await store.redis.get(two))
    await store.prepare()

    assert len(await claim(store)) == 1


async def test_what_cannot_be_opened_waits_for_a_process_that_can_and_costs_no_attempt(
    open_redis_store: Callable[..., Store], clock: Clock
) -> None:
    """First an entry for the owner, then what the owner before it wrote."""
    lacking, heir = (open_redis_store(sealer=sealer(OTHER)) for _ in range(2))
    store, last = (open_redis_store(sealer=sealer(ONE, OTHER)) for _ in range(2))
    await lacking.prepare()
    await lacking.report(events.started(operationId="before"), [])
    await store.prepare()
    assert (await store.report(secretive(), [room()])).elsewhere
    await until(lambda: waits(store))
    assert await claim(lacking) == []
    await lacking.aclose()
    await until(lambda: store.partition.owns)
    await store.report(events.completed(operationId="op-2", operationName=MERGER), [digest(clock())])
    await store.aclose()
    await heir.redis.hdel(keys.PREFIX + keys.SEALED, sealer(ONE).current)  # else it does not begin
    await heir.prepare()
    clock.advance(DAY)
    asked = (heir.report(events.progress(40, operationId=name), []) for name in ("op-2", "before"))
    sealed, clear = await asyncio.gather(*asked, return_exceptions=True)
    for _ in range(9):
        assert [*await claim(heir), *await claim(heir, "email")] == []
        clock.advance(60)
    await heir.aclose()
    await last.prepare()

    assert isinstance(sealed, StoreUnavailable)  # 503: the sender says it again
    assert isinstance(clear, Accepted)
    one, digested = await claim_one(last), await claim_one(last, "email")
    assert (said(one.event), one.attempt) == (MERGER, 1)
    assert MERGER in str(digested.event.document)


async def waits(store: Store) -> int:
    """Return how many entries for the owner wait for what it cannot read."""
    [count] = await store.reader.table_sizes(["waiting"])
    return count


async def test_lists_show_what_they_can_open_and_the_log_says_of_the_rest_why_not(
    open_redis_store: Callable[..., Store],
) -> None:
    store, later = open_redis_store(sealer=sealer(ONE)), open_redis_store(sealer=sealer(OTHER))
    await store.prepare()
    await store.report(secretive(), [mail("jana@example.com")])
    await store.dead_letter(await claim_one(store, "email"), "rejected", f"550 {MERGER}", bounce="hard")
    async with AuditTrail(store.plain).act(Act("jana@host-1", "dead drop", MERGER)):
        pass
    await store.bodies.keep("ops", MERGER.encode(), {"x-header": MERGER}, f"no JSON: {MERGER}", fault=False)
    await ResultsCache(store).keep("op-1", 0, {"summary": MERGER})
    key = await SigningKeys(store).current()
    await SigningKeys(store).rotate(await store.time(), DAY)
    at_rest = await everything(store.redis)
    secret = (MERGER.encode(), b"jana@host-1", repr(key).encode()[2:-1], key.hex().encode())
    assert not any(text in at_rest for text in secret)

    (bounced,), (kept,) = await Suppressions(store).all(), await quarantined(store)
    assert (bounced.detail, kept.body, kept.headers) == (f"550 {MERGER}", MERGER.encode(), {"x-header": MERGER})
    with capture_logs() as lines:
        assert await Suppressions(later).all() == []
        assert [*await quarantined(later), *await acts_of(later.redis, later.sealer)] == []
    assert {line["record"] for line in lines} >= {"quarantine", "audit"}
    assert all(sealer(ONE).current in line["error"] for line in lines)


async def test_what_was_written_without_a_key_is_sealed_once_and_all_of_it_goes_on(
    open_redis_store: Callable[..., Store], clock: Clock
) -> None:
    before = open_redis_store()
    await before.prepare()
    await before.report(secretive("op-1"), [room()])
    sent = await claim_one(before)
    await before.mark_sending(sent)
    await before.complete(sent, POSTED)
    await before.report(secretive("op-2"), [room(), team(), mail()])
    await before.bodies.keep("ops", MERGER.encode(), {"x-header": MERGER}, f"no JSON: {MERGER}", fault=False)
    await ResultsCache(before).keep("op-1", 0, {"summary": MERGER})
    bodies = Bodies(before.plain)
    bodies.add("github", MERGER.encode(), {}, clock())
    await bodies.flush()
    its = silence(clock(), reason=MERGER)
    await SilenceList(before).add(its)
    async with AuditTrail(before.plain).act(Act("jana@host-1", "dead drop", MERGER)):
        pass
    link = issue(await SigningKeys(before).current(), "unsubscribe", "x")
    await SigningKeys(before).rotate(await before.time(), 365 * DAY)
    await Sessions(before).keep("an-id", Session("jana", "password", clock()), DAY)
    receiver = open_redis_store(may_own=False)
    await receiver.prepare()
    with pytest.raises(RelayError, match="stop every relay"):
        await SealExisting(before, sealer(ONE), patience=0.0).run()
    await before.aclose()
    assert (await receiver.report(secretive("op-3"), [mail()])).elsewhere
    await receiver.aclose()
    store = open_redis_store(sealer=sealer(ONE))
    with pytest.raises(ConfigError, match=r"redis\.encryption_key: .* without a key; run `relay keys seal`"):
        await store.prepare()

    await store.prepare(sealing=True)
    assert (await SealExisting(store, sealer(ONE)).run())["value"] > 20

    assert not await SealExisting(store, sealer(ONE)).run()
    await store.prepare()
    clock.advance(60)
    assert {said(one.event) for one in [*await claim(store), *await claim(store, "email")]} == {MERGER}
    assert [said(event) for event in await Admin(store).events("op-1")] == [MERGER]
    assert (await quarantined(store))[0].body == MERGER.encode()
    assert await ResultsCache(store).get("op-1", 0) == {"summary": MERGER}
    assert [one.body for one in await Bodies(store.plain).last("github")] == [MERGER.encode()]
    assert await SilenceList(store).all() == [its]
    entries = await acts_of(store.redis, store.sealer)
    assert [(entry.actor, entry.subject, entry.outcome) for entry in entries] == [("jana@host-1", MERGER, "done")]
    assert await SigningKeys(store).redeem("unsubscribe", link) == ("x",)
    assert await Sessions(store).find("an-id") is None
    assert MERGER.encode() not in await everything(store.redis)


async def test_names_readers_and_errors_are_unreadable_in_redis_and_all_are_sent(
    open_redis_store: Callable[..., Store], clock: Clock
) -> None:
    store = open_redis_store(sealer=sealer(ONE))
    await store.prepare()
    asked = {"email": ["cfo@example.org"], "slack": {"channel": "#quiet-room"}}
    event = events.failed(operationName=MERGER, notifications=asked, trackingUrl="https://example.org/a-page")
    await store.report(event, [digest(clock()), mail(hold=60.0)])
    at_rest = await everything(store.redis)
    [record] = await store.reader.records(Operation, [operation(event.subject)])
    next_day(clock)
    sent = {delivery.kind: delivery for delivery in await claim(store, "email")}
    entry = sent["digest"].event.document["entries"][0]

    texts = (MERGER, "cfo@example.org", "quiet-room", "a-page", "did not answer")
    assert not [text for text in texts if text.encode() in at_rest]
    assert (record.facts["name"], "cfo@example.org" in record.facts["audience"]) == (MERGER, True)
    assert (entry["name"], "did not answer" in entry["error"], "a-page" in entry["path"]) == (MERGER, True, True)
    assert "did not answer" in str(sent["each"].event.document["error"])
