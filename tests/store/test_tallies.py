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


async def test_many_reasons_by_turns_become_lines_instead_of_a_record_that_grows(store: Store, clock: Clock) -> None:
    for percentage in range(12):
        await store.accept(
            events.progress(percentage), [mail(f"{percentage % 6}@example.com", hold_reason="not_allowed")]
        )
        clock.advance(1)

    assert await lines_kept(store) == 8
    assert sum(line[0] == "held" for line in await story(store)) == 12


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
