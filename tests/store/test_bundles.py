"""Bundles: each entry in one digest, once, whoever dies when."""

import random
from collections.abc import Callable, Sequence

import pytest

from relay.domain.deliveries import Delivery, Target, Window
from relay.domain.events import Event
from relay.policy.presentation import presentation_for
from relay.store import Store
from relay.store.admin import Admin
from tests.support import events
from tests.support.bundles import DAY, POSTED, SENT, claim, counts, digest, next_day, night, send, statuses
from tests.support.clock import Clock
from tests.support.targets import changed, mail, room, team


class TestDigests:
    async def test_an_entry_is_told_at_the_windows_end_and_not_before(self, store: Store, clock: Clock) -> None:
        accepted = await store.accept(events.completed(operationId="a"), [digest(clock())])
        early = await claim(store)
        next_day(clock)

        (delivery,) = await send(store)

        assert (accepted.deliveries, early) == (1, [])
        assert (delivery.kind, delivery.event.name, statuses(delivery)) == ("digest", "digest", {"a": "Completed"})
        assert await counts(store) | {"received": 0, "events": 0} == {
            "received": 0, "events": 0, "accepted": 2, "digested": 1, "delivered": 1,
        }  # fmt: skip

    async def test_of_an_operation_the_newest_state_is_told_with_all_that_was_said(
        self, store: Store, clock: Clock
    ) -> None:
        target = digest(clock())
        for event in (events.started(), events.progress(40), events.progress(60), events.failed()):
            await store.accept(event, [target])
        next_day(clock)

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
        next_day(clock)

        (delivery,) = await claim(store)

        (row,) = delivery.event.document["entries"]
        assert (row["status"], row["retry"], row.get("error")) == ("Running", 1, None)
        assert row["name"] == "Comprehensive Customer Journey Analysis"

    async def test_what_is_no_state_takes_the_place_of_none(self, store: Store, clock: Clock) -> None:
        audited = events.body("operation.audited", 100, status=None, operationName="Audit", retryNumber=None)
        await store.accept(events.completed(retryNumber=1), [digest(clock())])
        await store.accept(events.event_of(audited), [digest(clock())])
        next_day(clock)

        (delivery,) = await claim(store)

        (row,) = delivery.event.document["entries"]
        assert (row["status"], row["retry"]) == ("Completed", 1)

    async def test_however_long_its_window_a_digest_is_as_old_as_its_end(self, store: Store, clock: Clock) -> None:
        start = clock() // DAY * DAY
        week = digest(clock(), windows=(Window(start, start + 7 * DAY), Window(start + 7 * DAY, start + 14 * DAY)))
        await store.accept(events.completed(), [week])
        next_day(clock, 7)

        (delivery,) = await claim(store)

        assert delivery.created_at.timestamp() == start + 7 * DAY

    async def test_what_comes_after_the_seal_is_in_the_next_digest_alone(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        await store.accept(events.progress(10, operationId="a", operationName="a"), [target])
        next_day(clock)
        (first,) = await claim(store)  # sealed, not sent yet
        await store.accept(events.completed(operationId="a", operationName="a"), [target])  # before the window's end
        await store.accept(events.completed(operationId="b", operationName="b"), [target])
        await store.mark_sending(first)
        await store.complete(first, SENT)
        await store.accept(events.completed(operationId="c", operationName="c"), [target])
        between = await claim(store)
        next_day(clock)

        (second,) = await send(store)

        assert (statuses(first), between) == ({"a": "Running"}, [])
        assert statuses(second) == {"a": "Completed", "b": "Completed", "c": "Completed"}

    async def test_a_crash_between_seal_and_send_tells_the_same_once(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        dead, alive = open_store(), open_store()
        target = digest(clock())
        await dead.accept(events.completed(operationId="a"), [target])
        next_day(clock)
        (lost,) = await claim(dead)
        await alive.accept(events.completed(operationId="b"), [target])
        clock.advance(dead.lease + 1)

        (again,) = await send(alive)

        assert (again.id, again.attempt, statuses(again)) == (lost.id, 1, statuses(lost))
        assert not await dead.complete(lost, SENT)
        assert await claim(alive) == []

    async def test_a_kill_after_the_send_repeats_the_very_same_mail(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        dead, alive = open_store(), open_store()
        await dead.accept(events.completed(), [digest(clock())])
        next_day(clock)
        seen = []
        for store in (dead, alive):
            (delivery,) = await claim(store)
            await store.mark_sending(delivery)
            seen.append((delivery.id, delivery.event.document))
            clock.advance(store.lease + 1)

        assert seen[0] == seen[1]
        assert await Admin(alive).dead() == []

    async def test_a_dead_digest_is_replayed_with_its_entries(self, store: Store, clock: Clock) -> None:
        await store.accept(events.completed(operationId="a"), [digest(clock())])
        next_day(clock)
        (delivery,) = await claim(store)
        await store.mark_sending(delivery)
        await store.dead_letter(delivery, "rejected", "550")
        next_day(clock, 20)
        await Admin(store).replay([delivery.id])

        (again,) = await send(store)

        assert statuses(again) == {"a": "Completed"}

    async def test_two_workers_send_one_digest(self, open_store: Callable[..., Store], clock: Clock) -> None:
        one, two = open_store(), open_store()
        target = digest(clock())
        for number, store in enumerate((one, two, one, two)):
            await store.accept(events.completed(operationId=f"op-{number}"), [target])
        next_day(clock)

        found = [*await claim(one), *await claim(two)]

        assert [each.event.document["totals"]["completed"] for each in found] == [4]

    async def test_downtime_over_a_windows_end_makes_it_late_and_nothing_more(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        before = open_store()
        await before.accept(events.completed(operationId="a"), [digest(clock())])
        next_day(clock, 3)
        after = open_store()
        await after.accept(events.completed(operationId="b"), [digest(clock())])

        (late,) = await send(after)
        next_day(clock)
        (next_one,) = await send(after)

        assert (statuses(late), statuses(next_one)) == ({"a": "Completed"}, {"b": "Completed"})

    async def test_each_recipient_has_a_digest_of_its_own(self, store: Store, clock: Clock) -> None:
        targets = [digest(clock(), address=f"{name}@example.com") for name in "ab"]
        await store.accept(events.completed(), targets)
        next_day(clock)

        assert sorted(delivery.address for delivery in await send(store)) == ["a@example.com", "b@example.com"]

    async def test_clocks_further_apart_than_windows_lose_nothing(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        for name in "ab":
            await store.accept(events.completed(operationId=name), [target])
            next_day(clock)
            await send(store)
        next_day(clock)

        await store.accept(events.completed(operationId="c"), [target])

        assert [statuses(one) for one in await send(store)] == [{"c": "Completed"}]

    async def test_the_next_digest_knows_what_the_last_one_said(self, store: Store, clock: Clock) -> None:
        await store.accept(events.completed(operationId="a"), [digest(clock())])
        await store.accept(events.failed(operationId="b"), [digest(clock())])
        next_day(clock)
        (first,) = await send(store)
        await store.accept(events.completed(operationId="c"), [digest(clock())])
        next_day(clock)

        (second,) = await claim(store)

        assert first.event.document["before"] is None
        before = second.event.document["before"]
        assert (before["completed"], before["failed"], before["to"]) == (1, 1, first.event.document["to"])

    async def test_no_digest_of_nothing_unless_it_is_asked_for(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        ensured = [await store.bundles.schedule(target, target.how.windows[0]) for _ in range(3)]
        next_day(clock)

        (delivery,) = await send(store)

        assert (ensured, statuses(delivery)) == ([True, False, False], {})
        assert not await store.bundles.schedule(target, target.how.windows[0])

    async def test_an_ensured_window_and_its_entries_are_one_digest(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        await store.bundles.schedule(target, target.how.windows[0])
        await store.accept(events.completed(operationId="a"), [target])
        next_day(clock)

        assert [statuses(one) for one in await send(store)] == [{"a": "Completed"}]

    async def test_sent_before_its_time_the_rest_comes_at_the_end(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        await store.accept(events.completed(operationId="a"), [target])
        sent = [await store.bundles.send_now(target, target.how.windows[0]) for _ in range(2)]
        (now,) = await send(store)
        await store.accept(events.completed(operationId="b"), [target])
        between = await claim(store)
        next_day(clock)
        (rest,) = await send(store)

        assert (sent, between) == ([True, False], [])
        assert (statuses(now), statuses(rest)) == ({"a": "Completed"}, {"b": "Completed"})
        assert now.event.document["to"] == rest.event.document["from"]

    async def test_a_window_whose_all_was_sent_early_says_nothing_more(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        await store.accept(events.completed(), [target])
        await store.bundles.send_now(target, target.how.windows[0])
        await send(store)
        next_day(clock)

        assert await send(store) == []
        assert (await counts(store)).get("pending") is None

    async def test_a_preview_shows_what_is_there_and_changes_nothing(self, store: Store, clock: Clock) -> None:
        target = digest(clock())
        await store.accept(events.completed(operationId="a"), [target])

        shown = await store.bundles.preview(target, target.how.windows[0])
        next_day(clock)
        (delivery,) = await send(store)

        assert shown.document == delivery.event.document

    async def test_a_reader_who_unsubscribed_gets_no_digest(self, store: Store, clock: Clock) -> None:
        await store.accept(events.completed(), [digest(clock())])
        await store.partitions[0].run("suppress", ["add", "daily", "analyst@example.com", "unsubscribed", ""])
        next_day(clock)

        assert await send(store) == []

    async def test_nothing_stays_behind_forever(self, store: Store, clock: Clock) -> None:
        await store.accept(
            events.completed(), [digest(clock()), night(clock(), mail()), team(new_message_cap=(1, 600.0))]
        )
        await store.accept(events.completed(operationId="b"), [team(new_message_cap=(1, 600.0))])
        await send(store, "slack", POSTED)
        clock.advance(60)
        await send(store, "slack", POSTED)
        next_day(clock, 2)
        await send(store)

        lasting = [key for key in await store.redis.keys("*") if await store.redis.ttl(key) < 0]

        forever = {
            "ledger",
            "schema",
            "partitions",
            "channels",
            "job",
            "jobs",
        }  # of jobs there are so many (test_jobs.py)
        assert {key.decode().split(":")[1] for key in lasting} <= forever
        assert await store.redis.keys("{relay}:lane:*") + await store.redis.keys("{relay}:delivery:*") == []


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
                        changed(
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
        next_day(clock)
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
