"""Progress that nobody hears of is counted: one line with how many, from when to when, which percentages, and why."""

from typing import Any

from relay.store import Store
from relay.store.admin import Admin
from relay.store.notes import Counted
from tests.support import events, records
from tests.support.clock import Clock
from tests.support.queue import counts
from tests.support.targets import mail

OP = events.completed().subject


async def story(store: Store, subject: str = OP) -> list[list[Any]]:
    """The timeline without its times."""
    timeline = await Admin(store).timeline(subject)
    assert timeline
    return [list(line[1:]) for line in timeline.log]


def told(percentage: float) -> list[Any]:
    return ["accepted", "operation.progress", "Running", percentage, "async-operations"]


async def test_progress_that_nobody_hears_of_is_one_line_however_much_comes(store: Store, clock: Clock) -> None:
    began = round(clock.now * 1000)
    for percentage in range(10, 60, 10):
        await store.accept(events.progress(percentage), [])
        clock.advance(30)

    counted = Counted(5, began + 120_000, 10)
    assert await story(store) == [[*told(50), counted], ["held", "", "no_rule", counted]]
    assert (await counts(store))["held:no_rule"] == 5


async def test_many_reasons_by_turns_become_lines_instead_of_a_record_that_grows(store: Store, clock: Clock) -> None:
    for percentage in range(12):
        await store.accept(
            events.progress(percentage), [mail(f"{percentage % 6}@example.com", hold_reason="not_allowed")]
        )
        clock.advance(1)

    assert await records.lines(store, OP) == 8
    assert sum(line[0] == "held" for line in await story(store)) == 12
