"""Progress that nobody hears of is counted: one line with how many, from when to when, which percentages, and why."""

from collections.abc import Callable
from typing import Any

from relay.domain.deliveries import Gate
from relay.domain.events import Event
from relay.store import Store
from relay.store.admin import Admin
from relay.store.keys import operation
from relay.store.notes import Counted
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import counts
from tests.support.targets import mail, room

OP = events.completed().subject
LOG = "{relay}:log:" + operation(OP)
TEN_POINTS = (Gate(10),)


async def story(store: Store, subject: str = OP) -> list[list[Any]]:
    """The timeline without its times."""
    timeline = await Admin(store).timeline(subject)
    assert timeline
    return [list(line[1:]) for line in timeline.log]


async def lines_kept(store: Store) -> int:
    return int(await store.redis.llen(LOG))


def told(percentage: float) -> list[Any]:
    return ["accepted", "operation.progress", "Running", percentage, "async-operations"]


async def test_progress_that_nobody_hears_of_is_one_line_however_much_comes(store: Store, clock: Clock) -> None:
    began = round(clock.now * 1000)
    for percentage in range(10, 60, 10):
        await store.accept(events.progress(percentage), [])
        clock.advance(30)

    counted = Counted(5, began + 120_000, 10)
    assert await story(store) == [[*told(50), counted], ["held", "", "no_rule", counted]]
    assert await lines_kept(store) == 0
    assert (await counts(store))["held:no_rule"] == 5


async def test_it_is_counted_for_whom_and_why(store: Store, clock: Clock) -> None:
    began = round(clock.now * 1000)
    targets = [room(gates=TEN_POINTS), mail("gone@example.com", hold_reason="not_allowed")]
    await store.accept(events.progress(10), targets)
    for percentage in (11, 12, 13):
        clock.advance(1)
        await store.accept(events.progress(percentage), targets)

    counted = Counted(3, began + 3000, 11)
    assert (await story(store))[-3:] == [
        [*told(13), counted],
        ["held", "room", "increment", counted],
        ["held", "analysts", "not_allowed", "gone@example.com", counted],
    ]
    ledger = await counts(store)
    assert (ledger["held:increment"], ledger["held:not_allowed"], ledger["events"]) == (3, 4, 4)


async def test_something_else_begins_another_line(store: Store, clock: Clock) -> None:
    for percentage in (10, 11, 12, 20, 21, 22):
        await store.accept(events.progress(percentage), [room(gates=TEN_POINTS)])
        clock.advance(1)

    queued = ["queued", "room", "#room"]
    told_and_held = [
        (line[0], line[3] if line[0] == "accepted" else line[-1].times if isinstance(line[-1], Counted) else 1)
        for line in await story(store)
    ]
    assert queued in await story(store)
    assert told_and_held == [
        ("accepted", 10), ("queued", 1), ("accepted", 12), ("held", 2),
        ("accepted", 20), ("queued", 1), ("accepted", 22), ("held", 2),
    ]  # fmt: skip


async def test_what_takes_turns_is_counted_apart(store: Store, clock: Clock) -> None:
    """Progress in the wrong order, of which every other report is late."""
    for percentage in (20, 10, 40, 30, 60, 50):
        await store.accept(events.progress(percentage), [])
        clock.advance(1)

    assert [(line[0], line[-1].times) for line in await story(store)] == [("accepted", 3), ("held", 3), ("late", 3)]
    assert await lines_kept(store) == 0


async def test_many_reasons_by_turns_become_lines_instead_of_a_record_that_grows(store: Store, clock: Clock) -> None:
    for percentage in range(12):
        await store.accept(
            events.progress(percentage), [mail(f"{percentage % 6}@example.com", hold_reason="not_allowed")]
        )
        clock.advance(1)

    assert await lines_kept(store) == 8
    assert sum(line[0] == "held" for line in await story(store)) == 12


async def test_a_new_run_does_not_count_on(store: Store, clock: Clock) -> None:
    for retry, percentage in ((0, 10), (0, 20), (1, 5), (1, 6), (1, 7)):
        await store.accept(events.progress(percentage, retryNumber=retry), [])
        clock.advance(1)

    accepted = [(line[3], line[-1].lowest if isinstance(line[-1], Counted) else None) for line in await story(store)
                if line[0] == "accepted"]  # fmt: skip
    assert accepted == [(20, 10), (5, None), (7, 6)]


async def test_lines_of_an_operation_in_several_partitions_are_counted_where_nobody_hears_of_it_anywhere(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    store = open_store(partitions=4)

    async def come(*told: Event) -> None:
        for event in told:
            await store.accept(
                event, [room(gates=TEN_POINTS), room(destination="hall", address="#hall", gates=TEN_POINTS)]
            )
            clock.advance(1)

    await come(*(events.progress(percentage) for percentage in (10, 11, 12, 20)))

    lines = [line for line in await story(store) if line[0] in {"accepted", "held"}]
    assert [line[-1].times if isinstance(line[-1], Counted) else 1 for line in lines] == [1, 2, 2, 2, 1]
