"""Outcomes that meet a run begun again, or a first post whose receipt comes late: told once, and calling people."""

from collections.abc import Callable

import pytest

from relay.domain.deliveries import Delivery
from relay.domain.events import Event
from relay.domain.facts import complete_outcome
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events, records
from tests.support.clock import Clock
from tests.support.queue import POSTED, accept, claim, claim_one, counts, lose
from tests.support.targets import team


async def everything(store: Store, clock: Clock) -> list[Delivery]:
    """What is sent until nothing waits."""
    sent = []
    for _ in range(10):
        for delivery in await claim(store):
            await store.mark_sending(delivery)
            await store.complete(delivery, POSTED)
            sent.append(delivery)
        clock.advance(20)
    assert (await counts(store))["pending"] == 0
    return sent


def outcomes(sent: list[Delivery]) -> list[str]:
    """The messages, be they new or replies, that tell that the run failed."""
    return [delivery.kind for delivery in sent if delivery.event.status == "Failed" and not delivery.edits]


@pytest.fixture
def again() -> Event:
    """The run has begun anew."""
    return events.progress(10, retryNumber=1)


class TestOneMessage:
    async def test_an_outcome_that_came_during_the_first_post_has_its_reply(
        self, store: Store, clock: Clock, again: Event
    ) -> None:
        await accept(store, events.progress(10), to=team())
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await accept(store, events.failed(), again, to=team())
        await store.complete(flying, POSTED)

        assert outcomes(await everything(store, clock)) == ["reply"]

    async def test_so_has_one_that_a_stale_worker_has_repaired(
        self, open_store: Callable[..., Store], clock: Clock, again: Event
    ) -> None:
        slow, fast = open_store(), open_store()
        await accept(slow, events.failed(), to=team())
        first = await claim_one(slow)
        await slow.mark_sending(first)
        clock.advance(31)
        await lose(slow)
        second = await claim_one(fast)
        await fast.mark_sending(second)
        await slow.complete(first, POSTED)  # another one has it by now, so the message is to be repaired
        await accept(fast, again, to=team())
        await fast.reschedule(second, 0, "503")

        assert outcomes(await everything(fast, clock)) == ["reply"]


class TestARunThatBeginsUnheard:
    """The rule tells of failures alone: of the run that follows, its conversation hears nothing."""

    async def test_an_outcome_that_waits_is_told(self, store: Store, clock: Clock) -> None:
        await accept(store, events.failed(), to=team())
        await store.accept(events.started(retryNumber=1), [])

        assert [one.event.name for one in await everything(store, clock)] == ["operation.failed"]


class TestARunWhoseMessageIsTheNextOnes:
    """The message of an operation is of its newest run; what the one before left waiting is told beside it."""

    async def test_a_reply_is_told_though_the_message_came_after_it(
        self, store: Store, clock: Clock, again: Event
    ) -> None:
        await accept(store, events.progress(10), to=team())
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await accept(store, events.failed(), again, to=team())
        await store.reschedule(flying, 0, "503")

        assert outcomes(await everything(store, clock)) == ["reply"]

    async def test_it_is_not_told_again_where_the_message_has_told_it(
        self, store: Store, clock: Clock, again: Event
    ) -> None:
        await accept(store, events.progress(10), to=team())
        flying = await claim_one(store)
        await store.mark_sending(flying)
        await accept(store, events.failed(), to=team())
        await store.reschedule(flying, 0, "503")
        clock.advance(2)
        first = await claim_one(store)
        await store.mark_sending(first)
        await accept(store, again, to=team())
        await store.complete(first, POSTED)

        assert outcomes([first, *await everything(store, clock)]) == ["live"]


class TestReports:
    async def test_two_that_add_to_an_outcome_are_both_kept(self, store: Store) -> None:
        thin = events.body("operation.failed", status="Failed")
        await store.report(events.event_of(thin), [team()])

        for part in ("error", "results"):
            await store.report(events.event_of(thin | {part: {"said": 1}}), [team()])

        shown = (await claim_one(store)).event
        assert (shown.error, shown.results) == ({"said": 1}, {"said": 1})

    def test_what_is_recorded_stands_where_it_says_something(self) -> None:
        recorded, report = (
            events.event_of(events.body("operation.failed", status="Failed") | {"error": error})
            for error in ({"code": "E1", "message": ""}, {"code": "E2", "message": "lint failed"})
        )

        assert complete_outcome(recorded, report).error == {"code": "E1", "message": "lint failed"}


class TestADeadLetter:
    async def test_it_tells_the_outcome_that_it_was_of_though_the_next_run_has_begun(
        self, store: Store, clock: Clock, again: Event
    ) -> None:
        await accept(store, events.failed(), to=team())
        first = await claim_one(store)
        await store.mark_sending(first)
        await store.dead_letter(first, "not_in_channel", "not_in_channel")
        await accept(store, again, to=team())
        assert outcomes(await everything(store, clock)) == []

        await Admin(store).replay([first.id])

        assert outcomes(await everything(store, clock)) == ["reply"]


class TestCalls:
    async def test_an_outcome_calls_people_also_where_the_first_post_turns_out_to_have_arrived(
        self, open_store: Callable[..., Store], clock: Clock
    ) -> None:
        slow, fast = open_store(), open_store()
        await accept(slow, events.progress(10), to=team())
        first = await claim_one(slow)
        await slow.mark_sending(first)
        clock.advance(31)
        await lose(slow)
        assert [delivery.id for delivery in await claim(fast, "email")] == []  # which takes back what has lapsed
        await fast.accept(events.progress(20), [team()])
        await claim(fast, "email")
        await accept(fast, events.failed(), to=team())
        await slow.complete(first, POSTED)

        sent = await everything(fast, clock)

        assert [(one.kind, one.event.status, one.edits) for one in sent if one.kind == "reply"] == [
            ("reply", "Failed", False)
        ]
        assert [one.edits for one in sent if one.kind == "live"] == [True]
        assert await records.bodies(fast) == 0


class TestInABatch:
    async def test_what_a_message_would_have_called_people_to_ends_with_the_run_that_it_is_of(
        self, store: Store, clock: Clock
    ) -> None:
        """The first post tells the outcome of the run before and arrives late; the next one's is told by the batch."""
        await accept(store, events.failed(batchId="b-1"), to=team())
        late = await claim_one(store)
        await store.mark_sending(late)
        started = events.event_of({"event": "batch.started", "batch": {"batchId": "b-1", "status": "Initiated"}})
        await accept(store, started, to=team())
        clock.advance(31)
        await lose(store)
        await claim(store, "email")  # which takes back what has lapsed
        await accept(store, events.failed(retryNumber=1, batchId="b-1"), to=team())
        sent = await everything(store, clock)
        await store.complete(late, POSTED)

        assert sorted((one.event.name, one.event.retry, one.kind) for one in sent) == [
            ("batch.started", 0, "live"), ("operation.failed", 0, "reply"), ("operation.failed", 1, "reply")
        ]  # fmt: skip
        assert outcomes(await everything(store, clock)) == []
