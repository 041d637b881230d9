"""accept: who is told, decided once, in one step, whatever order and however often events arrive."""

import asyncio
from collections.abc import Callable

import pytest

from relay.domain.deliveries import Gate
from relay.domain.events import Event
from relay.errors import ConfigError, HandlingFailed, StoreUnavailable
from relay.store import Store, keys
from relay.store.queries.admin import Admin
from tests.support import events, records
from tests.support.clock import Clock
from tests.support.queue import send
from tests.support.targets import room


async def test_an_event_that_no_rule_wants_is_held_with_that_reason(store: Store) -> None:
    accepted = await store.accept(events.completed(), [])

    assert accepted.deliveries == 0
    assert (await Admin(store).ledger()).counts["held:no_rule"] == 1


async def test_the_same_event_64_times_at_once_on_two_instances_is_accepted_once(
    open_store: Callable[..., Store],
) -> None:
    stores = [open_store(), open_store()]
    event = events.event_of(events.body(), id="evt-1")

    answers = await asyncio.gather(*(stores[number % 2].accept(event, [room()]) for number in range(64)))

    assert sorted(answer.status for answer in answers) == ["accepted"] + ["duplicate"] * 63
    assert (await Admin(stores[0]).ledger()).counts["pending"] == 1


async def test_the_same_delivery_id_with_another_fact_is_another_event(store: Store) -> None:
    sent = [events.event_of(events.body(percentage=percentage), id="evt-1") for percentage in (10, 10, 50, 50)]

    answers = [await store.accept(event, [room()]) for event in sent]

    assert [answer.status for answer in answers] == ["accepted", "duplicate", "accepted", "duplicate"]
    assert [answer.id_reused for answer in answers] == [False, False, True, False]


@pytest.mark.parametrize(
    ("first", "then", "status"),
    [
        pytest.param(events.completed(), events.progress(80), "late", id="progress after completion"),
        pytest.param(events.progress(60), events.progress(40), "late", id="a percentage that goes back"),
        pytest.param(events.progress(60), events.started(), "late", id="the start after progress"),
        pytest.param(events.cancelled(), events.progress(90), "late", id="progress after a cancel"),
        pytest.param(events.completed(), events.failed(), "accepted", id="a second, different outcome"),
        pytest.param(events.progress(40), events.progress(60), "accepted", id="progress"),
        pytest.param(events.progress(40), events.progress(40, progress={"percentage": 40, "currentPhase": "Next"}),
                     "accepted", id="the same percentage in the next phase"),
        pytest.param(events.failed(), events.started(retryNumber=1), "accepted", id="a retry after a failure"),
        pytest.param(events.failed(), events.progress(10, retryNumber=1), "accepted", id="a retry's first progress"),
        pytest.param(events.progress(10, retryNumber=1), events.failed(), "late", id="the old run after its retry"),
        pytest.param(events.completed(), events.event_of(events.body("operation.audited")), "accepted",
                     id="an unknown event is never late"),
    ],
)  # fmt: skip
async def test_an_event_older_than_what_is_known_is_late(store: Store, first: Event, then: Event, status: str) -> None:
    await store.accept(first, [room()])

    assert (await store.accept(then, [room()])).status == status


async def test_min_interval_holds_progress_until_its_time(store: Store, clock: Clock) -> None:
    gated = room(gates=(Gate(0, 60),))
    await store.accept(events.progress(10), [gated])
    clock.advance(59)
    early = await store.accept(events.progress(20), [gated])
    clock.advance(1)

    due = await store.accept(events.progress(30), [gated])

    assert early.held == (("room", "interval"),)
    assert due.deliveries == 1


async def test_any_rule_that_lets_progress_pass_is_enough(store: Store) -> None:
    gated = room(gates=(Gate(50), Gate(5)))
    await store.accept(events.progress(10), [gated])

    assert (await store.accept(events.progress(15), [gated])).deliveries == 1


async def test_what_cannot_be_decided_with_one_event_is_told_with_its_place(store: Store) -> None:
    event = events.progress(10, operationId="op-broken")
    await records.write(store, "op-broken", "rank", 1)
    await records.write(store, "op-broken", "run", "none")

    answers = await asyncio.gather(
        store.accept(event, [room()]),
        store.accept(events.progress(10, operationId="op-healthy"), [room()]),
        return_exceptions=True,
    )

    assert isinstance(answers[0], HandlingFailed)
    assert answers[0].where
    assert getattr(answers[1], "status", None) == "accepted"


async def test_a_full_redis_refuses_with_nothing_done_and_accepts_once_there_is_room(redis_store: Store) -> None:
    event = events.completed()
    await redis_store.redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable):
            await redis_store.report(event, [room()])
    finally:
        await redis_store.redis.config_set("maxmemory", 0)

    assert (await redis_store.report(event, [room()])).status == "accepted"


async def test_a_full_redis_still_drains(redis_store: Store) -> None:
    await redis_store.report(events.completed(), [room()])
    await redis_store.redis.config_set("maxmemory", 1)
    try:
        await send(redis_store)
    finally:
        await redis_store.redis.config_set("maxmemory", 0)

    assert (await Admin(redis_store).ledger()).counts["delivered"] == 1


async def test_forgotten_scripts_are_sent_again(redis_store: Store) -> None:
    await redis_store.report(events.progress(10), [room()])
    await redis_store.redis.script_flush()

    assert (await redis_store.report(events.progress(20), [room()])).status == "accepted"


async def test_two_first_events_of_a_retry_agree_which_run_it_is(open_store: Callable[..., Store]) -> None:
    one, two = open_store(), open_store()
    await one.report(events.failed(operationId="op-1"))
    retry = {"operationId": "op-2", "originalOperationId": "op-1"}

    answers = [await one.report(events.started(**retry)), await two.report(events.progress(10, **retry))]

    assert [answer.status for answer in answers] == ["accepted", "accepted"]
    assert (await one.known("op-2"))["retry"] == "1"
    assert (await one.known("op-1"))["runs"] == "1"


async def test_what_was_stated_once_is_known_of_thinner_documents(store: Store, clock: Clock) -> None:
    event = events.started()
    await store.accept(event, [])
    known = await store.known(event.subject)

    assert (known["type"], known["priority"], known["project"]) == ("ProcessMiningAnalysis", "High", "project-1")
    assert known["since"] == f"{clock() * 1000:.0f}"
    assert known["began"] == f"{event.occurred_at.timestamp() * 1000:.0f}"


async def test_data_of_an_older_layout_is_refused_and_the_way_on_is_told(
    open_redis_store: Callable[..., Store],
) -> None:
    store = open_redis_store()
    await store.redis.set(keys.SCHEMA, "1")

    with pytest.raises(ConfigError) as refused:
        await store.prepare()

    told = f"the data is of layout 1, this relay reads {keys.SCHEMA_VERSION}: run the release that wrote it with --role"
    assert told in str(refused.value)
