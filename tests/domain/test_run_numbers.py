"""Which run an event is of, where the platform counts some of them, relay others, and a retry has an id of its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from relay.domain.events import Event
from relay.domain.facts import fill
from relay.domain.run_ends import RunEnd, read_ends, write_ends
from relay.domain.run_numbers import compare, latest_begin, number_run
from tests.support import events

RESTARTED = {"runs": "1", "began": "1705749600000", "restarts": "1"}  # once, without being counted by the platform


def test_a_retry_under_a_new_id_does_not_count_the_restarts_of_its_original_twice() -> None:
    """Its number is one after the original's last, which includes them; so is that of all its events."""
    retry = events.progress(10, operationId="op-2", originalOperationId="op-1")

    assert number_run(retry, {**RESTARTED, "original": "op-1", "retry": "2"}) == (2, 0)


def test_the_original_itself_counts_them() -> None:
    assert number_run(events.progress(10, retryNumber=0), RESTARTED) == (1, 1)


def test_a_start_at_the_very_end_that_is_known_is_no_new_run() -> None:
    start = events.started(retryNumber=0, progress={"startTime": "2024-01-20T11:00:00Z"})
    ended = int(datetime(2024, 1, 20, 11, tzinfo=UTC).timestamp() * 1000)

    runs = [number_run(start, {"runs": "0", "ended": f"{moment}"}) for moment in (ended, ended - 1)]

    assert runs == [(0, 0), (1, 1)]


def alert(status: str, started: str = "", ended: str = "", received: str = "11:06:30") -> Event:
    times = {"startTime": started and f"2024-01-20T{started}Z", "endTime": ended and f"2024-01-20T{ended}Z"}
    make: Callable[..., Event] = events.failed if status == "Failed" else events.completed
    received_at = datetime.fromisoformat(f"2024-01-20T{received}Z")
    stated = make(operationType="alert", progress=None, retryNumber=None, **times)
    return replace(stated, mapped=True, received_at=received_at)


@pytest.mark.parametrize(
    ("earlier", "report", "run", "late"),
    [
        ([alert("Failed", "11:00:00")], alert("Completed", "11:00:00", "11:05:00"), 0, False),
        ([alert("Failed", "11:00:00")], alert("Failed", "11:00:00"), 0, False),
        ([alert("Completed", "11:00:00", "11:05:00")], alert("Failed", "11:00:00"), 0, True),  # old, and sent again
        ([alert("Completed", "11:00:00", "11:05:00")], alert("Failed", "11:04:00"), 0, True),
        ([alert("Completed", "11:00:00", "11:05:00")], alert("Failed", "11:00:00", received="11:21:00"), 1, False),
        ([alert("Completed", "11:00:00", "11:05:00")], alert("Failed", "11:06:00"), 1, False),
        ([alert("Completed", "11:00:00", "11:05:00")], alert("Failed"), 1, False),
        ([alert("Completed", "11:00:00", "11:05:00"), alert("Failed", "11:06:00")],
         alert("Completed", "11:00:00", "11:05:00"), 0, False),  # resolves nothing that fires since
        ([alert("Completed", "11:00:00", "11:05:00"), alert("Failed", "11:06:00")],
         alert("Failed", "10:00:00"), 0, True),
    ],
)  # fmt: skip
def test_an_alert_fires_anew_only_after_it_was_resolved(
    earlier: list[Event], report: Event, run: int, late: bool
) -> None:
    ends = ""
    for event in earlier:
        known = compare(event, {"ends": ends})
        ends = known.compared.after if known.compared else ""

    told = compare(report, {"ends": ends})
    assert told.retry == run
    assert told.compared
    assert told.compared.late == late


@pytest.mark.parametrize("mapped", [True, False])
def test_phases_of_foreign_senders_alone_begin_a_new_run_after_the_end(mapped: bool) -> None:
    known = {"runs": "0", "ended": f"{int(datetime(2024, 1, 20, 11, tzinfo=UTC).timestamp() * 1000)}"}
    clean_up = {"phases": [{"phaseName": "clean up", "startTime": "2024-01-20T11:00:05Z"}]}
    event = replace(events.progress(90, retryNumber=0, **clean_up), mapped=mapped)

    assert bool(latest_begin(event)) == mapped
    assert number_run(event, known) == ((1, 1) if mapped else (0, 0))
    assert not replace(events.failed(operationType="alert"), mapped=False).is_alert


