"""claim, begin, complete, reschedule, bury: what happens to a delivery, whoever dies when."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from relay.domain.deliveries import Delivery, Gate, Limit, Receipt, Target, Window
from relay.domain.events import Event
from relay.errors import HandlingFailed
from relay.policy.presentation import presentation_for, reply_in_batch_thread
from relay.store import Store
from relay.store.admin import Admin
from relay.store.keys import operation
from relay.store.queue import Pause
from relay.store.suppressions import Suppressions
from tests.support import events
from tests.support.clock import Clock
from tests.support.targets import mail, room, team

POSTED = Receipt("C1/1.1", {"channel": "C1", "ts": "1.1"})


async def claim(store: Store, channel: str = "slack") -> list[Delivery]:
    return list((await store.claim(channel, 20)).deliveries)


async def claim_one(store: Store, channel: str = "slack") -> Delivery:
    (delivery,) = await claim(store, channel)
    return delivery


async def send(store: Store, channel: str = "slack", receipt: Receipt = POSTED) -> Delivery:
    delivery = await claim_one(store, channel)
    await store.mark_sending(delivery)
    await store.complete(delivery, receipt)
    return delivery


async def counts(store: Store) -> dict[str, int]:
    return dict((await Admin(store).ledger()).counts)


async def accept(store: Store, *given: Event, to: Target) -> None:
    for event in given:
        await store.accept(
            event, [replace(to, presentation=presentation_for(event), batch_reply=reply_in_batch_thread(event))]
        )


class TestLeases:
    async def test_a_claimed_delivery_is_nobody_elses(self, open_store: Callable[..., Store]) -> None:
        one, two = open_store(), open_store()
        await accept(one, events.completed(), to=room())
        await claim_one(one)

        assert await claim(two) == []

    async def test_a_lease_that_lapsed_before_the_send_is_claimed_again_at_no_cost(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        dead, alive = open_store(), open_store()
        await accept(dead, events.completed(), to=room())
        await claim_one(dead)
        clock.advance(dead.lease + 1)

        delivery = await claim_one(alive)

        assert (delivery.attempt, delivery.unknown) == (1, False)

    async def test_a_lease_that_lapsed_after_the_begin_marker_is_repeated_once_and_then_dead(
        self, store: Store, clock: Clock
    ) -> None:
        await accept(store, events.completed(), to=room())
        first = await claim_one(store)
        await store.mark_sending(first)
        clock.advance(store.lease + 1)
        second = await claim_one(store)
        await store.mark_sending(second)
        clock.advance(store.lease + 1)

        assert second.unknown
        assert await claim(store) == []
        (letter,) = await Admin(store).dead()
        assert letter.reason == "outcome_unknown"

    async def test_a_stale_worker_may_neither_begin_nor_complete(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        slow, fast = open_store(), open_store()
        await accept(slow, events.completed(), to=room())
        old = await claim_one(slow)
        clock.advance(slow.lease + 1)
        new = await claim_one(fast)

        assert not await slow.mark_sending(old)
        assert not await slow.complete(old, POSTED)
        assert await fast.mark_sending(new)
        assert await fast.complete(new, POSTED)
        assert (await counts(fast))["delivered"] == 1

    async def test_extending_keeps_a_lease(self, open_store: Callable[..., Store], clock: Clock) -> None:
        one, two = open_store(), open_store()
        await accept(one, events.completed(), to=room())
        delivery = await claim_one(one)
        for _ in range(5):
            clock.advance(one.lease - 1)
            await one.extend(delivery)

        assert await claim(two) == []

    async def test_a_released_delivery_is_due_at_once(self, open_store: Callable[..., Store]) -> None:
        one, two = open_store(), open_store()
        await accept(one, events.completed(), to=room())
        await one.release(await claim_one(one))

        assert (await claim_one(two)).attempt == 1

    async def test_a_claim_whose_answer_was_lost_is_given_again(self, open_store: Callable[..., Store]) -> None:
        store = open_store(worker="w")
        await accept(store, events.completed(), to=room())
        lost = await claim_one(open_store(worker="w"))  # same worker, same token: the answer never arrived

        again = await claim_one(store)

        assert again.id == lost.id

    async def test_a_delivery_that_kills_every_worker_is_buried(self, store: Store, clock: Clock) -> None:
        await accept(store, events.completed(), to=room())
        for _ in range(8):
            await claim_one(store)
            clock.advance(store.lease + 1)

        assert await claim(store) == []
        (letter,) = await Admin(store).dead()
        assert letter.reason == "worker_crashed"

    async def test_completing_twice_counts_once(self, store: Store) -> None:
        await accept(store, events.completed(), to=room())
        delivery = await send(store)
        await store.complete(delivery, POSTED)

        assert (await counts(store))["delivered"] == 1


class TestOrder:
    async def test_only_the_head_of_a_lane_is_due(self, store: Store) -> None:
        await accept(store, events.progress(10), events.progress(20), to=room())

        assert [delivery.event.percentage for delivery in await claim(store)] == [10]

    async def test_the_next_in_the_lane_follows_the_settled_head(self, store: Store) -> None:
        await accept(store, events.progress(10), events.progress(20), to=room())
        await send(store)

        assert (await claim_one(store)).event.percentage == 20

    async def test_a_buried_head_lets_the_next_pass(self, store: Store) -> None:
        await accept(store, events.progress(10), events.progress(20), to=room())
        head = await claim_one(store)
        await store.mark_sending(head)
        await store.dead_letter(head, "rejected", "no")

        assert (await claim_one(store)).event.percentage == 20

    async def test_other_operations_do_not_wait(self, store: Store) -> None:
        await accept(store, events.progress(10), events.progress(10, operationId="op-2"), to=room())

        assert len(await claim(store)) == 2

    async def test_an_outcome_overtakes_progress_that_was_not_told_yet(self, store: Store) -> None:
        await accept(store, events.progress(10), events.progress(20), events.completed(), to=room())

        told = [delivery.event.name for _ in range(3) for delivery in await claim(store)]

        assert told == ["operation.completed"]
        assert (await counts(store))["superseded"] == 2

    async def test_an_outcome_does_not_wait_for_the_back_off_of_progress(self, store: Store) -> None:
        await accept(store, events.progress(10), to=room())
        head = await claim_one(store)
        await store.mark_sending(head)
        await store.reschedule(head, 3600, "500")
        await accept(store, events.completed(), to=room())

        told = [delivery.event.name for _ in range(2) for delivery in await claim(store)]

        assert told == ["operation.completed"]
        assert (await counts(store))["superseded"] == 1

    async def test_urgent_deliveries_are_claimed_first(self, store: Store) -> None:
        await accept(store, *(events.progress(1, operationId=f"op-{n}") for n in range(30)), to=room())
        await accept(store, events.failed(operationId="op-bad"), to=room())

        first = (await store.claim("slack", 1)).deliveries[0]

        assert first.event.name == "operation.failed"


class TestRetries:
    async def test_a_failed_attempt_is_due_after_its_delay_and_not_before(self, store: Store, clock: Clock) -> None:
        await accept(store, events.completed(), to=mail())
        delivery = await claim_one(store, "email")
        await store.mark_sending(delivery)
        await store.reschedule(delivery, 60, "451 later")
        clock.advance(59)
        early = await claim(store, "email")
        clock.advance(1)

        again = await claim_one(store, "email")

        assert early == []
        assert (again.id, again.attempt) == (delivery.id, 2)

    async def test_a_free_attempt_is_not_counted(self, store: Store) -> None:
        await accept(store, events.completed(), to=mail())
        delivery = await claim_one(store, "email")
        await store.mark_sending(delivery)
        await store.reschedule(delivery, 0, "429", refund_attempt=True)

        assert (await claim_one(store, "email")).attempt == 1

    async def test_the_second_unknown_outcome_is_a_dead_letter(self, store: Store) -> None:
        await accept(store, events.completed(), to=mail())
        for _ in range(2):
            delivery = await claim_one(store, "email")
            await store.mark_sending(delivery)
            await store.reschedule(delivery, 0, "connection reset", unknown=True)

        (letter,) = await Admin(store).dead()
        assert letter.reason == "outcome_unknown"

    async def test_claim_says_when_the_next_is_due(self, store: Store) -> None:
        await accept(store, events.completed(), to=mail())
        delivery = await claim_one(store, "email")
        await store.mark_sending(delivery)
        await store.reschedule(delivery, 45, "451 later")

        assert (await store.claim("email", 5)).next_due == 45

    async def test_nothing_queued_says_so(self, store: Store) -> None:
        assert (await store.claim("email", 5)).next_due is None


class TestPausesAndLimits:
    async def test_a_limit_lets_one_through_per_period_in_order(self, store: Store, clock: Clock) -> None:
        limited = room(new_limits=(Limit("post:#room", 1.0),))
        await accept(store, *(events.completed(operationId=f"op-{n}") for n in range(3)), to=limited)
        told = []
        for _ in range(3):
            told.append(len(await claim(store)))
            clock.advance(1)

        assert told == [1, 1, 1]

    async def test_a_burst_passes_at_once(self, store: Store) -> None:
        limited = room(new_limits=(Limit("post:#room", 1.0, burst=3),))
        await accept(store, *(events.completed(operationId=f"op-{n}") for n in range(5)), to=limited)

        assert len(await claim(store)) == 3

    async def test_a_throttled_limit_is_not_called_early_and_others_are_not_touched(
        self, store: Store, clock: Clock
    ) -> None:
        limited = room(new_limits=(Limit("post:#room", 1.0),))
        other = room(destination="other", address="#other", new_limits=(Limit("post:#other", 1.0),))
        await store.accept(events.completed(), [limited])
        delivery = await claim_one(store)
        await store.mark_sending(delivery)
        await store.reschedule(delivery, 30, "429", refund_attempt=True, holds=[Pause("limit:post:#room", 30, "429")])
        await store.accept(events.completed(operationId="op-2"), [limited, other])
        other_delivery = await claim_one(store)
        now = [other_delivery.destination]
        clock.advance(28)
        early = await claim(store)
        await store.complete(other_delivery, POSTED)
        clock.advance(2)

        assert now == ["other"]
        assert early == []
        assert len(await claim(store)) == 1

    async def test_a_broken_destination_is_probed_by_one_and_the_rest_follow_its_success(
        self, store: Store, clock: Clock
    ) -> None:
        await accept(store, *(events.completed(operationId=f"op-{n}") for n in range(3)), to=room())
        first, *others = await claim(store)
        for delivery in (first, *others):
            await store.mark_sending(delivery)
            hold = Pause("destination:room/#room", 60, "gone", probe=True)
            await store.reschedule(delivery, 60, "channel_not_found", refund_attempt=True, holds=[hold])
        clock.advance(61)
        probe = await claim(store)
        assert len(probe) == 1
        await store.mark_sending(probe[0])
        await store.complete(probe[0], POSTED)
        clock.advance(store.lease)

        assert len(await claim(store)) == 2

    async def test_a_paused_channel_is_named_with_its_reason_until_it_works_again(
        self, store: Store, clock: Clock
    ) -> None:
        await accept(store, events.completed(), to=mail())
        delivery = await claim_one(store, "email")
        await store.mark_sending(delivery)
        await store.reschedule(
            delivery, 60, "535", refund_attempt=True, holds=[Pause("channel:email", 60, "535 no", probe=True)]
        )
        named = await Admin(store).pauses(["channel:email", "channel:slack"])
        clock.advance(61)
        await send(store, "email", Receipt("250"))

        assert named == {"channel:email": "535 no"}
        assert await Admin(store).pauses(["channel:email"]) == {}

    async def test_the_reserve_of_a_burst_is_for_outcomes(self, store: Store, clock: Clock) -> None:
        limited = team(edit_limits=(Limit("edit", 2.0, 5, reserve=3),), new_limits=())
        for number in range(6):
            await accept(store, events.progress(10, operationId=f"op-{number}"), to=limited)
        for delivery in await claim(store):
            await store.mark_sending(delivery)
            await store.complete(delivery, POSTED)
        for number in range(6):
            await accept(store, events.progress(20, operationId=f"op-{number}"), to=limited)
        progress = {delivery.event.subject for delivery in await claim(store)}
        for name in sorted({f"op-{number}" for number in range(6)} - progress)[:2]:
            await accept(store, events.completed(operationId=name), to=limited)

        outcomes = [delivery for delivery in await claim(store) if delivery.kind == "live"]

        assert (len(progress), [delivery.event.status for delivery in outcomes]) == (2, ["Completed", "Completed"])

    async def test_outcomes_leave_before_stalled_runs_these_before_failed_phases_and_progress_last(
        self, store: Store
    ) -> None:
        phase = events.body("operation.phase.completed", 30, operationId="op-3")
        given = [
            events.progress(10, operationId="op-4"),
            events.event_of(phase | {"phase": {"phaseName": "Load", "status": "Failed"}}),
            events.event_of(events.body("operation.stalled", 10, operationId="op-2", status="Stalled")),
            events.completed(operationId="op-1"),
        ]
        await accept(store, *given, to=room())

        told = [(await store.claim("slack", 1)).deliveries[0].event.subject for _ in given]

        assert told == ["op-1", "op-2", "op-3", "op-4"]


class TestLiveMessages:
    async def test_a_short_run_is_told_once_with_its_outcome(self, store: Store, clock: Clock) -> None:
        live = team(post_after=60)
        await accept(store, events.started(), to=live)
        clock.advance(59)
        before = await claim(store)
        await accept(store, events.completed(), to=live)

        delivery = await send(store)

        assert before == []
        assert (delivery.kind, delivery.event.name) == ("live", "operation.completed")
        assert await claim(store) == []

    async def test_a_run_that_lasts_is_posted_after_its_hold(self, store: Store, clock: Clock) -> None:
        await accept(store, events.started(), to=team(post_after=60))
        clock.advance(60)

        assert (await claim_one(store)).kind == "live"

    async def test_newer_states_replace_the_one_that_waits(self, store: Store) -> None:
        await accept(store, *(events.progress(p) for p in range(10, 60, 10)), to=team())

        delivery = await claim_one(store)

        assert delivery.event.percentage == 50
        assert (await counts(store))["superseded"] == 4

    async def test_an_edit_gets_what_the_post_left(self, store: Store) -> None:
        await accept(store, events.progress(10), to=team())
        await send(store)
        await accept(store, events.progress(20), to=team())

        assert (await claim_one(store)).thread == {"channel": "C1", "ts": "1.1"}

    async def test_edits_keep_their_interval_but_an_outcome_does_not_wait(self, store: Store, clock: Clock) -> None:
        live = team(min_interval=15)
        await accept(store, events.progress(10), to=live)
        await send(store)
        await accept(store, events.progress(20), to=live)
        early = await claim(store)
        await accept(store, events.completed(), to=live)

        outcome = await claim_one(store)

        assert early == []
        assert outcome.event.name == "operation.completed"

    async def test_the_outcome_is_also_a_reply_below_a_message_that_stands(self, store: Store, clock: Clock) -> None:
        await accept(store, events.progress(10), to=team())
        await send(store)
        await accept(store, events.completed(), to=team())
        edit = await send(store)
        clock.advance(2)

        reply = await send(store)

        assert (edit.kind, reply.kind) == ("live", "reply")
        assert reply.thread == {"channel": "C1", "ts": "1.1"}

    async def test_a_cancel_is_shown_by_the_edit_alone(self, store: Store) -> None:
        await accept(store, events.progress(10), to=team())
        await send(store)
        await accept(store, events.cancelled(), to=team())
        await send(store)

        assert (await counts(store))["pending"] == 0

    async def test_an_outcome_during_the_first_post_is_not_told_twice(self, store: Store, clock: Clock) -> None:
        await accept(store, events.progress(10), to=team())
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await accept(store, events.completed(), to=team())
        await store.reschedule(flying, 0, "500 before it was taken")  # so the next post shows the outcome itself
        clock.advance(2)
        await send(store)
        clock.advance(2)

        assert await claim(store) == []
        assert (await counts(store))["pending"] == 0

    async def test_an_event_during_an_edit_leads_to_one_more_edit(self, store: Store, clock: Clock) -> None:
        await accept(store, events.progress(10), to=team())
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await accept(store, events.progress(20), events.progress(30), to=team())
        await store.complete(flying, POSTED)
        clock.advance(15)

        assert (await claim_one(store)).event.percentage == 30

    async def test_a_lapsed_edit_is_repeated_freely(self, store: Store, clock: Clock) -> None:
        await accept(store, events.progress(10), to=team())
        await send(store)
        await accept(store, events.progress(20), to=team())
        for _ in range(3):
            delivery = await claim_one(store)
            await store.mark_sending(delivery)
            clock.advance(store.lease + 1)

        assert (await claim_one(store)).unknown is False

    async def test_a_stale_worker_that_touched_a_live_message_causes_a_repair(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        slow, fast = open_store(), open_store()
        await accept(slow, events.progress(10), to=team())
        await send(slow)
        await accept(slow, events.progress(20), to=team())
        old = await claim_one(slow)
        await slow.mark_sending(old)
        clock.advance(slow.lease + 1)
        await accept(fast, events.completed(), to=team())
        await send(fast)
        await slow.complete(old, POSTED)  # it woke up and says it has edited the message just now
        clock.advance(2)

        kinds = {(delivery.kind, delivery.event.name) for delivery in await claim(fast)}

        assert ("reply", "operation.completed") in kinds or ("live", "operation.completed") in kinds
        timeline = await Admin(fast).timeline(old.event.subject)
        assert timeline is not None
        assert "repair" in [line[1] for line in timeline.log]

    async def test_an_unknown_event_is_told_beside_the_live_message(self, store: Store, clock: Clock) -> None:
        await accept(store, events.progress(10), to=team())
        await send(store)
        await accept(store, events.event_of(events.body("operation.audited")), to=team())
        clock.advance(2)

        delivery = await claim_one(store)

        assert (delivery.kind, delivery.event.name) == ("reply", "operation.audited")

    async def test_small_steps_are_held_unless_the_phase_changes(self, store: Store) -> None:
        live = team(gates=(Gate(5),))
        await accept(store, events.progress(10), to=live)
        small = await store.accept(events.progress(12), [live])
        document = events.body(percentage=13)
        document["operation"]["progress"]["currentPhase"] = "Report Generation"

        phase = await store.accept(events.event_of(document), [live])

        assert small.held == (("team", "increment"),)
        assert phase.deliveries == 1

    async def test_repeats_stay_bounded_while_newer_states_keep_coming(self, store: Store, clock: Clock) -> None:
        posts = 0
        for percentage in range(10, 90, 10):
            await accept(store, events.progress(percentage), to=team())
            clock.advance(5)
            for flying in await claim(store):
                await store.mark_sending(flying)
                posts += 1
                await accept(store, events.progress(percentage + 5), to=team())  # during the attempt
                await store.reschedule(flying, 0, "reset", unknown=True)
            if await Admin(store).dead():
                break

        assert posts == 2
        (letter,) = await Admin(store).dead()
        assert letter.reason == "outcome_unknown"

    async def test_a_newer_state_keeps_the_back_off_of_the_one_it_replaces(self, store: Store, clock: Clock) -> None:
        await accept(store, events.progress(10), to=team())
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await accept(store, events.progress(20), to=team())
        await store.reschedule(flying, 300, "500")
        clock.advance(299)

        assert await claim(store) == []
        clock.advance(1)
        assert (await claim_one(store)).attempt == 2

    async def test_a_failure_that_was_not_posted_yet_is_told_before_its_retry(self, store: Store, clock: Clock) -> None:
        await accept(store, events.failed(), to=team(post_after=0))
        await accept(store, events.progress(10, retryNumber=1), to=team(post_after=0))
        failure = await send(store)
        clock.advance(2)

        retry = await send(store)

        assert (failure.kind, failure.event.status) == ("reply", "Failed")
        assert (retry.kind, retry.event.status) == ("live", "Running")
        assert (await counts(store))["pending"] == 0

    @pytest.mark.parametrize("arrives", [True, False])
    async def test_a_failure_whose_first_post_is_under_way_is_told_once_also_if_its_retry_starts_meanwhile(
        self, store: Store, clock: Clock, *, arrives: bool
    ) -> None:
        await accept(store, events.failed(), to=team())
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await accept(store, events.progress(10, retryNumber=1), to=team())
        if arrives:
            await store.complete(flying, POSTED)
        else:
            await store.reschedule(flying, 0, "503")
        clock.advance(2)
        told = [] if arrives else [await send(store)]
        clock.advance(20)
        told.append(await send(store))

        kinds = [(delivery.kind, delivery.event.status) for delivery in told]
        assert kinds == ([] if arrives else [("reply", "Failed")]) + [("live", "Running")]
        assert (await counts(store))["pending"] == 0
        assert await store.redis.keys("{relay}:event:*") == []

    async def test_a_failure_whose_first_post_died_may_be_replayed_while_its_retry_runs(
        self, store: Store, clock: Clock
    ) -> None:
        await accept(store, events.failed(), to=team())
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await accept(store, events.progress(10, retryNumber=1), to=team())
        await store.dead_letter(flying, "rejected", "no")
        clock.advance(2)
        await send(store)
        await Admin(store).replay([flying.id])
        clock.advance(2)

        replayed = await send(store)

        assert (replayed.kind, replayed.event.status) == ("reply", "Failed")

    async def test_not_even_an_outcome_comes_before_a_retry_after(self, store: Store, clock: Clock) -> None:
        await accept(store, events.progress(10), to=team())
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await store.reschedule(flying, 300, "503", holds=[Pause("lane", 300, "503")])
        await accept(store, events.completed(), to=team())
        early = []
        for _ in range(59):
            clock.advance(5)
            early += await claim(store)
        clock.advance(6)

        assert early == []
        assert (await claim_one(store)).event.name == "operation.completed"

    async def test_an_event_during_an_edit_keeps_its_distance_from_it(self, store: Store, clock: Clock) -> None:
        live = team(min_interval=15)
        await accept(store, events.progress(10), to=live)
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await accept(store, events.progress(20), to=live)
        clock.advance(2)
        await store.complete(flying, POSTED)
        clock.advance(14)

        assert await claim(store) == []
        clock.advance(1)
        assert (await claim_one(store)).event.percentage == 20

    async def test_a_repeated_completion_causes_no_repair(self, store: Store, clock: Clock) -> None:
        await accept(store, events.progress(10), to=team())
        delivery = await send(store)
        await store.complete(delivery, POSTED)
        clock.advance(60)

        assert await claim(store) == []

    async def test_replaying_an_old_state_does_not_disturb_the_one_being_sent(self, store: Store, clock: Clock) -> None:
        await accept(store, events.progress(10), to=team())
        dead = await claim_one(store)
        await store.mark_sending(dead)
        await store.dead_letter(dead, "rejected", "no")
        await accept(store, events.progress(20), to=team())
        clock.advance(2)
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await accept(store, events.progress(30), to=team())
        await Admin(store).replay([dead.id])
        clock.advance(2)

        assert await claim(store) == []
        assert await store.complete(flying, POSTED)


class TestFaults:
    async def test_a_poisoned_request_leaves_its_neighbours_alone(self, store: Store) -> None:
        for name in ("op-1", "op-2"):
            await accept(store, events.completed(operationId=name), to=room())
        poisoned, healthy = await claim(store)
        await asyncio.gather(store.mark_sending(poisoned), store.mark_sending(healthy))

        answers = await asyncio.gather(store._settle("nonsense", poisoned), store.complete(healthy, Receipt("ok")))

        assert answers == [False, True]

    async def test_what_could_not_be_settled_is_found_again(self, store: Store, clock: Clock) -> None:
        await accept(store, events.completed(), to=room())
        delivery = await claim_one(store)
        await store.mark_sending(delivery)
        await store._settle("nonsense", delivery)
        clock.advance(store.lease + 1)

        assert (await claim_one(store)).id == delivery.id

    async def test_no_pause_lasts_longer_than_a_day(self, store: Store, clock: Clock) -> None:
        await accept(store, events.completed(), to=room())
        delivery = await claim_one(store)
        await store.mark_sending(delivery)
        await store.reschedule(delivery, 1, "503", holds=[Pause("lane", 1e30, "a Retry-After without end")])
        clock.advance(86_401)

        assert (await claim_one(store)).id == delivery.id

    async def test_half_a_surrogate_pair_in_an_error_is_no_poison(self, store: Store) -> None:
        await accept(store, events.completed(), to=room())
        delivery = await claim_one(store)
        await store.mark_sending(delivery)

        assert await store.dead_letter(delivery, "rejected", "bad \ud800 text")

    async def test_an_event_that_redis_could_not_take_is_accepted_at_the_next_try(self, store: Store) -> None:
        event = events.completed()
        name = "{relay}:log:" + operation(event.subject)
        await store.redis.set(name, "not a list")
        with pytest.raises(HandlingFailed):
            await store.accept(event, [room()])
        await store.redis.delete(name)

        assert (await store.accept(event, [room()])).status == "accepted"

    async def test_a_lost_claim_is_given_again_whatever_the_other_channel_did(
        self, open_store: Callable[..., Store]
    ) -> None:
        one, other = open_store(worker="w"), open_store(worker="w")
        await one.accept(events.completed(), [room(), mail()])
        lost = await claim_one(other)
        await claim(one, "email")

        assert (await claim_one(one)).id == lost.id

    async def test_more_thin_events_than_connections_find_their_facts(self, store: Store) -> None:
        await store.accept(events.started(), [])

        found = await asyncio.gather(*(store.known(events.started().subject) for _ in range(300)))

        assert all(facts["priority"] == "High" for facts in found)


class TestDeadLetters:
    async def bury(self, store: Store) -> str:
        await accept(store, events.failed(), to=mail())
        delivery = await claim_one(store, "email")
        await store.mark_sending(delivery)
        await store.dead_letter(delivery, "rejected", "550 5.1.1 no such user")
        return delivery.id

    async def test_a_dead_letter_keeps_its_reason_and_its_event(self, store: Store) -> None:
        name = await self.bury(store)

        letter = await Admin(store).dead_letter(name)

        assert letter is not None
        assert (letter.reason, letter.error, letter.address) == (
            "rejected",
            "550 5.1.1 no such user",
            "analyst@example.com",
        )
        assert "SOURCE_TIMEOUT" in letter.body

    async def test_replaying_starts_afresh_and_only_once(self, store: Store) -> None:
        name = await self.bury(store)

        replayed = [await Admin(store).replay([name]), await Admin(store).replay([name])]

        assert replayed == [1, 0]
        assert (await claim_one(store, "email")).attempt == 1

    async def test_dropping_frees_everything(self, store: Store) -> None:
        name = await self.bury(store)

        await Admin(store).drop([name])

        assert await Admin(store).dead() == []
        assert await store.redis.keys("{relay}:event:*") + await store.redis.keys("{relay}:delivery:*") == []
        assert (await counts(store))["dropped"] == 1


class TestMemory:
    async def test_delivered_events_leave_only_what_is_known_of_the_operation(self, store: Store) -> None:
        await store.accept(events.completed(), [mail(), room()])
        await send(store)
        await send(store, "email")

        left = {key.decode().split(":")[1] for key in await store.redis.keys("*")}

        assert left <= {"ledger", "operation", "log", "seen", "schema", "rate", "claimed", "thread"}

    async def test_everything_that_stays_behind_expires(self, store: Store) -> None:
        await store.accept(events.completed(), [mail(), team()])
        await send(store)
        await send(store, "email")
        forever = {"ledger", "schema"}

        lasting = [key for key in await store.redis.keys("*") if await store.redis.ttl(key) < 0]

        assert {key.decode().split(":")[1] for key in lasting} <= forever


@pytest.mark.parametrize("seed", range(15))
async def test_any_interleaving_balances_the_ledger(open_store: Callable[..., Store], clock: Clock, seed: int) -> None:
    """Random events, claims, deaths and settlings on two workers: nothing is lost or counted twice."""
    pick = random.Random(seed)
    stores, held = [open_store(), open_store()], []
    makers = [events.started, events.completed, events.failed, lambda **op: events.progress(pick.randrange(101), **op)]
    for _ in range(150):
        store = pick.choice(stores)
        match pick.randrange(8):
            case 0 | 1 | 2:
                event = pick.choice(makers)(operationId=f"op-{pick.randrange(4)}")
                start = clock() // 600 * 600
                windows = (Window(start, start + 600), Window(start + 600, start + 1200))
                digest = mail(destination="digest", mode="digest", windows=windows)
                await store.accept(
                    event, pick.sample([team(new_message_cap=(1, 60.0)), room(), mail(), digest], pick.randrange(5))
                )
            case 3 | 4:
                held += [(store, one) for one in await claim(store, pick.choice(["slack", "email"]))]
            case 5 if held:
                owner, delivery = held.pop(pick.randrange(len(held)))
                await owner.mark_sending(delivery)
                match pick.randrange(4):
                    case 0:
                        await owner.dead_letter(delivery, "rejected", "550", bounce=pick.choice(["", "soft", "hard"]))
                    case 1:
                        await owner.reschedule(delivery, pick.randrange(30), "451", unknown=pick.random() < 0.3)
                    case _:
                        await owner.complete(delivery, POSTED)
            case 6:
                clock.advance(pick.randrange(40))
                change = pick.choice([Suppressions(store).add, Suppressions(store).remove])
                await change("analyst@example.com", pick.choice(["analysts", "*"]))
            case _:
                await Admin(store).replay([letter.id for letter in await Admin(store).dead()][:1])
        assert (await Admin(store).ledger()).imbalance == 0
    for _ in range(400):  # now everyone lives: all that is pending gets through
        clock.advance(31)
        for channel in ("slack", "email"):
            for delivery in await claim(stores[0], channel):
                await stores[0].mark_sending(delivery)
                await stores[0].complete(delivery, POSTED)
        if (await counts(stores[0])).get("pending", 0) == 0:
            break

    ledger = await Admin(stores[0]).ledger()
    assert ledger.counts.get("pending", 0) == 0
    assert ledger.imbalance == 0
    assert await stores[0].redis.keys("{relay}:lane:*") == []
