"""What events held is sealed in Redis, with a key that Redis does not have: nothing lost, nothing delivered garbled."""

import asyncio
from collections.abc import Callable

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from relay.domain.deliveries import Delivery
from relay.domain.events import Event
from relay.domain.facts import Space
from relay.domain.links import issue
from relay.errors import ConfigError, NotSealed, StoreUnavailable, Unsealable
from relay.store import Store, keys
from relay.store.admin import Admin
from relay.store.audit import CLEAR, Act, AuditTrail
from relay.store.audit_pages import audit_page
from relay.store.claiming import SEALED
from relay.store.copies import Copies
from relay.store.copying import COPIES, copied_as
from relay.store.results import ResultsCache
from relay.store.runs import Runs
from relay.store.seal_existing import SealExisting
from relay.store.sealing import BODY, NAME, PATH, RESULTS, Sealer, is_sealed, is_sealed_by
from relay.store.sealing_keys import older_keys
from relay.store.sessions import Session, Sessions
from relay.store.signing_keys import SigningKeys
from relay.store.silences import SilenceList
from relay.store.suppressions import Suppressions
from relay.store.trials import LastTrial, Trials, TriedAddress
from tests.support import events
from tests.support.bundles import digest, next_day
from tests.support.clock import Clock
from tests.support.partitions import PARTITIONS
from tests.support.queue import POSTED, claim, claim_one, counts, message
from tests.support.silences import silence
from tests.support.targets import mail, room, team

ONE, OTHER = b"1" * 16 + b"the first key, whatever", b"2" * 16 + b"the second key, whatever"
DAY = 86_400.0
MERGER = "the merger that nobody may read of"


def sealer(*secrets: bytes, kept: float = 100 * DAY) -> Sealer:
    return Sealer({f"key-{secret[:1].decode()}": secret for secret in secrets}, kept)


def secretive(operation: str = "op-1") -> Event:
    return events.completed(operationId=operation, parameters={"purpose": MERGER})


def said(delivery: Delivery) -> object:
    return delivery.event.document["operation"]["parameters"]["purpose"]


async def everything(redis: Redis) -> bytes:
    """All that is in Redis, as its files would have it."""
    read = {
        b"string": redis.get, b"hash": redis.hgetall, b"set": redis.smembers,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"stream": redis.xrange,
    }  # fmt: skip
    return repr([await read[await redis.type(key)](key) for key in await redis.keys()]).encode()


class TestASealer:
    def test_what_an_earlier_key_sealed_is_opened_and_the_first_one_seals(self) -> None:
        both, sealed = sealer(OTHER, ONE), sealer(ONE).seal(b"content", BODY, "op-1")

        assert both.open(sealed, BODY, "op-1") == b"content"
        with pytest.raises(Unsealable):
            sealer(ONE).open(both.seal(b"content", BODY, "op-1"), BODY, "op-1")

    @pytest.mark.parametrize(
        "stored", [b"", b"{}", b'{"event": "operation.completed"}', "ÿ".encode(), b"\xff", b"\xffs"]
    )
    def test_what_was_never_sealed_is_refused(self, stored: bytes) -> None:
        with pytest.raises(NotSealed, match="relay keys seal"):
            sealer(ONE).open(stored, BODY, "op-1")

    @pytest.mark.parametrize(("kind", "record"), [(BODY, "op-2"), (RESULTS, "op-1"), (BODY, "")])
    def test_a_value_opens_in_its_own_place_alone(self, kind: str, record: str) -> None:
        one = sealer(ONE)

        with pytest.raises(Unsealable, match="damaged, or stands where it does not belong"):
            one.open(one.seal(b"content", BODY, "op-1"), kind, record)

    def test_no_damaged_value_opens_or_says_anything_else(self) -> None:
        one = sealer(ONE)
        sealed = one.seal(b"content", BODY, "op-1")
        spoiled = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(3, len(sealed))]
        spoiled += [sealed[:at] for at in range(3, len(sealed))] + [sealed + b"\0"]

        for value in spoiled:
            with pytest.raises(Unsealable):
                one.open(value, BODY, "op-1")

    def test_an_error_says_which_key_is_missing_and_nothing_of_any(self) -> None:
        sealed = sealer(ONE).seal(b"content", BODY, "op-1")

        with pytest.raises(Unsealable) as error:
            sealer(OTHER).open(sealed, BODY, "op-1")

        assert sealer(ONE).current in str(error.value)
        assert not any(text in str(error.value) for text in (ONE.decode(), OTHER.decode(), "content"))


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
    assert {said(delivery) for delivery in deliveries} == {MERGER}
    assert len(deliveries) == 3
    assert said_of(await store.kept(secretive())) == MERGER
    assert [said_of(event) for event in await Admin(store).events("op-1")] == [MERGER]
    assert [said_of(event) for event in await Runs(store).history(keys.operation("op-1"))] == [MERGER]


