"""live: one delivery shows the present state of a run, however many events came."""

from collections.abc import Callable

import pytest

from relay.domain.deliveries import Receipt, Window
from relay.policy.retry import Pause
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import POSTED, accept, claim, claim_one, counts, lose, send
from tests.support.targets import team


class TestLiveMessages:
    async def test_a_lapsed_edit_is_repeated_freely(self, store: Store, clock: Clock) -> None:
        await accept(store, events.progress(10), to=team())
        await send(store)
        await accept(store, events.progress(20), to=team())
        for _ in range(3):
            delivery = await claim_one(store)
            await store.mark_sending(delivery)
            clock.advance(31)
            await lose(store)

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
        clock.advance(31)
        await lose(slow)
        await accept(fast, events.completed(), to=team())
        await send(fast)
        await slow.complete(old, POSTED)  # it woke up and says it has edited the message just now
        clock.advance(2)

        kinds = {(delivery.kind, delivery.event.name) for delivery in await claim(fast)}

        assert ("reply", "operation.completed") in kinds or ("live", "operation.completed") in kinds
        timeline = await Admin(fast).timeline(old.event.subject)
        assert timeline is not None
        assert "repair" in [line[1] for line in timeline.log]

    async def test_what_may_have_arrived_is_known_however_many_newer_states_come(
        self, store: Store, clock: Clock
    ) -> None:
        begun, trials = clock() + 5, []
        for percentage in range(10, 50, 10):
            await accept(store, events.progress(percentage), to=team())
            clock.advance(5)
            flying = await claim_one(store)
            trials.append(flying.trial)
            await store.mark_sending(flying)
            await accept(store, events.progress(percentage + 5), to=team())  # during the attempt
            await store.reschedule(flying, 0, "reset", unknown=True, refund_attempt=True, of_channel=True)

        assert [trial.faults for trial in trials] == [0, 1, 2, 3]
        assert {trial.doubted for trial in trials[1:]} == {begun}
        assert [trial.repeated for trial in trials[1:]] == [begun, begun + 5, begun + 10]
        assert await Admin(store).dead() == []

    async def test_what_was_set_aside_in_quiet_hours_and_may_have_arrived_is_begun_anew_with_the_mark(
        self, store: Store, clock: Clock
    ) -> None:
        await accept(store, events.progress(10), to=team())
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await store.reschedule(flying, 0, "reset", unknown=True)
        clock.advance(2)
        hours = {"*": Window(clock(), clock() + 8 * 3600)}
        aside = await store.claim("slack", 5, hours)
        clock.advance(9 * 3600)
        (roundup,) = await claim(store)
        await store.complete(roundup, Receipt("ok"))

        await accept(store, events.progress(20), to=team())
        clock.advance(20)
        anew = await send(store)
        await accept(store, events.progress(30), to=team())
        clock.advance(20)

        assert (aside.deliveries, anew.unknown, anew.thread) == ((), True, {})
        edit = await claim_one(store)
        assert (edit.unknown, edit.thread) == (False, POSTED.thread)

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
