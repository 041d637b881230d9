"""What is told together: each entry in one digest, once, whoever dies when; quiet hours and the cap on new messages."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from relay.domain.deliveries import Delivery, Presentation, Receipt, Target, Window
from relay.domain.events import Event
from relay.policy.presentation import presentation_for
from relay.store import Store
from relay.store.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.targets import mail, room, team

DAY = 86_400.0
SENT = Receipt("250 ok")
POSTED = Receipt("C1/1.1", {"channel": "C1", "ts": "1.1"})


def digest(now: float, **changes: Any) -> Target:
    """An address whose windows are of a day each and end at full days of the test's clock."""
    start = now // DAY * DAY
    windows = (Window(start, start + DAY), Window(start + DAY, start + 2 * DAY))
    return replace(mail(destination="daily", mode="digest", windows=windows), **changes)


def night(now: float, target: Target, hours: float = 8) -> Target:
    return replace(target, quiet_window=Window(now - 60, now + hours * 3600))


async def claim(store: Store, channel: str = "email", quiet: dict[str, Window] | None = None) -> list[Delivery]:
    return list((await store.claim(channel, 50, quiet or {})).deliveries)


async def send(store: Store, channel: str = "email", receipt: Receipt = SENT, **claimed: Any) -> list[Delivery]:
    found = await claim(store, channel, **claimed)
    for delivery in found:
        await store.mark_sending(delivery)
        await store.complete(delivery, receipt)
    return found


async def counts(store: Store) -> dict[str, int]:
    return {name: count for name, count in (await Admin(store).ledger()).counts.items() if count}


def told(delivery: Delivery) -> dict[str, str]:
    """The operations of a digest with their statuses."""
    return {one["id"]: one["status"] for one in delivery.event.document["entries"]}


def over(clock: Clock, days: int = 1) -> None:
    clock.now = clock.now // DAY * DAY + days * DAY