def said_of(event: Event | None) -> object:
    assert event
    return event.document["operation"]["parameters"]["purpose"]


@pytest.mark.parametrize("lacking", [None, sealer(OTHER)])
async def test_who_lacks_the_key_does_not_begin(open_store: Callable[..., Store], lacking: Sealer | None) -> None:
    await open_store(sealer=sealer(ONE)).prepare()

    with pytest.raises(ConfigError, match=rf"redis\.encryption_key: expected the key {sealer(ONE).current}"):
        await open_store(sealer=lacking).prepare()
    await open_store(sealer=sealer(OTHER, ONE)).prepare()


@pytest.mark.parametrize("lacking", [None, sealer(OTHER)])
async def test_what_cannot_be_opened_waits_for_who_can_and_costs_no_attempt(
    open_store: Callable[..., Store], clock: Clock, lacking: Sealer | None
) -> None:
    """As in a process that runs on while others got a new key."""
    store, other = open_store(sealer=sealer(ONE)), open_store(sealer=lacking)
    await store.accept(secretive(), [room()])
    with capture_logs() as lines:
        for _ in range(30):
            assert await claim(other) == []
            clock.advance(SEALED / 1000)

    assert {line["event"] for line in lines} == {"delivery.sealed"}
    assert (await counts(store))["pending"] == 1
    delivery = await claim_one(store)
    assert (said(delivery), delivery.attempt) == (MERGER, 1)


@pytest.mark.parametrize("lacking", [None, sealer(OTHER)])
async def test_a_round_up_and_an_event_of_what_cannot_be_opened_wait_too(
    open_store: Callable[..., Store], clock: Clock, lacking: Sealer | None
) -> None:
    """No name is told as it is sealed; and what is asked at the same moment of another operation is answered."""
    store, other = open_store(sealer=sealer(ONE)), open_store(sealer=lacking)
    await store.prepare()
    await open_store().accept(events.started(operationId="before"), [])
    await store.accept(events.completed(operationId="op-1", operationName=MERGER), [digest(clock())])
    clock.advance(DAY)

    sealed, clear = await asyncio.gather(
        other.known("op-1", Space()), other.known("before", Space()), return_exceptions=True
    )
    with capture_logs() as lines:
        assert await claim(other, "email") == []

    assert isinstance(sealed, StoreUnavailable)  # 503: the sender says it again
    assert isinstance(clear, dict)
    assert [line["event"] for line in lines] == ["delivery.sealed"]
    clock.advance(SEALED / 1000)
    assert MERGER in str((await claim_one(store, "email")).event.document)


async def test_lists_show_what_they_can_open_and_say_of_the_rest_why_not(open_store: Callable[..., Store]) -> None:
    store = open_store(sealer=sealer(ONE))
    await store.accept(secretive(), [mail("jana@example.com")])
    delivery = await claim_one(store, "email")
    await store.mark_sending(delivery)
    await store.dead_letter(delivery, "rejected", f"550 {MERGER}", bounce="hard")
    async with AuditTrail(store.redis, store.sealer).act(Act("jana@host-1", "dead drop", MERGER)):
        pass
    later = open_store(sealer=sealer(OTHER))

    (bounced,) = await Suppressions(store).all()
    (entry,) = await Suppressions(later).all()
    assert (bounced.detail, entry.address) == (f"550 {MERGER}", "jana@example.com")
    (act,) = await AuditTrail(later.redis, later.sealer).entries()
    assert [sealer(ONE).current in text for text in (entry.detail, act.subject)] == [True, True]


async def test_an_earlier_key_is_named_with_how_long_it_is_needed(open_store: Callable[..., Store]) -> None:
    await open_store(sealer=sealer(ONE)).prepare()
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


