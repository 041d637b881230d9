"""Failures of one cause at one address: one is told, the others stand below it or come together, and none gets lost."""

from typing import Any

from relay.domain.deliveries import Delivery, Receipt, Target
from relay.domain.events import Event
from relay.store import Store
from tests.support import events
from tests.support.bundles import night, statuses
from tests.support.clock import Clock
from tests.support.queue import accept, claim, claim_one, counts, send_all
from tests.support.targets import mail, room, team

WINDOW = 600.0
EVERYBODY = "@channel"
TEAM = team(group=WINDOW)
MAIL = mail(group=WINDOW)


def failing(name: str, **operation: Any) -> Event:
    return events.failed(operationId=name, **operation)


async def fail_in_turn(store: Store, clock: Clock, *names: str, to: Target) -> None:
    for name in names:
        await accept(store, failing(name), to=to)
        clock.advance(0.01)


class TestThreads:
    async def test_the_first_is_a_message_and_the_others_are_rows_in_its_thread(
        self, store: Store, clock: Clock
    ) -> None:
        await fail_in_turn(store, clock, *"abc", to=TEAM)

        first, *rows = await send_all(store, clock)

        assert (first.kind, first.wording, first.edits) == ("live", "", False)
        assert [(row.kind, row.wording, row.event.subject, row.thread) for row in rows] == [
            ("reply", "also", name, {"channel": "C1", "ts": "a"}) for name in "bc"
        ]

    async def test_a_first_one_that_is_dead_hides_no_other(self, store: Store, clock: Clock) -> None:
        await fail_in_turn(store, clock, *"ab", to=TEAM)
        delivery = (await store.claim("slack", 1)).deliveries[0]
        await store.mark_sending(delivery)
        await store.dead_letter(delivery, "rejected", "is_archived")

        (second,) = await send_all(store, clock)

        assert (second.event.subject, second.kind, second.wording) == ("b", "live", "")

    async def test_what_may_have_arrived_stays_what_it_was(self, store: Store, clock: Clock) -> None:
        await accept(store, failing("a"), to=TEAM)
        lost = await claim_one(store)
        await store.mark_sending(lost)
        await store.reschedule(lost, 30.0, "no answer", unknown=True)
        await accept(store, failing("b", priority="Critical"), to=TEAM)
        (graver,) = await send_all(store, clock)
        clock.advance(60)

        (again,) = await send_all(store, clock)

        assert (graver.event.subject, graver.wording) == ("b", "")
        assert (again.event.subject, again.kind, again.wording, again.unknown) == ("a", "live", "", True)

    async def test_rows_come_one_after_the_other(self, store: Store, clock: Clock) -> None:
        for name in "abc":
            await accept(store, events.progress(40, operationId=name), to=TEAM)
        await send_all(store, clock)
        await fail_in_turn(store, clock, "a", to=TEAM)
        await send_all(store, clock)
        await fail_in_turn(store, clock, *"bc", to=TEAM)

        taken = []
        for _ in range(8):
            taken += await claim(store)
            clock.advance(1)

        assert [(row.event.subject, row.wording) for row in taken if row.kind == "reply"] == [("b", "also")]


class TestCalls:
    async def test_each_is_called_by_one_delivery_however_often_it_asks(self, store: Store, clock: Clock) -> None:
        await fail_in_turn(store, clock, *"ab", to=TEAM)
        first = await claim_one(store)
        assert await store.claim_mentions(first, ("@lead", EVERYBODY)) == ("@lead", EVERYBODY)
        await store.mark_sending(first)
        await store.complete(first, Receipt("ok", {"channel": "C1", "ts": "a"}))
        clock.advance(1)
        row = await claim_one(store)

        assert await store.claim_mentions(row, ("@Lead", "@analyst", EVERYBODY)) == ("@analyst",)
        assert await store.claim_mentions(row, ("@Lead", "@analyst", EVERYBODY)) == ("@analyst",)
        assert await store.claim_mentions(first, ("@lead", EVERYBODY)) == ("@lead", EVERYBODY)

    async def test_whom_a_dead_one_was_to_call_the_next_one_calls(self, store: Store, clock: Clock) -> None:
        for name in "ab":
            await accept(store, events.progress(40, operationId=name), to=TEAM)
        await send_all(store, clock)
        await fail_in_turn(store, clock, *"ab", to=TEAM)
        first = await _reply(store, clock)
        assert await store.claim_mentions(first, ("@lead", EVERYBODY)) == ("@lead", EVERYBODY)
        await store.mark_sending(first)
        await store.dead_letter(first, "rejected", "msg_too_long")

        row = await _reply(store, clock)

        assert (first.event.subject, row.event.subject, row.wording) == ("a", "b", "also")
        for _ in range(2):
            assert await store.claim_mentions(row, ("@lead", EVERYBODY)) == ("@lead", EVERYBODY)


async def _reply(store: Store, clock: Clock) -> Delivery:
    """The next reply; edits before it are sent."""
    for _ in range(20):
        for delivery in await claim(store):
            if delivery.kind == "reply":
                return delivery
            await store.mark_sending(delivery)
            await store.complete(delivery, Receipt("ok", dict(delivery.thread)))
        clock.advance(1)
    raise AssertionError("no reply")


class TestMails:
    async def test_the_first_is_mailed_at_once_and_the_rest_together_at_the_end_of_the_window(
        self, store: Store, clock: Clock
    ) -> None:
        await accept(store, failing("a"), to=MAIL)
        (first,) = await send_all(store, clock, "email")
        for name in "bcd":
            clock.advance(60)
            await accept(store, failing(name), to=MAIL)
            assert await send_all(store, clock, "email") == []
        clock.advance(WINDOW)

        (rest,) = await send_all(store, clock, "email")

        assert (first.event.subject, rest.kind, rest.event.document["kind"]) == ("a", "roundup", "cause")
        assert statuses(rest) == dict.fromkeys("bcd", "Failed")
        assert (await counts(store))["held:same_cause"] == 3

    async def test_it_waits_for_the_end_of_quiet_hours_that_began_meanwhile(self, store: Store, clock: Clock) -> None:
        await fail_in_turn(store, clock, *"ab", to=MAIL)
        await send_all(store, clock, "email")
        clock.advance(WINDOW)
        quiet = night(clock(), room()).how.quiet_window
        assert quiet

        assert (await store.claim("email", 5, {"*": quiet})).deliveries == ()

        clock.advance(quiet.end - clock())
        (rest,) = await send_all(store, clock, "email")
        assert statuses(rest) == {"b": "Failed"}
