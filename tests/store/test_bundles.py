"""Bundles: each entry in one digest, once, whoever dies when."""

from datetime import UTC, datetime

from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.bundles import SENT, claim, digest, next_day, send, statuses
from tests.support.clock import Clock


class TestDigests:
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

    async def test_a_digest_counts_the_runs_of_the_days_before_it(self, store: Store, clock: Clock) -> None:
        for day in range(3):
            ended = events.body("operation.completed", 100, status="Completed", operationId=f"op-{day}")
            ended["timestamp"] = datetime.fromtimestamp(clock(), UTC).isoformat()
            await store.accept(events.event_of(ended), [digest(clock())])
            next_day(clock)
            (delivery,) = await send(store)

        assert [row["completed"] for row in delivery.event.document["days"][-4:-1]] == [1, 1, 1]

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