async def test_the_quarantine_is_sealed_and_lists_what_it_cannot_open(open_store: Callable[..., Store]) -> None:
    store = open_store(sealer=sealer(ONE))
    name = await Admin(store).quarantine("ops", MERGER.encode(), {"x-header": MERGER}, f"no JSON: {MERGER}")

    assert MERGER.encode() not in await everything(store.redis)
    (kept,) = await Admin(store).quarantined()
    assert (kept.body, kept.headers, kept.reason) == (MERGER.encode(), {"x-header": MERGER}, f"no JSON: {MERGER}")
    (unreadable,) = await Admin(open_store()).quarantined()
    assert (unreadable.id, unreadable.body, sealer(ONE).current in unreadable.reason) == (name, b"", True)


async def test_results_the_audit_trail_and_the_key_of_links_are_sealed(open_store: Callable[..., Store]) -> None:
    store = open_store(sealer=sealer(ONE))
    await ResultsCache(store).keep("op-1", 0, {"summary": MERGER})
    trail = AuditTrail(store.redis, store.sealer)
    async with trail.act(Act("jana@host-1", "suppressed add", MERGER, {"why": MERGER}, address="a@example.com")):
        pass
    signing = SigningKeys(store)
    key = await signing.current()
    await signing.rotate(await store.time(), DAY)

    at_rest = await everything(store.redis)
    assert not any(text in at_rest for text in (MERGER.encode(), b"jana", b"example.com"))
    assert repr(key).encode()[2:-1] not in at_rest
    assert all(
        is_sealed(value) for value in (await store.redis.get(keys.KEY), *await store.redis.hgetall(keys.KEYS_RETIRED))
    )
    assert await ResultsCache(store).get("op-1", 0) == {"summary": MERGER}
    assert [(entry.actor, entry.address, entry.outcome) for entry in await trail.entries()] == [
        ("jana@host-1", "a@example.com", "done")
    ]
    again = SigningKeys(open_store(sealer=sealer(OTHER, ONE)))
    assert await again.redeem("unsubscribe", issue(key, "unsubscribe", "x")) == ("x",)


async def test_the_key_of_links_outlives_the_key_that_sealed_it(open_store: Callable[..., Store]) -> None:
    old = SigningKeys(open_store(sealer=sealer(ONE)))
    links = [issue(await old.current(), "unsubscribe", "x")]
    await old.rotate(await open_store().time(), 365 * DAY)
    links.append(issue(await old.current(), "unsubscribe", "x"))
    await SigningKeys(open_store(sealer=sealer(OTHER, ONE))).current()

    alone = SigningKeys(open_store(sealer=sealer(OTHER)))
    assert [await alone.redeem("unsubscribe", link) for link in links] == [("x",)] * 2
    values = [await alone._redis.get(keys.KEY), *await alone._redis.hgetall(keys.KEYS_RETIRED)]
    assert [is_sealed_by(sealer(OTHER), value) for value in values] == [True] * 2


async def test_a_key_of_links_that_is_not_sealed_makes_and_opens_nothing(open_store: Callable[..., Store]) -> None:
    store = open_store(sealer=sealer(ONE))
    forged = b"f" * 32
    await store.redis.set(keys.KEY, forged)

    with pytest.raises(NotSealed, match="relay keys seal"):
        await SigningKeys(store).redeem("unsubscribe", issue(forged, "unsubscribe", "x"))
    await store.redis.delete(keys.KEY)
    await SigningKeys(store).current()
    await store.redis.hset(keys.KEYS_RETIRED, forged, "0 99999999999999")
    with pytest.raises(NotSealed):
        await SigningKeys(store).redeem("unsubscribe", issue(forged, "unsubscribe", "x"))


