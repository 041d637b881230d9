"""Which runs are of one job, how they ended, and what is usual for it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from relay.domain.events import Outcome
from relay.domain.jobs import Job, fold, job_of, named
from relay.domain.outcomes import (
    Usual,
    before,
    late_after,
    outcome_of,
    quantile,
    streaks,
    too_quick,
    usual,
    usual_phases,
)
from tests.support import events
from tests.support.events import completed, event_of, failed

MINUTE, HOUR = 60.0, 3600.0
NAMES = [
    ("Order-to-Cash Q3 EMEA", "Order-to-Cash Q# EMEA"),
    ("Sales 2024-01-20", "Sales #"),
    ("Sales 20.01.2024 07:30", "Sales # #"),
    ("Sales 2024-01-20T07:30:00Z", "Sales #"),
    ("nightly_load_20240120", "nightly_load_#"),
    ("Month end January 2024", "Month end # #"),
    ("Monatsabschluss März", "Monatsabschluss #"),
    ("Montagslauf", "Montagslauf"),
    ("Mayor's report", "Mayor's report"),
    ("Export 3fa85f64-5717-4562-b3fc-2c963f66afa6", "Export #"),
    ("Export 9f8e7d6c5b", "Export #"),
    ("Deadbeef", "Deadbeef"),
    ("  Load \n 7 ", "Load #"),
]


@pytest.mark.parametrize(("name", "folded"), NAMES)
def test_what_differs_from_run_to_run_is_folded(name: str, folded: str) -> None:
    assert fold(name) == folded


def test_a_job_is_of_one_platform_tenant_project_type_and_name() -> None:
    event = completed(operationName="Sales 2024-01-20")

    job = job_of(event)

    assert job == Job("", "tenant-1", "project-1", event.operation.type if event.operation else "", "Sales #")
    assert job_of(completed(operationName="Sales 2024-01-21")) == job
    others = (replace(event, tenant="x"), replace(event, project="x"), replace(event, platform="x"),
              completed(operationName="Sales 2024-01-20", operationType="X"),
              completed(operationName="Purchases 1"))  # fmt: skip
    assert job not in {job_of(other) for other in others}


def test_what_has_no_name_is_of_no_job_and_neither_is_a_batch() -> None:
    batch = event_of({"event": "batch.completed", "batch": {"batchId": "b", "batchName": "Month end"}})

    assert job_of(completed(operationName=None)) is None
    assert job_of(batch) is None


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Sales #", "Sales"),
        ("Sales – #.#", "Sales"),
        ("# Sales # EMEA", "Sales EMEA"),
        ("nightly_load_#", "nightly_load"),
        ("Order-to-Cash Q# EMEA", "Order-to-Cash Q# EMEA"),
        ("#", "Report"),
    ],
)
def test_a_job_has_a_name_for_people(name: str, title: str) -> None:
    assert Job("", "", "", "Report", name).title == title


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("", ""),
        ("{operationType}", "Analysis"),
        ("{operationType}: {parameters.dataset}", "Analysis: sales"),
        ("{parameters.size}", "7"),
        ("{parameters.nothing} x", None),
        ("{tenantId}", "t"),
    ],
)
def test_a_template_says_the_name_where_names_do_not_do(template: str, name: str | None) -> None:
    operation = {"operationType": "Analysis", "parameters": {"dataset": "sales", "size": 7, "more": [1]}}

    assert named(template, operation, {"tenantId": "t", "operationType": "of the body"}) == name


# Ends


def test_an_end_is_read_from_the_outcome() -> None:
    phases = [
        {"phaseName": "Load", "status": "Completed", "duration": "7 minutes",
         "startTime": "2024-01-20T11:18:00Z", "endTime": "2024-01-20T11:25:30Z"},
        {"phaseName": "Train", "status": "Failed", "duration": "3 minutes"},
        {"phaseName": "Report", "status": "Pending"},
        {"phaseName": "Check", "status": "Completed", "duration": "1 minute 5 seconds"},
    ]  # fmt: skip
    event = failed(phases=phases, progress={"startTime": "2024-01-20T11:18:00Z"}, endTime="2024-01-20T11:38:00Z",
                   priority="High")  # fmt: skip

    end = outcome_of(event, "op:0")

    assert (end.run, end.status, end.duration, end.priority) == ("op:0", "Failed", 20 * MINUTE, "High")
    assert end.ended == event.occurred_at.timestamp() - 2 * MINUTE
    assert end.phases == (("Load", 450.0), ("Check", 65.0))
    assert len(end.error) == 12
    assert end.failed
    assert not end.succeeded


@pytest.mark.parametrize(
    ("parts", "duration"),
    [
        ({"totalDuration": "45 minutes"}, 45 * MINUTE),
        ({"totalDuration": 90}, 90.0),
        ({"totalDuration": "15-20 minutes"}, 22 * MINUTE),
        ({}, 22 * MINUTE),
    ],
)
def test_a_stated_duration_goes_before_the_times(parts: dict[str, Any], duration: float) -> None:
    body = events.body("operation.completed", 100, status="Completed", phases=[])
    body["operation"]["progress"]["startTime"] = "2024-01-20T11:18:00Z"

    assert outcome_of(event_of(body | {"results": parts})).duration == duration


def end(run: str, at: float = 0.0, status: str = "Completed", duration: float | None = HOUR, **more: Any) -> Outcome:
    return Outcome(run, status, at, duration=duration, **more)


def test_of_a_run_with_several_outcomes_the_last_counts() -> None:
    ends = [end("a", 1, "Failed"), end("b", 2), end("a", 1, "Timeout"), end("c", 3)]

    assert [(known.run, known.status) for known in before(ends, "c", 9)] == [("a", "Timeout"), ("b", "Completed")]


def test_what_the_last_report_leaves_out_the_ones_before_it_say() -> None:
    first = end("a", 1, "Failed", 7, error="e", phases=(("Load", 1),))

    assert before([first, end("a", 2, "Timeout", None)], "", 9) == (replace(first, status="Timeout", ended=2),)


def test_only_what_ended_before_the_run_is_looked_at_however_late_it_is_told() -> None:
    ends = [end("b", 2), end("a", 1), end("c", 3), end("d", 4)]

    assert [known.run for known in before(ends, "c", 9)] == ["a", "b"]
    assert [known.run for known in before(ends, "not known yet", 2)] == ["a", "b"]
    assert before([], "a", 9) == ()


# Numbers


def test_nothing_is_usual_before_five_successes() -> None:
    four = [end(f"{n}", n) for n in range(4)]
    others = [end("x", status="Failed"), end("y", status="Cancelled"), end("z", duration=None)]

    assert usual([*four, *others]) is None
    assert usual([*four, end("5", 5)]) == Usual(HOUR, HOUR, HOUR)


def test_usual_are_the_tenth_the_middle_and_the_ninetieth() -> None:
    ends = [end(f"{n}", n, duration=n * MINUTE) for n in range(11)]

    assert usual(ends) == Usual(1 * MINUTE, 5 * MINUTE, 9 * MINUTE)
    assert quantile([7.0], 0.9) == 7.0
    assert quantile([0.0, 10.0], 0.25) == 2.5


@pytest.mark.parametrize(
    ("minutes", "verdict"),
    [(88, "usual"), (80, "usual"), (100, "usual"), (108, "usual"), (110, "slow"), (300, "slow"), (72, "usual"),
     (70, "quick"), (0, "quick")],
)  # fmt: skip
def test_what_is_clearly_beyond_the_usual_is_slow_or_quick(minutes: float, verdict: str) -> None:
    assert Usual(80 * MINUTE, 88 * MINUTE, 100 * MINUTE).verdict(minutes * MINUTE) == verdict


def test_a_phase_has_a_median_where_five_successes_tell_of_it() -> None:
    ends = [end(f"{n}", n, phases=(("Load", n), ("Rare", 1.0))[: 2 if n < 4 else 1]) for n in range(5)]

    assert usual_phases([*ends, end("x", status="Failed", phases=(("Load", 999.0),))]) == {"Load": 2}


@pytest.mark.parametrize(
    ("statuses", "failures", "successes"),
    [
        ("", 0, 0),
        ("CCC", 0, 3),
        ("CCF", 1, 0),
        ("CFT", 2, 0),
        ("FxF", 2, 0),
        ("FxC", 0, 1),
        ("CCx", 0, 2),
        ("CFFC", 0, 1),
    ],
)
def test_failures_and_successes_in_a_row_pass_over_cancelled_runs(statuses: str, failures: int, successes: int) -> None:
    names = {"C": "Completed", "F": "Failed", "T": "Timeout", "x": "Cancelled"}
    row = streaks([end(f"{n}", n, names[letter]) for n, letter in enumerate(statuses)])

    assert (len(row.failures), row.successes) == (failures, successes)
    assert [*row.failures] == sorted(row.failures, key=lambda failure: failure.ended)


@pytest.mark.parametrize(
    ("minutes", "limit"),
    [((60,) * 4, None), ((60,) * 5, 90), ((40,) * 12, 60), ((1,) * 10, 6), (range(1, 12), 15), ((9,) * 19 + (99,), 14)],
)
def test_a_run_is_late_half_as_much_beyond_the_slowest_usual_one(minutes: Sequence[float], limit: float | None) -> None:
    ends = [end(f"{n}", n, duration=lasted * MINUTE) for n, lasted in enumerate(minutes)]

    assert late_after(ends) == (limit and limit * MINUTE)


@pytest.mark.parametrize(
    ("successes", "seconds", "quick"),
    [(9, 60, False), (10, 60, True), (10, 30 * MINUTE, False), (10, 29 * MINUTE, True)],
)
def test_a_run_is_too_quick_below_half_of_what_ten_successes_take(successes: int, seconds: float, quick: bool) -> None:
    ends = [end(f"{n}", n) for n in range(successes)] + [end("x", status="Failed", duration=1)] * 20

    assert too_quick(ends, seconds) is quick


def test_of_a_job_of_seconds_none_is_too_quick() -> None:
    assert not too_quick([end(f"{n}", n, duration=20) for n in range(10)], 1)
