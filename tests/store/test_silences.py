"""What a silence means is held, told together at its end or not at all, and never lost in between."""

from relay.domain.deliveries import Window
from relay.store import Store
from tests.support import events
from tests.support.bundles import claim, digest, next_day, night, send, statuses
from tests.support.clock import Clock
from tests.support.queue import POSTED, counts
from tests.support.silences import HOUR, added, hold, silence, silent
from tests.support.targets import room, team


class TestWhatComesIn:
    async def test_it_is_told_together_at_the_end(self, store: Store, clock: Clock) -> None:
        target = silent(silence(clock()), room())
        answer = await store.accept(events.completed(operationId="a"), [target])
        await store.accept(events.failed(operationId="b"), [target])
        during = await claim(store, "slack")
        clock.advance(HOUR)

        (delivery,) = await send(store, "slack", POSTED)

        assert (answer.deliveries, answer.held, during) == (0, (("room", "silenced"),), [])
        assert (delivery.kind, delivery.event.document["kind"]) == ("roundup", "silence")
        assert statuses(delivery) == {"a": "Completed", "b": "Failed"}
        assert (await counts(store))["held:silenced"] == 2


class TestWhatWasQueuedBefore:
    async def test_what_comes_next_need_not_wait_for_its_slot(self, store: Store, clock: Clock) -> None:
        await store.accept(events.completed(operationId="a"), [team()])
        (delivery,) = await claim(store, "slack")
        await hold(store, silence(clock()), delivery)
        await store.accept(events.completed(operationId="b"), [team()])

        assert [one.event.subject for one in await claim(store, "slack")] == ["b"]

    async def test_a_digest_waits_and_is_still_that_of_its_window(self, store: Store, clock: Clock) -> None:
        await store.accept(events.completed(), [digest(clock())])
        next_day(clock)
        (due,) = await claim(store)
        await hold(store, silence(clock(), destinations=("daily",)), due, "later")
        during = await claim(store)
        clock.advance(HOUR)

        (late,) = await send(store)

        assert (during, late.kind, late.event.document) == ([], "digest", due.event.document)


class TestQuietHours:
    async def test_a_run_that_both_mean_is_told_once(self, store: Store, clock: Clock) -> None:
        at_night = night(clock(), room(), 2)
        await store.accept(events.started(), [at_night])
        await store.accept(events.failed(), [silent(silence(clock(), until=clock() + 3 * HOUR), at_night)])
        clock.advance(2 * HOUR)
        morning = await claim(store, "slack")
        clock.advance(HOUR)

        (summary,) = await send(store, "slack", POSTED)

        assert morning == []
        assert [*statuses(summary).values()] == ["Failed"]

    async def test_an_end_in_quiet_hours_waits_for_theirs(self, store: Store, clock: Clock) -> None:
        at_night = night(clock(), room(), 3)
        quiet = {"room": Window(clock() - 60, clock() + 3 * HOUR)}
        await store.accept(events.completed(operationId="a"), [silent(silence(clock()), at_night)])
        clock.advance(HOUR)
        await store.accept(events.completed(operationId="b"), [at_night])
        during = await claim(store, "slack", quiet)
        clock.advance(2 * HOUR)

        (morning,) = await send(store, "slack", POSTED)

        assert during == []
        assert statuses(morning) == {"a": "Completed", "b": "Completed"}


class TestAnEarlyEnd:
    async def test_what_was_held_is_told_at_once(self, store: Store, clock: Clock) -> None:
        its = silence(clock())
        kept = await added(store, its)
        await store.accept(events.failed(operationId="a"), [silent(its, room())])
        clock.advance(60)

        assert await kept.expire(its.id)
        (summary,) = await send(store, "slack", POSTED)

        assert statuses(summary) == {"a": "Failed"}
        assert summary.event.occurred_at.timestamp() == clock()

    async def test_whoever_has_not_heard_of_it_holds_nothing_more(self, store: Store, clock: Clock) -> None:
        its = silence(clock())
        kept = await added(store, its)
        await store.accept(events.failed(operationId="a"), [room()])
        (queued,) = await claim(store, "slack")
        await kept.expire(its.id)

        await store.accept(events.failed(operationId="b"), [silent(its, room())])

        assert not await hold(store, its, queued)
        assert await store.mark_sending(queued)
        assert [one.event.subject for one in await send(store, "slack", POSTED)] == ["b"]


class TestTheList:
    async def test_what_is_over_is_listed_for_thirty_days(self, store: Store, clock: Clock) -> None:
        kept = await added(store, silence(clock()))
        await kept.add(silence(clock(), id="s-2"))
        await kept.expire("s-2")
        soon = [(one.id, one.state(clock())) for one in await kept.all()]
        clock.advance(31 * 24 * HOUR)
        await kept.add(silence(clock(), id="s-3"))

        assert soon == [("s-2", "expired"), ("s-1", "active")]
        assert [one.id for one in await kept.all()] == ["s-3"]
