"""What events held is sealed in Redis, with a key that Redis does not have: nothing lost, nothing delivered garbled."""

import asyncio
from collections.abc import Callable

import pytest
from redis.asyncio import Redis
from relay.store.claiming import SEALED
from structlog.testing import capture_logs

from relay.domain.events import Event
from relay.domain.facts import Space
from relay.domain.links import issue
from relay.errors import ConfigError, NotSealed, StoreUnavailable, Unsealable
from relay.store import Store, keys
from relay.store.audit import Act, AuditTrail
from relay.store.copies import Copies
from relay.store.copying import COPIES, copied_as
from relay.store.last_bodies import LastBodies
from relay.store.queries.admin import Admin
from relay.store.queries.runs import Runs
from relay.store.queries.silences import SilenceList
from relay.store.queries.suppressions import Suppressions
from relay.store.results import ResultsCache
from relay.store.seal_existing import SealExisting
from relay.store.sealing import BODY, NAME, PATH, RESULTS, Sealer
from relay.store.sealing_keys import older_keys
from relay.store.sessions import Session, Sessions
from relay.store.signing_keys import SigningKeys
from tests.support import events
from tests.support.bundles import digest, next_day
from tests.support.clock import Clock
from tests.support.partitions import PARTITIONS
from tests.support.queue import POSTED, claim, claim_one, message
from tests.support.silences import silence
from tests.support.targets import mail, room, team

ONE, OTHER = b"1" * 16 + b"the first key, whatever", b"2" * 16 + b"the second key, whatever"
DAY = 86_400.0
MERGER = "the merger that nobody may read of"


def sealer(*secrets: bytes, kept: float = 100 * DAY) -> Sealer:
    return Sealer({f"key-{secret[:1].decode()}": secret for secret in secrets}, kept)


def secretive(operation: str = "op-1") -> Event:
    return events.completed(operationId=operation, parameters={"purpose": MERGER})


async def everything(redis: Redis) -> bytes:
    """All that is in Redis, as its files have it."""
    read = {
        b"string": redis.get, b"hash": redis.hgetall, b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"stream": redis.xrange,
    }  # fmt: skip
    return repr([await read[await redis.type(key)](key) for key in await redis.keys()]).encode()


def test_a_value_opens_with_its_key_in_its_own_place_alone() -> None:
    one = sealer(ONE)
    sealed = one.seal(b"content", BODY, "op-1")
    assert sealer(OTHER, ONE).open(sealed, BODY, "op-1") == b"content"
    spoiled = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(3, len(sealed))]
    spoiled += [sealed[:at] for at in range(3, len(sealed))] + [sealed + b"\0"]
    places = [(sealed, BODY, "op-2"), (sealed, RESULTS, "op-1"), (sealed, BODY, "")]

    for value in (*((one, BODY, "op-1") for one in spoiled), *places):
        with pytest.raises(Unsealable):
            one.open(*value)
    for clear in (b"", b"{}", "ÿ".encode(), b"\xff", b"\xffs"):
        with pytest.raises(NotSealed, match="relay keys seal"):
            one.open(clear, BODY, "op-1")
    with pytest.raises(Unsealable, match=one.current) as error:
        sealer(OTHER).open(sealed, BODY, "op-1")
    assert not any(text in str(error.value) for text in (ONE.decode(), OTHER.decode(), "content"))
    text = one.seal_text("Größe \ud83d", NAME)
    assert text == sealer(ONE).seal_text("Größe \ud83d", NAME) != one.seal_text("Größe \ud83d", PATH)
    assert sealer(OTHER, ONE).open_text(text, NAME) == "Größe ?"


