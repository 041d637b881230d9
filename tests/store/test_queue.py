"""claim, begin, complete, reschedule, dead_letter: what happens to a delivery, whoever dies when."""

from collections.abc import Callable

from relay.domain.deliveries import Limit, Receipt
from relay.store import Store
from relay.store.admin import Admin
from relay.store.settling import Pause
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import POSTED, accept, claim, claim_one, counts, send
from tests.support.targets import mail, room, team


class TestLeases:
    async def test_what_ends_every_worker_that_sends_it_is_given_up_after_eight(
        self, store: Store, clock: Clock
    ) -> None:
        await accept(store, events.completed(), to=room())
        unknown = []
        while deliveries := await claim(store):
            unknown.append(deliveries[0].unknown)
            await store.mark_sending(deliveries[0])
            clock.advance(store.lease + 1)

        assert unknown == [False, *[True] * 7]
        (letter,) = await Admin(store).dead()
        assert letter.reason == "worker_crashed"

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

    async def test_extending_keeps_a_lease_until_it_ends(self, open_store: Callable[..., Store], clock: Clock) -> None:
        one, two = open_store(), open_store()
        await accept(one, events.completed(), to=room())
        delivery = await claim_one(one)
        for _ in range(5):
            clock.advance(one.lease - 1)
            await one.extend(delivery)

        assert await claim(two) == []
        clock.advance(one.lease + 1)
        assert (await claim_one(two)).id == delivery.id

    async def test_a_claim_whose_answer_was_lost_is_given_again(self, open_store: Callable[..., Store]) -> None:
        store = open_store(worker="w")
        await accept(store, events.completed(), to=room())
        lost = await claim_one(open_store(worker="w"))  # same worker, same token: the answer never arrived

        again = await claim_one(store)

        assert again.id == lost.id


class TestOrder:
    async def test_an_outcome_does_not_wait_for_the_back_off_of_progress(self, store: Store) -> None:
        await accept(store, events.progress(10), to=room())
        head = await claim_one(store)
        await store.mark_sending(head)
        await store.reschedule(head, 3600, "500")
        await accept(store, events.completed(), to=room())

        told = [delivery.event.name for _ in range(2) for delivery in await claim(store)]

        assert told == ["operation.completed"]
        assert (await counts(store))["superseded"] == 1


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

    async def test_nothing_is_given_up_because_its_outcome_is_unknown(self, store: Store) -> None:
        await accept(store, events.completed(), to=mail())
        for _ in range(4):
            delivery = await claim_one(store, "email")
            await store.mark_sending(delivery)
            await store.reschedule(delivery, 0, "connection reset", unknown=True)

        assert (await claim_one(store, "email")).attempt == 5


class TestPausesAndLimits:
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
        named = await Admin(store).paused(["channel:email", "channel:slack"])
        clock.advance(61)
        await send(store, "email", Receipt("250"))

        assert [(scope, why) for scope, (_, why) in named.items()] == [("channel:email", "535 no")]
        assert await Admin(store).paused(["channel:email"]) == {}

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
