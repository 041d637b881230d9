"""What a finished run leaves in Redis, and for how long."""

from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.runs import Runs
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import POSTED, claim, claim_one, send
from tests.support.targets import team

DAY = 86_400.0
SUBJECT = events.completed().subject


async def finished(store: Store) -> None:
    for event in (events.started(), events.progress(40), events.completed()):
        await store.accept(event, [team()])
        await send(store, receipt=POSTED)


async def test_three_days_after_its_end_the_documents_of_a_run_are_gone_and_its_facts_stay(
    store: Store, clock: Clock
) -> None:
    await finished(store)
    clock.advance(3 * DAY - 1)
    assert await Runs(store).trim(100) == 0
    assert len(await Admin(store).events(SUBJECT)) == 3
    facts = await store.known(SUBJECT)

    clock.advance(1)
    assert await Runs(store).trim(100) == 1

    assert await Admin(store).events(SUBJECT) == []
    assert await store.known(SUBJECT) == facts
    assert (await store.accept(events.progress(80), [team()])).status == "late"
    assert await Runs(store).trim(100) == 0
    timeline = await Admin(store).timeline(SUBJECT)
    assert timeline
    assert timeline.log[-1][1] == "late"


async def test_what_is_queued_keeps_the_documents_that_it_is_made_from(store: Store, clock: Clock) -> None:
    await store.accept(events.completed(), [team()])
    clock.advance(3 * DAY)
    await Runs(store).trim(100)

    assert (await claim_one(store)).history[-1].name == "operation.completed"


async def test_a_dead_letter_keeps_them_as_long_as_it_may_be_replayed(store: Store, clock: Clock) -> None:
    await store.accept(events.completed(), [team()])
    await store.dead_letter(await claim_one(store), "rejected", "archived")
    clock.advance(29 * DAY)
    await Runs(store).trim(100)
    (letter,) = await Admin(store).dead()

    await Admin(store).replay([letter.id])

    assert [delivery.event.name for delivery in await claim(store)] == ["operation.completed"]


async def test_what_came_is_known_again_after_the_documents_are_gone(store: Store, clock: Clock) -> None:
    told = [events.event_of(events.body("operation.audited"), id=f"evt-{number}") for number in range(40)]
    for event in (*told, events.completed()):
        await store.accept(event, [])
    clock.advance(3 * DAY)
    await Runs(store).trim(100)

    again = [(await store.accept(event, [])).status for event in (*told, events.completed())]

    assert set(again) == {"duplicate"}