async def test_a_row_of_the_audit_trail_that_is_not_sealed_is_not_shown_as_genuine(
    open_store: Callable[..., Store],
) -> None:
    """Neither does it take the place of one that is, by saying that it ends it."""
    store = open_store(sealer=sealer(ONE))
    trail = AuditTrail(store.redis, store.sealer)
    async with trail.act(Act("eve@host-1", "dead drop", "everything")):
        pass
    (first, _), *_ = await store.redis.xrange(keys.AUDIT)
    forged = {"actor": "jana@host-1", "action": "dead drop", "outcome": "done", "via": "relay", "over": 1}
    await store.redis.xadd(keys.AUDIT, {**forged, "of": first})

    for entries in (await trail.entries(), (await audit_page(trail, lambda _: True)).rows):
        assert {(entry.actor, entry.action, entry.subject) for entry in entries} == {
            ("eve@host-1", "dead drop", "everything"),
            ("", "", CLEAR),
        }


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
    its = silence(clock(), reason=MERGER)
    await SilenceList(before).add(its)
    trial = LastTrial(clock(), "jana", [TriedAddress("#room", MERGER, "")])
    await Trials(before).keep("room", trial)
    for strangers in (False, True):
        async with AuditTrail(before.redis).act(Act("jana@host-1", "dead drop", MERGER), stranger=strangers):
            pass
    links = [issue(await SigningKeys(before).current(), "unsubscribe", "x")]
    await SigningKeys(before).rotate(await before.time(), 365 * DAY)
    links.append(issue(await SigningKeys(before).current(), "unsubscribe", "x"))
    await Sessions(before).keep("an-id", Session("jana", "password", clock()), DAY)
    stream = [id_ for id_, _ in await before.redis.xrange(keys.AUDIT)]
    store = open_store(partitions=PARTITIONS, sealer=sealer(ONE), copies=COPIES)
    with pytest.raises(
        ConfigError, match=r"redis\.encryption_key: .* was written without a key; run `relay keys seal`"
    ):
        await store.prepare()

    await store.prepare(sealing=True)
    sealed = {**await SealExisting(store, sealer(ONE)).run()}

    await store.prepare()
    assert not await SealExisting(store, sealer(ONE)).run()
    assert sealed.pop("body") in range(3, 6)  # where there are several partitions some are in two
    assert sealed == {
        "quarantine": 3, "results": 1, "copy": 1, "silence": 1, "trial": 1, "audit": 4, "signing key": 2,
        "deleted login": 1,
    }  # fmt: skip
    clock.advance(60)
    assert {said(one) for one in [*await claim(store), *await claim(store, "email")]} == {MERGER}
    assert [said_of(event) for event in await Admin(store).events("op-1")] == [MERGER]
    assert (await Admin(store).quarantined())[0].body == MERGER.encode()
    assert await ResultsCache(store).get("op-1", 0) == {"summary": MERGER}
    assert await SilenceList(store).all() == [its]
    assert await Trials(store).last("room") == trial
    entries = await AuditTrail(store.redis, store.sealer).entries()
    assert [(entry.actor, entry.subject, entry.outcome) for entry in entries] == [("jana@host-1", MERGER, "done")] * 2
    assert [id_ for id_, _ in await store.redis.xrange(keys.AUDIT)] == stream
    assert [await SigningKeys(store).redeem("unsubscribe", link) for link in links] == [("x",)] * 2
    assert await Sessions(store).find("an-id") is None
    assert await Copies(store).of(copied_as(sent))
    assert MERGER.encode() not in await everything(store.redis)


class TestShortTexts:
    """What scripts carry beside the bodies: names, whom operations ask for, errors and answers."""

    def test_the_same_text_is_always_the_same_and_opens(self) -> None:
        one, again = sealer(ONE), sealer(ONE)
        sealed = one.seal_text("Größe \ud83d", NAME)

        assert sealed == again.seal_text("Größe \ud83d", NAME)
        assert again.open_text(sealed, NAME) == "Größe ?"
        assert sealer(OTHER, ONE).open_text(sealed, NAME) == "Größe ?"
        assert sealed != one.seal_text("Größe \ud83d", PATH)

    async def test_they_are_unreadable_in_redis_and_all_are_told(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        store = open_store(sealer=sealer(ONE), partitions=PARTITIONS)
        asked = {"email": ["cfo@example.org"], "slack": {"channel": "#quiet-room"}}
        event = events.failed(operationName=MERGER, notifications=asked, trackingUrl="https://example.org/a-page")
        subject = event.subject
        await store.accept(event, [digest(clock()), mail(hold=60.0)])
        at_rest = await everything(store.redis)
        facts = await store.known(subject)
        timeline = await Admin(store).timeline(subject)
        next_day(clock)
        told = {delivery.kind: delivery for delivery in await claim(store, "email")}
        entry = told["digest"].event.document["entries"][0]

        texts = (MERGER, "cfo@example.org", "quiet-room", "a-page", "did not answer")
        assert not [text for text in texts if text.encode() in at_rest]
        assert (facts["name"], "cfo@example.org" in facts["audience"]) == (MERGER, True)
        assert timeline
        assert timeline.facts["fact:name"] == MERGER
        assert (entry["name"], "did not answer" in entry["error"], "a-page" in entry["path"]) == (MERGER, True, True)
        assert "did not answer" in str(told["each"].event.document["error"])
