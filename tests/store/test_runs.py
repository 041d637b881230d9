"""What is kept of a run for the watchdog, and that an alarm is taken once, or not at all."""

import pytest

from relay.domain.events import Event
from relay.domain.jobs import Run
from relay.policy.watchdog import decide, event_of
from relay.policy.watchdog_settings import Watchdog
from relay.store import Store
from relay.store.runs import DueRun, Runs
from tests.support import events, records
from tests.support.clock import Clock
from tests.support.targets import team

MINUTE = 60.0


@pytest.fixture
def watch(store: Store) -> Runs:
    return Runs(store)


async def the_look(watch: Runs) -> DueRun:
    (look,) = (await watch.due(10)).runs
    return look


async def the_run(watch: Runs) -> Run:
    return (await the_look(watch)).run


async def alarm_of(watch: Runs, look: DueRun, now: float) -> Event:
    news = decide(look.run, Watchdog(), now)
    assert news
    return event_of(news, look.run, await watch.history(look.operation), now)


async def test_the_webhook_and_the_callback_of_one_fact_are_one_sign_of_life(
    store: Store, watch: Runs, clock: Clock
) -> None:
    for percentage in range(3):
        await store.accept(events.event_of(events.body(percentage=percentage), id=f"a{percentage}"), [])
        clock.advance(1)
        await store.accept(events.event_of(events.body(percentage=percentage), id=f"b{percentage}"), [])
        clock.advance(1199)

    assert (await the_run(watch)).gaps == (1199, 1199)


async def test_a_repeated_percentage_with_a_new_phase_is_a_move(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.event_of(events.body(), id="1"), [])
    clock.advance(10 * MINUTE)
    document = events.body()
    document["operation"]["progress"]["currentPhase"] = "Report Generation"
    assert (await store.accept(events.event_of(document, id="2"), [])).status == "accepted"

    run = await the_run(watch)
    assert (run.moved, run.phase) == (clock(), "Report Generation")


async def test_an_alarm_of_a_run_that_was_forgotten_brings_nothing_back(
    store: Store, watch: Runs, clock: Clock
) -> None:
    await store.accept(events.progress(10, timeoutAt="2024-01-20T11:00:00Z"), [])
    (look,) = (await watch.due(10)).runs
    history = await watch.history(look.operation)
    await records.forget(store, look.operation)

    news = decide(look.run, Watchdog(), clock())
    assert news is not None
    answer = await store.accept(event_of(news, look.run, history, clock()), [])

    assert (answer.status, await records.operations(store)) == ("late", [])


async def test_what_is_given_out_is_given_again_only_later(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.progress(10), [])
    look = await the_look(watch)
    assert (await watch.due(10)).runs == []

    clock.advance(30)
    assert (await watch.due(10)).runs  # whoever had it did not come back
    await watch.check_again_at([(look, clock() + 3600)])  # too late: it is another's
    clock.advance(30)
    assert await the_look(watch)


async def test_what_happens_to_a_stalled_run_is_seen_at_once(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.progress(10), [])
    clock.advance(900)
    look = await the_look(watch)
    await store.accept(await alarm_of(watch, look, clock()), [])
    await watch.check_again_at([(look, clock() + 3600)])
    assert (await watch.due(10)).runs == []

    await store.accept(events.progress(20), [])
    assert (await the_run(watch)).alarms.open


@pytest.mark.parametrize("then", [events.progress(20), events.progress(5)])
async def test_an_alarm_that_a_sign_of_life_overtakes_is_moot_and_may_come_true_later(
    store: Store, watch: Runs, clock: Clock, then: Event
) -> None:
    await store.accept(events.progress(10), [])
    clock.advance(900)
    event = await alarm_of(watch, await the_look(watch), clock())
    await store.accept(then, [])

    assert (await store.accept(event, [team()])).status == "late"

    clock.advance(45 * MINUTE)
    assert (await store.accept(await alarm_of(watch, await the_look(watch), clock()), [team()])).status == "accepted"


@pytest.mark.parametrize("end", [[events.failed()], []])
async def test_a_retry_forgets_what_was_found_of_the_run_before(
    store: Store, watch: Runs, clock: Clock, end: list[Event]
) -> None:
    await store.accept(events.progress(10), [])
    clock.advance(900)
    await store.accept(await alarm_of(watch, await the_look(watch), clock()), [])
    for event in [*end, events.started(retryNumber=1)]:
        await store.accept(event, [])

    run = await the_run(watch)
    assert (run.retry, run.gaps, run.alarms.open, run.alarms.episode) == (1, (), {}, 0)
    assert (await watch.tick(0)).stalled == 0