class TestDigests:
    async def test_an_entry_is_told_at_the_windows_end_and_not_before(self, store: Store, clock: Clock) -> None:
        accepted = await store.accept(events.completed(operationId="a"), [digest(clock())])
        early = await claim(store)
        over(clock)

        (delivery,) = await send(store)

        assert (accepted.deliveries, early) == (1, [])
        assert (delivery.kind, delivery.event.name, told(delivery)) == ("digest", "digest", {"a": "Completed"})
        assert await counts(store) | {"received": 0, "events": 0} == {
            "received": 0, "events": 0, "accepted": 2, "digested": 1, "delivered": 1,
        }  # fmt: skip

    async def test_of_an_operation_the_newest_state_is_told_with_all_that_was_said(
        self, store: Store, clock: Clock
    ) -> None:
        target = digest(clock())
        for event in (events.started(), events.progress(40), events.progress(60), events.failed()):
            await store.accept(event, [target])
        over(clock)

        (delivery,) = await claim(store)

        (row,) = delivery.event.document["entries"]
        assert (row["status"], row["error"]) == ("Failed", "The extractor did not answer for 300 s.")
        assert row["started"]
        assert row["name"]
        assert delivery.event.document["held"] == 2

    async def test_a_retry_says_nothing_of_the_run_before_but_its_name(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        await store.accept(events.failed(), [target])
        await store.accept(events.progress(5, retryNumber=1), [target])
        over(clock)

        (delivery,) = await claim(store)

        (row,) = delivery.event.document["entries"]
        assert (row["status"], row["retry"], row.get("error")) == ("Running", 1, None)
        assert row["name"] == "Comprehensive Customer Journey Analysis"

    async def test_what_is_no_state_takes_the_place_of_none(self, store: Store, clock: Clock) -> None:
        audited = events.body("operation.audited", 100, status=None, operationName="Audit", retryNumber=None)
        await store.accept(events.completed(retryNumber=1), [digest(clock())])
        await store.accept(events.event_of(audited), [digest(clock())])
        over(clock)

        (delivery,) = await claim(store)

        (row,) = delivery.event.document["entries"]
        assert (row["status"], row["retry"]) == ("Completed", 1)

    async def test_however_long_its_window_a_digest_is_as_old_as_its_end(self, store: Store, clock: Clock) -> None:
        start = clock() // DAY * DAY
        week = digest(clock(), windows=(Window(start, start + 7 * DAY), Window(start + 7 * DAY, start + 14 * DAY)))
        await store.accept(events.completed(), [week])
        over(clock, 7)

        (delivery,) = await claim(store)

        assert delivery.created_at.timestamp() == start + 7 * DAY

    async def test_what_comes_after_the_seal_is_in_the_next_digest_alone(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        await store.accept(events.progress(10, operationId="a"), [target])
        over(clock)
        (first,) = await claim(store)  # sealed, not sent yet
        await store.accept(events.completed(operationId="a"), [target])  # decided before the window's end
        await store.accept(events.completed(operationId="b"), [target])
        await store.mark_sending(first)
        await store.complete(first, SENT)
        await store.accept(events.completed(operationId="c"), [target])
        between = await claim(store)
        over(clock)

        (second,) = await send(store)

        assert (told(first), between) == ({"a": "Running"}, [])
        assert told(second) == {"a": "Completed", "b": "Completed", "c": "Completed"}

    async def test_a_crash_between_seal_and_send_tells_the_same_once(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        dead, alive = open_store(), open_store()
        target = digest(clock())
        await dead.accept(events.completed(operationId="a"), [target])
        over(clock)
        (lost,) = await claim(dead)
        await alive.accept(events.completed(operationId="b"), [target])
        clock.advance(dead.lease + 1)

        (again,) = await send(alive)

        assert (again.id, again.attempt, told(again)) == (lost.id, 1, told(lost))
        assert not await dead.complete(lost, SENT)
        assert await claim(alive) == []

    async def test_a_kill_after_the_send_repeats_the_very_same_mail_once(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        dead, alive = open_store(), open_store()
        await dead.accept(events.completed(), [digest(clock())])
        over(clock)
        seen = []
        for store in (dead, alive):
            (delivery,) = await claim(store)
            await store.mark_sending(delivery)
            seen.append((delivery.id, delivery.event.document))
            clock.advance(store.lease + 1)

        assert seen[0] == seen[1]
        assert await claim(alive) == []
        (letter,) = await Admin(alive).dead()
        assert (letter.reason, letter.kind) == ("outcome_unknown", "digest")

    async def test_a_dead_digest_is_replayed_with_its_entries(self, store: Store, clock: Clock) -> None:
        await store.accept(events.completed(operationId="a"), [digest(clock())])
        over(clock)
        (delivery,) = await claim(store)
        await store.mark_sending(delivery)
        await store.dead_letter(delivery, "rejected", "550")
        over(clock, 20)
        await Admin(store).replay([delivery.id])

        (again,) = await send(store)

        assert told(again) == {"a": "Completed"}

    async def test_two_workers_send_one_digest(self, open_store: Callable[..., Store], clock: Clock) -> None:
        one, two = open_store(), open_store()
        target = digest(clock())
        for number, store in enumerate((one, two, one, two)):
            await store.accept(events.completed(operationId=f"op-{number}"), [target])
        over(clock)

        found = [*await claim(one), *await claim(two)]

        assert [len(told(each)) for each in found] == [4]

    async def test_downtime_over_a_windows_end_makes_it_late_and_nothing_more(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        before = open_store()
        await before.accept(events.completed(operationId="a"), [digest(clock())])
        over(clock, 3)
        after = open_store()
        await after.accept(events.completed(operationId="b"), [digest(clock())])

        (late,) = await send(after)
        over(clock)
        (next_one,) = await send(after)

        assert (told(late), told(next_one)) == ({"a": "Completed"}, {"b": "Completed"})

    async def test_each_recipient_has_a_digest_of_its_own(self, store: Store, clock: Clock) -> None:
        targets = [digest(clock(), address=f"{name}@example.com") for name in "ab"]
        await store.accept(events.completed(), targets)
        over(clock)

        assert sorted(delivery.address for delivery in await send(store)) == ["a@example.com", "b@example.com"]

    async def test_clocks_further_apart_than_windows_lose_nothing(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        for name in "ab":
            await store.accept(events.completed(operationId=name), [target])
            over(clock)
            await send(store)
        over(clock)

        await store.accept(events.completed(operationId="c"), [target])

        assert [told(one) for one in await send(store)] == [{"c": "Completed"}]

    async def test_the_next_digest_knows_what_the_last_one_said(self, store: Store, clock: Clock) -> None:
        await store.accept(events.completed(operationId="a"), [digest(clock())])
        await store.accept(events.failed(operationId="b"), [digest(clock())])
        over(clock)
        (first,) = await send(store)
        await store.accept(events.completed(operationId="c"), [digest(clock())])
        over(clock)

        (second,) = await claim(store)

        assert first.event.document["before"] is None
        before = second.event.document["before"]
        assert (before["completed"], before["failed"], before["to"]) == (1, 1, first.event.document["to"])

    async def test_no_digest_of_nothing_unless_it_is_asked_for(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        ensured = [await store.bundles.schedule(target, target.windows[0]) for _ in range(3)]
        over(clock)

        (delivery,) = await send(store)

        assert (ensured, told(delivery)) == ([True, False, False], {})
        assert not await store.bundles.schedule(target, target.windows[0])

    async def test_an_ensured_window_and_its_entries_are_one_digest(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        await store.bundles.schedule(target, target.windows[0])
        await store.accept(events.completed(operationId="a"), [target])
        over(clock)

        assert [told(one) for one in await send(store)] == [{"a": "Completed"}]

    async def test_sent_before_its_time_the_rest_comes_at_the_end(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        await store.accept(events.completed(operationId="a"), [target])
        sent = [await store.bundles.send_now(target, target.windows[0]) for _ in range(2)]
        (now,) = await send(store)
        await store.accept(events.completed(operationId="b"), [target])
        between = await claim(store)
        over(clock)
        (rest,) = await send(store)

        assert (sent, between) == ([True, False], [])
        assert (told(now), told(rest)) == ({"a": "Completed"}, {"b": "Completed"})
        assert now.event.document["to"] == rest.event.document["from"]

    async def test_a_window_whose_all_was_sent_early_says_nothing_more(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        await store.accept(events.completed(), [target])
        await store.bundles.send_now(target, target.windows[0])
        await send(store)
        over(clock)

        assert await send(store) == []
        assert (await counts(store)).get("pending") is None

    async def test_a_preview_shows_what_is_there_and_changes_nothing(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        await store.accept(events.completed(operationId="a"), [target])

        shown = await store.bundles.preview(target, target.windows[0])
        over(clock)
        (delivery,) = await send(store)

        assert shown.document == delivery.event.document

    async def test_a_reader_who_unsubscribed_gets_no_digest(self, store: Store, clock: Clock) -> None:
        await store.accept(events.completed(), [digest(clock())])
        await store.scripts.run("suppress", ["add", "daily", "analyst@example.com", "unsubscribed", ""])
        over(clock)

        assert await send(store) == []

    async def test_nothing_stays_behind_forever(self, store: Store, clock: Clock) -> None:
        await store.accept(
            events.completed(), [digest(clock()), night(clock(), mail()), team(new_message_cap=(1, 600.0))]
        )
        await store.accept(events.completed(operationId="b"), [team(new_message_cap=(1, 600.0))])
        await send(store, "slack", POSTED)
        clock.advance(60)
        await send(store, "slack", POSTED)
        over(clock, 2)
        await send(store)

        lasting = [key for key in await store.redis.keys("*") if await store.redis.ttl(key) < 0]

        assert {key.decode().split(":")[1] for key in lasting} <= {"ledger", "schema"}
        assert await store.redis.keys("{relay}:lane:*") + await store.redis.keys("{relay}:delivery:*") == []


class TestQuietHours:
    async def test_what_comes_in_is_told_together_at_their_end(self, store: Store, clock: Clock) -> None:
        at_night = night(clock(), room())
        answer = await store.accept(events.completed(operationId="a"), [at_night])
        await store.accept(events.failed(operationId="b"), [at_night])
        during = await claim(store, "slack")
        clock.advance(8 * 3600)

        (delivery,) = await send(store, "slack", POSTED)

        assert (answer.deliveries, answer.held, during) == (0, (("room", "quiet_hours"),), [])
        assert (delivery.kind, delivery.event.document["kind"]) == ("roundup", "quiet")
        assert told(delivery) == {"a": "Completed", "b": "Failed"}
        assert (await counts(store))["held:quiet_hours"] == 2

    async def test_in_the_morning_a_run_is_told_as_it_is_then(self, store: Store, clock: Clock) -> None:
        at_night = night(clock(), team())
        for name in "abc":
            await store.accept(events.started(operationId=name), [at_night])
        await store.accept(
            events.failed(operationId="a"), [replace(at_night, bypass_quiet_hours=True)]
        )  # has its own message
        await store.accept(events.completed(operationId="b"), [])  # no rule brings it here
        await store.accept(events.completed(operationId="c"), [replace(at_night, hold_reason="not_mailed")])
        posted = await send(store, "slack", POSTED, quiet={"*": at_night.quiet_window})
        clock.advance(8 * 3600)

        (roundup,) = await send(store, "slack", POSTED)

        assert [one.event.subject for one in posted] == ["a"]
        assert told(roundup) == {"a": "Failed", "b": "Completed", "c": "Completed"}

    async def test_a_batch_that_is_first_heard_of_in_them_leaves_no_message_behind(
        self, store: Store, clock: Clock
    ) -> None:
        document = {"event": "batch.operation.completed", "batch": {"batchId": "b-1", "batchName": "Month end"},
                    "operation": {"operationId": "op-1", "status": "Failed"}}  # fmt: skip
        event = events.event_of(document)
        await store.accept(event, [night(clock(), team(presentation=presentation_for(event)))])

        assert await store.redis.keys("{relay}:thread:*") == []

    async def test_edits_go_on_and_the_reply_waits(self, store: Store, clock: Clock) -> None:
        await store.accept(events.started(), [team()])
        await send(store, "slack", POSTED)
        at_night = night(clock(), team(presentation=presentation_for(events.completed())))
        quiet = {"*": at_night.quiet_window}
        await store.accept(events.completed(), [at_night])

        edits = await send(store, "slack", POSTED, quiet=quiet)
        clock.advance(8 * 3600)
        morning = await send(store, "slack", POSTED)

        assert [(one.kind, bool(one.thread)) for one in edits] == [("live", True)]
        assert [(one.kind, [*told(one).values()]) for one in morning] == [("roundup", ["Completed"])]

    async def test_a_run_that_still_goes_on_gets_its_message_with_its_next_update(
        self, store: Store, clock: Clock
    ) -> None:
        await store.accept(events.progress(10), [night(clock(), team())])
        clock.advance(8 * 3600)
        (roundup,) = await send(store, "slack", POSTED)
        quiet_still = await claim(store, "slack")
        await store.accept(events.progress(20), [team()])
        clock.advance(2)

        (root,) = await send(store, "slack", POSTED)

        assert ([*told(roundup).values()], quiet_still, root.kind) == (["Running"], [], "live")

    async def test_a_first_message_that_becomes_due_in_them_waits_too(self, store: Store, clock: Clock) -> None:
        await store.accept(events.started(), [team(post_after=60)])
        clock.advance(60)
        hours = Window(clock() - 30, clock() + 3600)

        during = await claim(store, "slack", {"team": hours})
        clock.advance(3600)
        after = await send(store, "slack", POSTED)

        assert during == []
        assert [one.event.document["kind"] for one in after] == ["quiet"]
        assert (await counts(store))["held:quiet_hours"] == 1

    async def test_a_first_message_that_is_due_after_them_does_not_join(self, store: Store, clock: Clock) -> None:
        await store.accept(events.started(), [replace(night(clock(), team(), 0.01), post_after=60)])
        clock.advance(61)

        assert [one.kind for one in await send(store, "slack", POSTED)] == ["live"]

    async def test_a_retry_that_becomes_due_in_them_waits_too(self, store: Store, clock: Clock) -> None:
        await store.accept(events.completed(), [mail()])
        (delivery,) = await claim(store)
        await store.mark_sending(delivery)
        await store.reschedule(delivery, 60, "451 later")
        clock.advance(60)
        hours = Window(clock() - 1, clock() + 3600)

        during = await claim(store, quiet={"*": hours})
        clock.advance(3600)

        assert during == []
        assert [one.kind for one in await send(store)] == ["roundup"]

    async def test_what_may_pass_does_so_at_accept_and_at_claim(self, store: Store, clock: Clock) -> None:
        urgent = replace(night(clock(), room()), bypass_quiet_hours=True)
        answer = await store.accept(events.failed(operationId="a"), [urgent])
        await store.accept(events.completed(operationId="b"), [room()])

        told_now = await send(store, "slack", POSTED, quiet={"*": urgent.quiet_window})

        assert (answer.deliveries, [one.event.name for one in told_now]) == (1, ["operation.failed"])

    async def test_a_waiting_first_message_that_turns_critical_is_posted(self, store: Store, clock: Clock) -> None:
        await store.accept(events.started(), [team(post_after=60)])
        urgent = replace(night(clock(), team()), bypass_quiet_hours=True)
        await store.accept(events.failed(), [urgent])

        assert [one.event.name for one in await send(store, "slack", POSTED, quiet={"*": urgent.quiet_window})] == [
            "operation.failed"
        ]

    async def test_another_destination_is_not_quiet(self, store: Store, clock: Clock) -> None:
        await store.accept(events.completed(), [room(), mail()])
        hours = Window(clock() - 1, clock() + 60)

        assert await claim(store, "slack", {"*": hours}) == []
        assert len(await claim(store, "email", {"*": hours, "analysts": Window(0, 0)})) == 1

    async def test_a_digest_that_was_asked_for_at_that_time_is_sent(self, store: Store, clock: Clock) -> None:
        await store.accept(events.completed(), [digest(clock())])
        over(clock)

        assert len(await send(store, quiet={"*": Window(clock() - 1, clock() + 60)})) == 1


class TestCap:
    CAPPED = team(new_message_cap=(20, 600.0), new_limits=(), post_after=0.0)

    async def flood(self, store: Store, many: int = 100, **changes: Any) -> None:
        for number in range(many):
            await store.accept(events.started(operationId=f"op-{number}"), [replace(self.CAPPED, **changes)])

    async def post(self, store: Store) -> list[Delivery]:
        """All that is due; each message has a place of its own."""
        found: list[Delivery] = []
        while claimed := await claim(store, "slack"):
            for delivery in claimed:
                await store.mark_sending(delivery)
                place = dict(delivery.thread) or {"channel": "C1", "ts": delivery.id}
                await store.complete(delivery, Receipt("ok", place))
            found += claimed
        return found

    async def test_a_hundred_at_once_are_twenty_messages_and_one_that_tells_of_the_rest(
        self, store: Store, clock: Clock
    ) -> None:
        await self.flood(store)

        posted = await self.post(store)

        assert sorted(one.kind for one in posted) == ["live"] * 20 + ["roundup"]
        rolling = next(one for one in posted if one.kind == "roundup")
        assert (rolling.event.document["kind"], rolling.event.document["totals"]["total"]) == ("overflow", 80)
        ledger = await counts(store)
        assert (ledger["held:overflow"], ledger["delivered"]) == (80, 21)

    async def test_the_rolling_message_is_edited_in_place_at_its_distance(self, store: Store, clock: Clock) -> None:
        await self.flood(store, 22)
        (first,) = [one for one in await self.post(store) if one.kind == "roundup"]
        ended, going = told(first)
        await store.accept(events.completed(operationId=ended), [self.CAPPED])
        soon = await self.post(store)
        clock.advance(15)

        (edit,) = await self.post(store)

        assert (soon, edit.kind, edit.thread["ts"]) == ([], "roundup", first.id)
        assert told(edit) == {ended: "Completed", going: "Initiated"}

    async def test_once_the_cap_frees_up_a_run_gets_its_own_and_leaves_the_list(
        self, store: Store, clock: Clock
    ) -> None:
        await self.flood(store, 22)
        (rolling,) = [one for one in await self.post(store) if one.kind == "roundup"]
        moving, staying = told(rolling)
        clock.advance(601)
        await store.accept(events.progress(50, operationId=moving), [self.CAPPED])

        posted = await self.post(store)

        assert [(one.kind, bool(one.thread)) for one in posted] == [("live", False), ("roundup", True)]
        assert told(posted[1]) == {staying: "Initiated"}

    async def test_what_the_whole_conversation_is_to_see_passes(self, store: Store) -> None:
        await self.flood(store, 25)
        await self.post(store)
        wide = Presentation(thread_reply=True, broadcast=True)
        await store.accept(events.failed(operationId="bad"), [replace(self.CAPPED, presentation=wide)])

        assert [(one.kind, one.event.subject) for one in await self.post(store)] == [("live", "bad")]

    async def test_an_edit_is_no_new_message(self, store: Store, clock: Clock) -> None:
        await self.flood(store, 20)
        await self.post(store)
        await store.accept(events.completed(operationId="op-3"), [self.CAPPED])

        assert [one.kind for one in await self.post(store)] == ["live"]

    async def test_a_later_flood_has_a_rolling_message_of_its_own(self, store: Store, clock: Clock) -> None:
        await self.flood(store, 21)
        await self.post(store)
        clock.advance(3600)
        for number in range(21):
            await store.accept(events.started(operationId=f"later-{number}"), [self.CAPPED])

        rolling = [one for one in await self.post(store) if one.kind == "roundup"]

        assert [(one.event.document["totals"]["total"], dict(one.thread)) for one in rolling] == [(1, {})]

    async def test_two_workers_share_one_cap(self, open_store: Callable[..., Store]) -> None:
        one, two = open_store(), open_store()
        await self.flood(one, 60)

        kinds = [delivery.kind for store in (one, two, one) for delivery in await claim(store, "slack")]

        assert sorted(kinds) == ["live"] * 20 + ["roundup"]


@pytest.mark.parametrize("seed", range(12))
async def test_any_interleaving_balances_and_tells_every_entry_once(  # noqa: C901 - one step of each kind
    open_store: Callable[..., Store], clock: Clock, seed: int
) -> None:
    """Digests, quiet hours and a cap among deaths and retries: the ledger adds up, each digest entry is told once."""
    pick = random.Random(seed)
    stores: Sequence[Store] = [open_store(), open_store()]
    held: list[tuple[Store, Delivery]] = []
    sent: list[Delivery] = []
    collected = 0
    capped = team(new_message_cap=(2, 300.0), new_limits=(), edit_limits=())
    for step in range(160):
        store = pick.choice(stores)
        hours = Window(clock() // 7200 * 7200, clock() // 7200 * 7200 + 3600)
        quiet = {"*": hours} if hours.end > clock() else {}
        match pick.randrange(8):
            case 0 | 1 | 2:
                event = _random(pick, step)
                silent = hours if quiet else None
                plain: list[Target] = [capped, room(), mail()]
                among = [
                    *(
                        replace(
                            one,
                            quiet_window=silent,
                            bypass_quiet_hours=pick.random() < 0.2,
                            presentation=presentation_for(event),
                        )
                        for one in plain
                    )
                ]
                targets = [digest(clock()), *pick.sample(among, pick.randrange(4))]
                collected += (await store.accept(event, targets)).status == "accepted"
            case 3 | 4:
                held += [(store, one) for one in await claim(store, pick.choice(["slack", "email"]), quiet)]
            case 5 if held:
                owner, delivery = held.pop(pick.randrange(len(held)))
                if not await owner.mark_sending(delivery):
                    continue
                match pick.randrange(4):
                    case 0:
                        await owner.dead_letter(delivery, "rejected", "550")
                    case 1:
                        await owner.reschedule(delivery, pick.randrange(30), "451", unknown=pick.random() < 0.2)
                    case _:
                        if await owner.complete(delivery, POSTED):
                            sent.append(delivery)
            case 6:
                clock.advance(pick.choice([5, 20, 600, 20_000]))
            case _:
                await Admin(store).replay([letter.id for letter in await Admin(store).dead()][:1])
        assert (await Admin(store).ledger()).imbalance == 0
    for _ in range(300):  # now everyone lives
        over(clock)
        await Admin(stores[0]).replay([letter.id for letter in await Admin(stores[0]).dead()])
        for channel in ("slack", "email"):
            sent += await send(stores[0], channel, POSTED)
        if not (await counts(stores[0])).get("pending"):
            break

    ledger = await counts(stores[0])
    assert ledger.get("pending", 0) == 0
    assert ledger.get("digested", 0) == collected
    windows = [one.event.document["from"] for one in sent if one.kind == "digest"]
    assert len(windows) == len(set(windows))
    assert await stores[0].redis.keys("{relay}:lane:*") == []


def _random(pick: random.Random, step: int) -> Event:
    maker = pick.choice(
        [events.started, events.completed, events.failed, lambda **op: events.progress(step % 101, **op)]
    )
    return maker(operationId=f"op-{pick.randrange(8)}")
