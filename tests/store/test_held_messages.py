"""What would be a new message in quiet hours, or above the cap, goes into a bundle instead."""

from typing import Any

from relay.domain.deliveries import Delivery, Presentation, Receipt
from relay.store import Store
from tests.support import events
from tests.support.bundles import claim, night, send, statuses
from tests.support.clock import Clock
from tests.support.queue import POSTED, counts
from tests.support.targets import changed, room, team


class TestQuietHours:
    async def test_in_the_morning_a_run_is_told_as_it_is_then(self, store: Store, clock: Clock) -> None:
        at_night = night(clock(), team())
        for name in "abc":
            await store.accept(events.started(operationId=name), [at_night])
        await store.accept(
            events.failed(operationId="a"), [changed(at_night, bypass_quiet_hours=True)]
        )  # has its own message
        await store.accept(events.completed(operationId="b"), [])  # no rule brings it here
        await store.accept(events.completed(operationId="c"), [changed(at_night, hold_reason="not_mailed")])
        posted = await send(store, "slack", POSTED, quiet={"*": at_night.how.quiet_window})
        clock.advance(8 * 3600)

        (roundup,) = await send(store, "slack", POSTED)

        assert [one.event.subject for one in posted] == ["a"]
        assert statuses(roundup) == {"a": "Failed", "b": "Completed", "c": "Completed"}

    async def test_what_may_pass_does_so_at_accept_and_at_claim(self, store: Store, clock: Clock) -> None:
        urgent = changed(night(clock(), room()), bypass_quiet_hours=True)
        answer = await store.accept(events.failed(operationId="a"), [urgent])
        await store.accept(events.completed(operationId="b"), [room()])

        told_now = await send(store, "slack", POSTED, quiet={"*": urgent.how.quiet_window})

        assert (answer.deliveries, [one.event.name for one in told_now]) == (1, ["operation.failed"])


class TestCap:
    CAPPED = team(new_message_cap=(20, 600.0), new_limits=(), post_after=0.0)

    async def flood(self, store: Store, many: int = 100, **changes: Any) -> None:
        for number in range(many):
            await store.accept(events.started(operationId=f"op-{number}"), [changed(self.CAPPED, **changes)])

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
        ended, going = statuses(first)
        await store.accept(events.completed(operationId=ended), [self.CAPPED])
        soon = await self.post(store)
        clock.advance(15)

        (edit,) = await self.post(store)

        assert (soon, edit.kind, edit.thread["ts"]) == ([], "roundup", first.id)
        assert statuses(edit) == {ended: "Completed", going: "Initiated"}

    async def test_once_the_cap_frees_up_a_run_gets_its_own_and_leaves_the_list(
        self, store: Store, clock: Clock
    ) -> None:
        await self.flood(store, 22)
        (rolling,) = [one for one in await self.post(store) if one.kind == "roundup"]
        moving, staying = statuses(rolling)
        clock.advance(601)
        await store.accept(events.progress(50, operationId=moving), [self.CAPPED])

        posted = await self.post(store)

        assert [(one.kind, bool(one.thread)) for one in posted] == [("live", False), ("roundup", True)]
        assert statuses(posted[1]) == {staying: "Initiated"}

    async def test_what_the_whole_conversation_is_to_see_passes(self, store: Store) -> None:
        await self.flood(store, 25)
        await self.post(store)
        wide = Presentation(thread_reply=True, broadcast=True)
        await store.accept(events.failed(operationId="bad"), [changed(self.CAPPED, presentation=wide)])

        assert [(one.kind, one.event.subject) for one in await self.post(store)] == [("live", "bad")]
