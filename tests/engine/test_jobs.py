"""The history of jobs: one end for each run, and the last of them alone."""

from typing import Any

from relay.domain.events import Event
from relay.domain.jobs import job_of
from relay.domain.outcomes import of_runs
from relay.engine import jobs
from relay.engine.records import JOB_NAMES, JOBS, ends_of
from tests.engine.partition import DAY, MINUTE, START, Partition
from tests.support import events


def sales(number: int, status: str = "Completed", **operation: object) -> Event:
    made = {"Completed": events.completed, "Cancelled": events.cancelled}.get(status, events.failed)
    return made(operationId=f"run-{number}", operationName=f"Sales {number}", status=status, **operation)


def test_a_fuller_report_of_an_end_takes_the_place_of_the_first() -> None:
    partition = Partition()
    thin = events.event_of(events.body("operation.failed", 67, status="Failed", operationId="run-1"))
    full = events.failed(operationId="run-1")
    partition.statuses(thin, full)

    its = job_of(full)
    assert its
    ends = jobs.ends(partition.d, its)
    assert (len(ends), len(of_runs(ends)), bool(of_runs(ends)[0].error)) == (2, 1, True)


def test_the_start_is_the_first_event_where_no_document_states_it() -> None:
    partition = Partition()
    unstated: dict[str, Any] = {"startTime": None, "dateCreated": None, "progress": {"percentage": 10}}
    begun = events.event_of(events.body(**unstated) | {"timestamp": "2024-01-20T11:00:00Z"})
    partition.statuses(begun, events.completed(**unstated))

    its = job_of(begun)
    assert its
    (end,) = jobs.ends(partition.d, its)
    assert (end.started, end.duration) == (begun.occurred_at.timestamp(), 40 * 60)


def test_jobs_are_forgotten_with_their_ends_by_age_and_by_number() -> None:
    partition = Partition(max_jobs=2)
    for name in ("A", "B", "C"):
        partition.report(events.completed(operationId=name, operationName=name))
        partition.now += MINUTE

    left = [jobs.named(partition.d, name) for _, name in partition.d.ascending(JOBS)]
    assert [its.name for its in left if its] == ["B", "C"]
    assert len(partition.d.table(JOB_NAMES)) == 2
    assert len([name for name in partition.memory.logs if name.startswith(ends_of(""))]) == 2

    d = partition.d
    d.now = START + 91 * DAY
    jobs.forget(d)
    assert d.size(JOBS) == 0


def test_a_template_names_jobs_also_of_outcomes_that_do_not_state_it() -> None:
    partition = Partition(job="{parameters.dataset}")
    partition.report(events.progress(10, parameters={"dataset": "orders"}))
    partition.report(events.completed(parameters=None))

    (name,) = (name for _, name in partition.d.ascending(JOBS))
    its = jobs.named(partition.d, name)
    assert its
    assert (its.name, len(jobs.ends(partition.d, its))) == ("orders", 1)


def test_an_outcome_knows_those_before_and_of_two_at_once_one_broke_the_job() -> None:
    partition = Partition(asked=True)
    for number, status in enumerate(("Completed", "Failed", "Failed", "Completed")):
        partition.report(sales(number, status))

    assert [event.change for event in partition.routed] == ["", "broke", "", "mended"]