def test_each_end_after_a_sign_that_the_run_went_on_is_of_another_run_though_all_state_one_start() -> None:
    ends, runs = "", []
    for hour in (8, 9, 10):  # a failure, another after the execution was taken up again, and its success
        end = {"startTime": "2024-01-20T08:00:00Z", "endTime": f"2024-01-20T{hour:02}:10:00Z", "progress": None}
        event = replace(events.failed(retryNumber=None, **end) if hour < 10 else events.completed(**end), mapped=True)
        went_on = int(datetime(2024, 1, 20, hour, tzinfo=UTC).timestamp() * 1000)
        facts = {"runs": f"{max(runs, default=0)}", "restarts": f"{max(runs, default=0)}", "ends": ends}
        told = compare(filled := fill(event, facts), facts | {"went_on": f"{went_on}"})
        assert filled.retry == max(runs, default=0)
        assert told.compared
        ends, runs = told.compared.after, [*runs, told.retry]

    assert runs == [0, 1, 2]


def dated(status: str, second: float, *, mapped: bool = True, received: int = 50, **stated: Any) -> Event:
    """An end whose report states when it was, and nothing else that tells runs apart."""
    make: Callable[..., Event] = {"Failed": events.failed, "Cancelled": events.cancelled}.get(status, events.completed)
    moment = datetime(2024, 1, 20, 11, tzinfo=UTC) + timedelta(seconds=second)
    event = make(progress=None, retryNumber=None, **stated)
    return replace(event, mapped=mapped, occurred_at=moment, received_at=moment + timedelta(seconds=received))


@pytest.mark.parametrize(
    ("earlier", "report", "turn"),
    [
        ([dated("Failed", 0)], dated("Completed", 2), 1),
        ([dated("Completed", 2)], dated("Failed", 60), 1),
        ([dated("Failed", 0)], dated("Completed", 1), 0),  # of one moment: it corrects what is known
        ([dated("Failed", 0), dated("Completed", 1)], dated("Failed", 60), 1),
        ([dated("Failed", 0), dated("Completed", 30, mapped=False)], dated("Failed", 60), 1),  # the platform was asked
        ([dated("Failed", 0)], dated("Failed", 60), 0),  # senders repeat
        ([dated("Failed", 0), dated("Failed", 60)], dated("Completed", 30), -1),
        ([dated("Completed", 60)], dated("Failed", 30), -1),
        ([dated("Failed", 0)], dated("Cancelled", 60), 0),
        ([dated("Failed", 0)], dated("Completed", 60, startTime="2024-01-20T10:00:00Z"), 0),  # it states more
    ],
)
def test_an_opposite_end_that_states_its_date_alone_is_of_another_run(
    earlier: list[Event], report: Event, turn: int
) -> None:
    first, *others = map(RunEnd.of, earlier)
    known = reduce(RunEnd.completed, others, first)

    assert known.turn(RunEnd.of(report)) == turn
    assert read_ends(write_ends([known])) == [known]


def test_an_end_that_reconciliation_corrects_is_no_new_run() -> None:
    known = compare(dated("Failed", 0), {}).compared
    assert known

    told = compare(dated("Completed", 60, mapped=False), {"ends": known.after, "ended": "1705748400000"})
    assert told.retry == 0
    assert told.compared
    assert told.compared.completes == "Failed"


@pytest.mark.parametrize(("second", "attempt", "same"), [(9, 2, True), (9, 3, False), (90, 2, False)])
def test_an_attempt_stated_equal_outweighs_a_start_that_differs_by_seconds(
    second: int, attempt: int, same: bool
) -> None:
    stated = {"progress": None, "startTime": "2024-01-20T11:00:00Z", "retryNumber": 2}
    later = {"startTime": f"2024-01-20T11:0{second // 60}:{second % 60:02}Z", "retryNumber": attempt}
    first, other = (RunEnd.of(events.failed(**(stated | more))) for more in ({}, later))

    assert first.begins_anew(other, 0) is not same
    assert other.started_after(first) is not same


def test_an_end_that_an_older_release_recorded_is_read() -> None:
    end = RunEnd(1, 0, "Failed", ended=1000)
    older = write_ends([end]).rsplit(" ", 1)[0]

    assert read_ends(older) == [end]
