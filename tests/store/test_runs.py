"""What is kept of a run for the watchdog, and that an alarm is taken once, or not at all."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

import pytest

from relay.domain.events import Event
from relay.domain.runs import Run
from relay.policy.watchdog import Watchdog, decide, event_of
from relay.store import Store
from relay.store.admin import Admin
from relay.store.records import PACKED, values_of
from relay.store.runs import DueRun, Runs
from tests.support import events
from tests.support.clock import Clock
from tests.support.records import key
from tests.support.targets import mail, team

MINUTE, DAY = 60.0, 86_400.0


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


async def test_a_run_is_kept_with_all_that_the_rules_ask(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.progress(67), [])

    run = await the_run(watch)

    assert run.subject == events.progress(67).subject
    assert (run.last_event, run.moved, run.percentage) == (clock(), clock(), 67)
    assert run.phase == "Machine Learning Analysis"
    assert (run.estimate, run.deadline) == (_at("12:05"), _at("13:15"))
    assert run.planned == 47 * MINUTE  # from 11:18 to 12:05


async def test_gaps_are_kept_and_bounded(store: Store, watch: Runs, clock: Clock) -> None:
    for percentage in range(40):
        await store.accept(events.progress(percentage), [])
        clock.advance(percentage)

    assert (await the_run(watch)).gaps == tuple(float(gap) for gap in range(38, 23, -1))


async def test_the_webhook_and_the_callback_of_one_fact_are_one_sign_of_life(
    store: Store, watch: Runs, clock: Clock
) -> None:
    for percentage in range(3):
        await store.accept(events.event_of(events.body(percentage=percentage), id=f"a{percentage}"), [])
        clock.advance(1)
        await store.accept(events.event_of(events.body(percentage=percentage), id=f"b{percentage}"), [])
        clock.advance(1199)

    assert (await the_run(watch)).gaps == (1199, 1199)


async def test_a_delivery_that_is_sent_again_is_no_sign_of_life(store: Store, watch: Runs, clock: Clock) -> None:
    event = events.event_of(events.body(), id="evt-1")
    await store.accept(event, [])
    began = clock()
    clock.advance(10 * MINUTE)
    await store.accept(event, [])

    assert (await the_run(watch)).last_event == began


async def test_a_repeated_percentage_with_a_new_phase_is_a_move(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.event_of(events.body(), id="1"), [])
    clock.advance(10 * MINUTE)
    document = events.body()
    document["operation"]["progress"]["currentPhase"] = "Report Generation"
    assert (await store.accept(events.event_of(document, id="2"), [])).status == "accepted"

    run = await the_run(watch)
    assert (run.moved, run.phase) == (clock(), "Report Generation")


async def test_the_first_estimate_stays_and_its_moves_are_counted(store: Store, watch: Runs) -> None:
    for percentage, minute in ((10, "05"), (20, "06"), (30, "20"), (40, "21"), (50, "40")):
        document = events.body(percentage=percentage)
        document["operation"]["progress"]["estimatedCompletion"] = f"2024-01-20T12:{minute}:00Z"
        await store.accept(events.event_of(document), [])

    run = await the_run(watch)
    assert run.estimate == _at("12:05")
    assert run.estimate_moves == 2  # by less than a tenth of what was planned is no move


async def test_times_that_are_none_are_left_alone(store: Store, watch: Runs) -> None:
    await store.accept(events.progress(10, timeoutAt="soon", estimatedCompletion=17, progress=10), [])

    run = await the_run(watch)
    assert (run.estimate, run.deadline) == (None, None)


@pytest.mark.parametrize("end", [events.completed(), events.failed(), events.cancelled()])
async def test_a_run_that_ends_is_not_looked_at(store: Store, watch: Runs, end: Event) -> None:
    await store.accept(events.progress(10), [])
    await store.accept(end, [])
    await store.accept(events.progress(20), [])

    assert (await watch.due(10)).runs == []


async def test_a_run_whose_end_is_known_through_its_batch_alone_is_not_looked_at(store: Store, watch: Runs) -> None:
    await store.accept(events.progress(10), [])
    done = events.body("batch.operation.completed", 100, status="Completed") | {"batchId": "batch-1"}
    await store.accept(events.event_of(done), [])

    assert (await watch.due(10)).runs == []


async def test_a_batch_that_tells_late_of_a_run_does_not_end_the_watch_over_its_retry(
    store: Store, watch: Runs, clock: Clock
) -> None:
    def member(name: str) -> Event:
        return events.event_of({
            "event": "batch.operation.completed", "batch": {"batchId": "b-1"},
            "operation": {"operationId": name, "status": "Failed"},
        })  # fmt: skip

    async def looked_at() -> list[str]:
        clock.advance(60)
        return [look.run.subject for look in (await watch.due(10)).runs]

    await store.accept(events.progress(10, operationId="op-1"), [])
    retry = events.progress(5, operationId="op-2", originalOperationId="op-1", retryNumber=1)
    await store.accept(retry, [])
    await store.accept(member("op-1"), [])
    going = await looked_at()
    await store.accept(member("op-2"), [])

    assert (going, await looked_at()) == (["op-1"], [])


async def test_runs_that_nobody_looks_at_are_forgotten_all_the_same(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.progress(10), [])
    clock.advance(31 * 86_400)
    await watch.tick(0)

    assert await store.redis.keys("{relay}:watch") == []


async def test_an_alarm_of_a_run_that_was_forgotten_brings_nothing_back(
    store: Store, watch: Runs, clock: Clock
) -> None:
    await store.accept(events.progress(10, timeoutAt="2024-01-20T11:00:00Z"), [])
    (look,) = (await watch.due(10)).runs
    history = await watch.history(look.operation)
    await store.redis.delete(f"{{relay}}:operation:{look.operation}")

    news = decide(look.run, Watchdog(), clock())
    assert news is not None
    answer = await store.accept(event_of(news, look.run, history, clock()), [])

    assert (answer.status, await store.redis.keys("{relay}:operation:*")) == ("late", [])


async def test_an_alarm_that_could_not_be_delivered_in_time_is_not_told_of_a_run_that_goes_on_again(
    store: Store, watch: Runs, clock: Clock
) -> None:
    await store.accept(events.progress(10), [])
    clock.advance(900)
    await store.accept(await alarm_of(watch, await the_look(watch), clock()), [mail()])
    await store.accept(events.progress(20), [])
    clock.advance(30)
    await store.accept(await alarm_of(watch, await the_look(watch), clock()), [])

    assert (await store.claim("email", 5)).deliveries == ()
    assert (await Admin(store).ledger()).counts["superseded"] == 1


async def test_a_batch_is_watched_until_its_end_and_known_as_one(store: Store, watch: Runs) -> None:
    submitted = events.seed("submit-batch.response")
    await store.accept(events.event_of(submitted | {"event": "batch.started"}), [])
    assert (await the_run(watch)).batch

    await store.accept(events.event_of(submitted | {"event": "batch.completed"}), [])
    assert await store.redis.zcard("{relay}:watch") == 0


async def test_after_thirty_days_nobody_looks(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.progress(10), [])
    clock.advance(30 * DAY)

    assert (await watch.due(10)).runs == []
    assert await store.redis.zcard("{relay}:watch") == 0


async def test_what_is_given_out_is_given_again_only_later(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.progress(10), [])
    look = await the_look(watch)
    assert (await watch.due(10)).runs == []

    clock.advance(30)
    assert (await watch.due(10)).runs  # whoever had it did not come back
    await watch.check_again_at([(look, clock() + 3600)])  # too late: it is another's
    clock.advance(30)
    assert await the_look(watch)


async def test_it_is_looked_at_when_it_was_asked_for(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.progress(10), [])
    await watch.check_again_at([(await the_look(watch), clock() + 300)])

    clock.advance(299)
    assert (await watch.due(10)).runs == []
    clock.advance(1)
    assert (await watch.due(10)).runs


async def test_what_happens_to_a_stalled_run_is_seen_at_once(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.progress(10), [])
    clock.advance(900)
    look = await the_look(watch)
    await store.accept(await alarm_of(watch, look, clock()), [])
    await watch.check_again_at([(look, clock() + 3600)])
    assert (await watch.due(10)).runs == []

    await store.accept(events.progress(20), [])
    assert (await the_run(watch)).alarms.open


async def test_an_alarm_that_two_found_is_taken_once(
    open_store: Callable[..., Store], watch: Runs, store: Store, clock: Clock
) -> None:
    await store.accept(events.progress(10), [team()])
    clock.advance(900)
    look = await the_look(watch)
    found = [await alarm_of(watch, look, clock() + second) for second in range(4)]  # each at its own moment
    other = open_store()

    answers = await asyncio.gather(*((store, other)[n % 2].accept(event, [team()]) for n, event in enumerate(found)))

    assert sorted(answer.status for answer in answers) == ["accepted"] + ["duplicate"] * 3


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


async def test_an_alarm_after_the_end_is_late(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.progress(10), [])
    clock.advance(900)
    event = await alarm_of(watch, await the_look(watch), clock())
    await store.accept(events.completed(), [])

    assert (await store.accept(event, [team()])).status == "late"
    assert (await watch.tick(0)).stalled == 0


async def test_an_alarm_moves_nothing_of_the_run(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.progress(10), [])
    before = await _values(store)
    clock.advance(900)
    await store.accept(await alarm_of(watch, await the_look(watch), clock()), [])
    after = await _values(store)

    own = {name for name in after.keys() | before.keys() if after.get(name) != before.get(name)}
    noted = {"entry", "tallies"}  # its line ends the one that counts progress
    assert own == {"watch:alarms", "doc:operation.stalled", "seq:operation.stalled", "seq", "kept", "ids"} | noted
    assert (await store.accept(events.progress(11), [])).status == "accepted"


async def test_an_alarm_is_urgent_but_less_than_an_outcome(store: Store, watch: Runs, clock: Clock) -> None:
    fast = team(new_limits=(), edit_limits=())
    await store.accept(events.progress(10), [])
    clock.advance(900)
    await store.accept(await alarm_of(watch, await the_look(watch), clock()), [fast])
    await store.accept(events.progress(10, operationId="another"), [fast])
    await store.accept(events.completed(operationId="third"), [fast])

    claimed = (await store.claim("slack", 3)).deliveries

    assert [delivery.event.name for delivery in claimed] == [
        "operation.completed", "operation.stalled", "operation.progress"
    ]  # fmt: skip


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


async def test_the_grace_is_decided_once_for_all(watch: Runs, clock: Clock) -> None:
    first = await watch.tick(600)
    assert first.grace_until == clock() + 600
    clock.advance(30)
    assert (await watch.tick(600)).grace_until == first.grace_until
    clock.advance(121)
    assert (await watch.tick(600)).grace_until == clock() + 600


async def test_the_history_is_the_runs_own(store: Store, watch: Runs) -> None:
    await store.accept(events.started(), [])
    await store.accept(events.progress(10), [])
    look = await the_look(watch)

    history: Any = await watch.history(look.operation)

    assert [event.name for event in history] == ["operation.started", "operation.progress"]
    assert history[-1] == replace(events.progress(10), received_at=history[-1].received_at)


async def test_the_ledger_knows_of_alarms(store: Store, watch: Runs, clock: Clock) -> None:
    await store.accept(events.progress(10), [team()])
    clock.advance(900)
    await store.accept(await alarm_of(watch, await the_look(watch), clock()), [team()])

    assert (await Admin(store).ledger()).imbalance == 0


def _at(time: str) -> float:
    return events.RECEIVED.replace(hour=int(time[:2]), minute=int(time[3:])).timestamp()


async def _values(store: Store) -> dict[str, Any]:
    row = {
        name.decode(): value for name, value in (await store.redis.hgetall(key(events.progress(10).subject))).items()
    }
    packed = [values_of(field, row.pop(field, None)) for field in PACKED]
    return reduce(or_, packed, row)
