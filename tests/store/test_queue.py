"""claim, begin, complete, reschedule, dead_letter: what happens to a delivery, whoever dies when."""

from collections.abc import Callable

from relay.domain.deliveries import Limit
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import POSTED, accept, claim, claim_one, counts, lose
from tests.support.targets import mail, room, team


class TestHandOuts:
    async def test_what_ends_every_worker_that_sends_it_is_given_up_after_eight(
        self, store: Store, clock: Clock
    ) -> None:
        await accept(store, events.completed(), to=room())
        unknown = []
        while deliveries := await claim(store):
            unknown.append(deliveries[0].unknown)
            await store.mark_sending(deliveries[0])
            clock.advance(31)
            await lose(store)

        assert unknown == [False, *[True] * 7]
        (letter,) = await Admin(store).dead()
        assert letter.reason == "worker_crashed"

    async def test_a_stale_worker_may_neither_begin_nor_complete(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        slow, fast = open_store(), open_store()
        await accept(slow, events.completed(), to=room())
        old = await claim_one(slow)
        clock.advance(31)
        await lose(slow)
        new = await claim_one(fast)

        assert not await slow.mark_sending(old)
        assert not await slow.complete(old, POSTED)
        assert await fast.mark_sending(new)
        assert await fast.complete(new, POSTED)
        assert (await counts(fast))["delivered"] == 1


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
    async def test_a_free_attempt_is_not_counted(self, store: Store) -> None:
        await accept(store, events.completed(), to=mail())
        delivery = await claim_one(store, "email")
        await store.mark_sending(delivery)
        await store.reschedule(delivery, 0, "429", refund_attempt=True)

        assert (await claim_one(store, "email")).attempt == 1


class TestPausesAndLimits:
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