async def test_nothing_of_a_body_is_readable_in_redis_and_all_of_it_is_delivered(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    store = open_store(sealer=sealer(ONE), partitions=PARTITIONS)
    await store.prepare()
    await store.accept(secretive(), [room(), team(), mail()])
    at_rest = await everything(store.redis)
    clock.advance(60)
    deliveries = [*await claim(store), *await claim(store, "email")]

    assert MERGER.encode() not in at_rest
    assert [said(delivery.event) for delivery in deliveries] == [MERGER] * 3
    assert said(await store.kept(secretive())) == MERGER
    assert [said(event) for event in await Admin(store).events("op-1")] == [MERGER]
    assert [said(event) for event in await Runs(store).history(keys.operation("op-1"))] == [MERGER]


def said(event: Event | None) -> object:
    assert event
    return event.document["operation"]["parameters"]["purpose"]


@pytest.mark.parametrize("lacking", [None, sealer(OTHER)])
async def test_who_lacks_the_key_does_not_begin(open_store: Callable[..., Store], lacking: Sealer | None) -> None:
    await open_store(sealer=sealer(ONE)).prepare()

    with pytest.raises(ConfigError, match=rf"redis\.encryption_key: expected the key {sealer(ONE).current}"):
        await open_store(sealer=lacking).prepare()
    store = open_store(sealer=sealer(OTHER, ONE))
    await store.prepare()
    (line,) = await older_keys(store.redis, sealer(OTHER, ONE))
    assert line.startswith(f"key-1 ({sealer(ONE).current}) is needed until 20")


async def test_a_body_that_is_put_in_the_place_of_another_is_not_delivered(open_store: Callable[..., Store]) -> None:
    store = open_store(sealer=sealer(ONE))
    await store.accept(secretive("op-1"), [room()])
    await store.accept(events.completed(operationId="op-2"), [room()])
    one, two = await store.redis.keys("{relay}:event:*")
    await store.redis.hset(one, "body", await store.redis.hget(two, "body"))

    assert len(await claim(store)) == 1


@pytest.mark.parametrize("lacking", [None, sealer(OTHER)])
async def test_what_cannot_be_opened_waits_for_a_process_that_can_and_costs_no_attempt(
    open_store: Callable[..., Store], clock: Clock, lacking: Sealer | None
) -> None:
    store, other = open_store(sealer=sealer(ONE)), open_store(sealer=lacking)
    await store.prepare()
    await open_store().accept(events.started(operationId="before"), [])
    await store.accept(secretive(), [room()])
    await store.accept(events.completed(operationId="op-2", operationName=MERGER), [digest(clock())])
    clock.advance(DAY)
    asked = (other.known(name, Space()) for name in ("op-2", "before"))
    sealed, clear = await asyncio.gather(*asked, return_exceptions=True)
    with capture_logs() as lines:
        for _ in range(9):
            assert [*await claim(other), *await claim(other, "email")] == []
            clock.advance(SEALED / 1000)

    assert isinstance(sealed, StoreUnavailable)  # 503: the sender says it again
    assert isinstance(clear, dict)
    assert {line["event"] for line in lines} == {"delivery.sealed"}
    one, digested = await claim_one(store), await claim_one(store, "email")
    assert (said(one.event), one.attempt) == (MERGER, 1)
    assert MERGER in str(digested.event.document)


async def test_lists_show_what_they_can_open_and_say_of_the_rest_why_not(open_store: Callable[..., Store]) -> None:
    store, later = open_store(sealer=sealer(ONE)), open_store(sealer=sealer(OTHER))
    await store.accept(secretive(), [mail("jana@example.com")])
    await store.dead_letter(await claim_one(store, "email"), "rejected", f"550 {MERGER}", bounce="hard")
    async with AuditTrail(store.redis, store.sealer).act(Act("jana@host-1", "dead drop", MERGER)):
        pass
    await Admin(store).quarantine("ops", MERGER.encode(), {"x-header": MERGER}, f"no JSON: {MERGER}")
    assert MERGER.encode() not in await everything(store.redis)

    (bounced,), (kept,) = await Suppressions(store).all(), await Admin(store).quarantined()
    assert (bounced.detail, kept.body, kept.headers) == (f"550 {MERGER}", MERGER.encode(), {"x-header": MERGER})
    (entry,), (unreadable,) = await Suppressions(later).all(), await Admin(later).quarantined()
    (act,) = await AuditTrail(later.redis, later.sealer).entries()
    assert (entry.address, unreadable.body) == ("jana@example.com", b"")
    assert all(sealer(ONE).current in text for text in (entry.detail, unreadable.reason, act.subject))


async def test_results_the_audit_trail_and_the_key_of_links_are_sealed(open_store: Callable[..., Store]) -> None:
    store = open_store(sealer=sealer(ONE))
    await ResultsCache(store).keep("op-1", 0, {"summary": MERGER})
    trail = AuditTrail(store.redis, store.sealer)
    async with trail.act(Act("jana@host-1", "suppressed add", MERGER, {"why": MERGER}, address="a@example.com")):
        pass
    key = await SigningKeys(store).current()
    await SigningKeys(store).rotate(await store.time(), DAY)

    at_rest = await everything(store.redis)
    assert not any(text in at_rest for text in (MERGER.encode(), b"jana", b"example.com"))
    assert repr(key).encode()[2:-1] not in at_rest
    assert await ResultsCache(store).get("op-1", 0) == {"summary": MERGER}
    (entry,) = await trail.entries()
    assert (entry.actor, entry.address, entry.outcome) == ("jana@host-1", "a@example.com", "done")


async def test_what_was_written_without_a_key_is_sealed_once_and_all_of_it_goes_on(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    before = open_store(partitions=PARTITIONS, copies=COPIES)
    await before.prepare()
    await before.accept(secretive("op-1"), [room()])
    sent = await claim_one(before)
    await before.mark_sending(sent)
    await before.complete(sent, POSTED, message(sent))
    await before.accept(secretive("op-2"), [room(), team(), mail()])
    await Admin(before).quarantine("ops", MERGER.encode(), {"x-header": MERGER}, f"no JSON: {MERGER}")
    await ResultsCache(before).keep("op-1", 0, {"summary": MERGER})
    bodies = LastBodies(before)
    bodies.add("github", MERGER.encode(), {}, clock())
    await bodies.flush()
    its = silence(clock(), reason=MERGER)
    await SilenceList(before).add(its)
    for stranger in (False, True):
        async with AuditTrail(before.redis).act(Act("jana@host-1", "dead drop", MERGER), stranger=stranger):
            pass
    link = issue(await SigningKeys(before).current(), "unsubscribe", "x")
    await SigningKeys(before).rotate(await before.time(), 365 * DAY)
    await Sessions(before).keep("an-id", Session("jana", "password", clock()), DAY)
    store = open_store(partitions=PARTITIONS, sealer=sealer(ONE), copies=COPIES)
    with pytest.raises(ConfigError, match=r"redis\.encryption_key: .* without a key; run `relay keys seal`"):
        await store.prepare()

    await store.prepare(sealing=True)
    assert (await SealExisting(store, sealer(ONE)).run())["audit"] == 4

    await store.prepare()
    assert not await SealExisting(store, sealer(ONE)).run()
    clock.advance(60)
    assert {said(one.event) for one in [*await claim(store), *await claim(store, "email")]} == {MERGER}
    assert [said(event) for event in await Admin(store).events("op-1")] == [MERGER]
    assert (await Admin(store).quarantined())[0].body == MERGER.encode()
    assert await ResultsCache(store).get("op-1", 0) == {"summary": MERGER}
    assert [one.body for one in await LastBodies(store).of("github")] == [MERGER.encode()]
    assert await SilenceList(store).all() == [its]
    entries = await AuditTrail(store.redis, store.sealer).entries()
    assert [(entry.actor, entry.subject, entry.outcome) for entry in entries] == [("jana@host-1", MERGER, "done")] * 2
    assert await SigningKeys(store).redeem("unsubscribe", link) == ("x",)
    assert await Sessions(store).find("an-id") is None
    assert await Copies(store).of(copied_as(sent))
    assert MERGER.encode() not in await everything(store.redis)


async def test_names_readers_and_errors_are_unreadable_in_redis_and_all_are_sent(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    store = open_store(sealer=sealer(ONE), partitions=PARTITIONS)
    asked = {"email": ["cfo@example.org"], "slack": {"channel": "#quiet-room"}}
    event = events.failed(operationName=MERGER, notifications=asked, trackingUrl="https://example.org/a-page")
    await store.accept(event, [digest(clock()), mail(hold=60.0)])
    at_rest = await everything(store.redis)
    facts = await store.known(event.subject)
    next_day(clock)
    sent = {delivery.kind: delivery for delivery in await claim(store, "email")}
    entry = sent["digest"].event.document["entries"][0]

    texts = (MERGER, "cfo@example.org", "quiet-room", "a-page", "did not answer")
    assert not [text for text in texts if text.encode() in at_rest]
    assert (facts["name"], "cfo@example.org" in facts["audience"]) == (MERGER, True)
    assert (entry["name"], "did not answer" in entry["error"], "a-page" in entry["path"]) == (MERGER, True, True)
    assert "did not answer" in str(sent["each"].event.document["error"])
