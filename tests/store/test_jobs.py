"""The history of jobs: one end for each run, whoever reports it, wherever it lives, and the last of them alone."""

from collections.abc import Callable
from typing import Any

from relay.domain.events import Event, Outcome
from relay.domain.identity import error_of, signature
from relay.domain.jobs import job_of
from relay.domain.outcomes import before
from relay.engine.jobs import run_name
from relay.store import Store
from relay.store.queries.jobs import Jobs
from tests.support import events
from tests.support.clock import Clock


def outcome(name: str = "op-1", status: str = "Completed", **operation: Any) -> Event:
    made = {"Completed": events.completed, "Cancelled": events.cancelled}.get(status, events.failed)
    stated = {"operationId": name, "operationName": f"Sales of {name}-7", "status": status, "operationType": "Report"}
    return made(**(stated | operation))


async def ends(store: Store, event: Event) -> tuple[Outcome, ...]:
    """Of the job that this event's run is one of."""
    job = job_of(event)
    assert job
    return await Jobs(store).ends(job)


def sales(number: int, status: str = "Completed", **operation: Any) -> Event:
    """One of many runs of a job, each with an id of its own."""
    return outcome(f"run-{number}", status, operationName=f"Sales {number}", **operation)


async def test_each_run_of_a_job_has_one_end(store: Store) -> None:
    for number, status in enumerate(("Completed", "Failed", "Timeout", "Cancelled", "Completed")):
        await store.accept(sales(number, status), [])

    told = await ends(store, sales(9))

    assert [end.status for end in told] == ["Completed", "Failed", "Timeout", "Cancelled", "Completed"]
    assert [end.run for end in told] == [run_name(sales(number)) for number in range(5)]
    assert told[1].error == signature(error_of(sales(1, "Failed"))) != ""


async def test_a_start_that_the_outcome_does_not_state_is_that_of_the_first_event(store: Store) -> None:
    bare = {"progress": {}, "dateCreated": None, "operationName": "Sales 1"}
    start = events.event_of(events.body("operation.started", None, **bare) | {"timestamp": "2024-01-20T11:00:00Z"})
    await store.accept(start, [])
    await store.accept(events.completed(**bare), [])

    (end,) = await ends(store, events.completed(**bare))

    assert (end.ended - (end.started or 0), end.duration) == (2400.0, 2400.0)


async def test_another_outcome_of_the_run_corrects_it(store: Store) -> None:
    await store.accept(sales(1, "Failed"), [])
    await store.accept(sales(2), [])
    await store.accept(sales(1, "Timeout"), [])

    known = before(await ends(store, sales(9)), "", 2e12)

    assert sorted((end.run, end.status) for end in known) == sorted(
        [(run_name(sales(1)), "Timeout"), (run_name(sales(2)), "Completed")]
    )


async def test_beyond_so_many_jobs_the_least_recently_ended_goes(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    store = open_store(jobs=3)
    for letter in "abcd":
        await store.accept(outcome(letter, operationName=f"Job {letter}"), [])
        clock.advance(1)
        await store.accept(outcome(f"a beside {letter}", operationName="Job a"), [])
        clock.advance(1)

    assert [len(await ends(store, outcome("x", operationName=f"Job {letter}"))) for letter in "abcd"] == [5, 0, 1, 1]
