"""Digests count each run once, and know how long it took as its messages do."""

import json
from dataclasses import replace
from typing import Any

import pytest

from relay.domain.digest_entries import duration_of, section_of, summarize
from relay.domain.digests import build_digest
from relay.domain.identity import by_cause
from relay.domain.parsing import parse
from relay.rendering.localized_values import in_minutes, whole_minutes
from tests.support.events import RECEIVED

Row = dict[str, Any]
AT = "2026-03-09T06:12:00+00:00"
BATCH: Row = {"id": "b", "batch": True, "status": "Completed", "total": 3, "failed_count": 1, "at": AT}
GOOD: Row = {"id": "1", "member_of": "b", "status": "Completed", "at": AT}
BAD: Row = {"id": "2", "member_of": "b", "status": "Failed", "error": "no room", "at": AT}
OTHER: Row = {"id": "3", "status": "Completed", "at": AT}


@pytest.mark.parametrize(
    ("entries", "shown", "completed", "failed"),
    [
        ([BATCH, GOOD, BAD, OTHER], ["b", "3"], 1, 1),
        ([GOOD, BAD, OTHER], ["2", "1", "3"], 2, 1),
        ([BATCH | {"failed_count": 0}, GOOD, OTHER], ["b", "3"], 2, 0),
        ([BATCH | {"failed_count": 0}, BAD], ["2", "b"], 1, 1),  # the batch does not tell of it
        ([BATCH | {"tenant": "another"}, GOOD | {"tenant": "a"}], ["b", "1"], 1, 1),
        ([BATCH | {"tenant": "a"}, GOOD], ["b"], 0, 1),  # the batch's own source states more
        ([BATCH | {"member_of": "b"}], ["b"], 0, 1),  # a sender that uses one id for both
    ],
)
def test_a_batch_and_its_operations_are_counted_once(
    entries: list[Row], shown: list[str], completed: int, failed: int
) -> None:
    document = build_digest("digest", 0, 86_400, entries)

    assert [row["id"] for row in document["entries"]] == shown
    assert (document["totals"]["completed"], document["totals"]["failed"]) == (completed, failed)
    assert document["totals"]["total"] == len(shown)


def test_a_batch_takes_the_causes_of_what_it_stands_for() -> None:
    others = [BAD | {"id": f"{n}", "error": f"Worker {n} died."} for n in range(7, 9)]

    assert build_digest("digest", 0, 86_400, [BATCH, BAD, *others])["entries"] == [
        BATCH | {"error": "2 × Worker 7 died; no room", "failing": ""}
    ]
    assert len(build_digest("cause", 0, 86_400, [BATCH, BAD])["entries"]) == 2


def test_a_batch_keeps_the_causes_that_its_operations_do_not_state_and_the_gravest_stands_first() -> None:
    batch = BATCH | {"failed_count": 3, "failing": "Load, Export, Import"}
    bad = [BAD | {"id": f"{n}", "name": name, "error": cause} for n, (name, cause) in
           enumerate((("Load", "Worker 7 died."), ("Import", "Worker 8 died."), ("Export", "no room")))]  # fmt: skip
    bad[2]["priority"] = "Critical"
    whole = batch | {"error": "Export: no room; Load, Import: Worker 7 died", "failing": ""}

    assert build_digest("digest", 0, 86_400, [batch, *bad])["entries"] == [whole]
    assert build_digest("digest", 0, 86_400, [whole, bad[0]])["entries"] == [whole]
    assert build_digest("digest", 0, 86_400, [batch, bad[0]])["entries"][0]["error"] == "Worker 7 died"


@pytest.mark.parametrize(
    ("operation", "results", "seconds"),
    [
        ({"startTime": "2026-03-09T06:00:00Z", "endTime": "2026-03-09T06:00:03Z"}, {}, 3.0),
        ({"startTime": "2026-03-09T06:00:00Z", "dateCreated": "2026-03-09T05:00:00Z"}, {}, 4.0),
        ({"dateCreated": "2026-03-09T06:00:01Z"}, {}, 3.0),
        ({"duration": 2}, {}, 2.0),
        ({"duration": 2}, {"totalDuration": "5 seconds"}, 5.0),
        ({"startTime": "2026-03-09T06:00:00.2Z", "endTime": "2026-03-09T06:06:39.9Z"}, {}, 399.7),
    ],
)
def test_a_digest_knows_how_long_a_run_took_as_its_message_does(operation: Row, results: Row, seconds: float) -> None:
    body = {"event": "operation.completed", "timestamp": "2026-03-09T06:00:04Z", "results": results,
            "operation": {"operationId": "1", "status": "Completed", "batchId": "b"} | operation}  # fmt: skip
    entry = summarize(parse(body, source="s", received_at=RECEIVED))

    assert duration_of(entry) == seconds
    assert entry["member_of"] == "b"


def test_the_row_of_a_batch_says_why_its_operations_failed() -> None:
    members = [{"operationId": f"{n}", "operationKey": f"k-{n}", "status": "Failed"} for n in range(3)]
    members[2]["error"] = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: no room'
    body = {"event": "batch.completed", "timestamp": AT, "batch": {"batchId": "b", "operations": members}}
    known = {"0": {"cause": "Worker 1 died", "name": "Load"}, "1": {"cause": "Worker 2 died"}}
    entry = summarize(replace(parse(body, source="s", received_at=RECEIVED), members=json.dumps(known)))

    assert (entry["error"], entry["failing"]) == ("Load, k-1: Worker 1 died; k-2: ValueError: no room", "")

    critical = {"2": {"name": "Export", "priority": "Critical"}}
    entry = summarize(replace(parse(body, source="s", received_at=RECEIVED), members=json.dumps(known | critical)))
    assert entry["error"] == "Export: ValueError: no room; Load, k-1: Worker 1 died"

    del members[0], members[0]
    entry = summarize(replace(parse(body, source="s", received_at=RECEIVED), members=json.dumps(critical)))
    assert (entry["error"], entry["failing"]) == ("ValueError: no room", "Export")


def test_a_batch_that_lists_no_operation_does_not_say_how_many_completed() -> None:
    body = {"event": "batch.completed", "timestamp": AT, "batch": {"batchId": "b", "totalOperations": 30}}
    known = {"0": {"cause": "Worker 1 died", "name": "Load", "failed": "Failed"}}
    entry = summarize(replace(parse(body, source="s", received_at=RECEIVED), members=json.dumps(known)))

    assert (entry["total"], entry["failed_count"], entry.get("completed_count"), entry.get("done_count")) == (
        30,
        1,
        None,
        None,
    )


def test_of_a_batch_of_thousands_equal_causes_are_all_counted_and_of_different_ones_the_first() -> None:
    failed = [
        {"operationId": f"{number}", "status": "Failed", "error": {"message": "no room"}} for number in range(9000)
    ]
    for number in range(0, 9000, 2):
        word = "".join(chr(ord("a") + int(digit)) for digit in f"{number}")
        failed[number]["error"] = [{"message": f"No table {word}"}]

    document = {"event": "batch.completed", "batch": {"batchId": "b", "status": "Completed", "operations": failed}}
    entry = summarize(parse(document, source="ops", received_at=RECEIVED))

    assert (entry["failed_count"], entry["error"]) == (9000, "4500 × no room; No table a; No table c")


def test_failures_are_of_one_cause_where_the_history_of_a_job_has_one_error() -> None:
    rows = [{"status": "Failed", "error": error} for error in
            ({"message": "Worker 3 died"}, "Worker 12 died", {"message": "No room"}, None)]  # fmt: skip

    assert [[row["error"] for row in group] for group in by_cause(rows)] == [
        [{"message": "Worker 3 died"}, "Worker 12 died"], [{"message": "No room"}], [None],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "whole", "minutes"), [(599.6, True, 10), (90.0, False, 1), (120.2, True, 2), (1079.0, True, 17)]
)
def test_minutes_are_counted_in_one_way(seconds: float, whole: bool, minutes: int) -> None:
    assert (in_minutes(seconds), whole_minutes(seconds)) == (whole, minutes)


def test_failures_of_one_job_and_cause_share_a_row_and_what_works_again_is_parted() -> None:
    failed = {"name": "Sync 1", "status": "Failed", "error": "no answer for 300 s", "at": AT}
    rows = [
        {"id": "silent", "name": "Slow", "status": "Running", "rule": "silent", "at": AT},
        *(failed | {"id": f"{n}", "name": f"Sync {n}", "error": f"no answer for {n} s"} for n in range(1, 4)),
        failed | {"id": "other", "error": "no room"},
        failed | {"id": "again", "name": "Load 7"},
        {"id": "well", "name": "Load 8", "status": "Completed", "at": "2026-03-09T07:12:00+00:00"},
    ]

    document = build_digest("digest", 0, 86_400, rows)

    shown = [(row["name"], row.get("runs", 1), section_of(row)) for row in document["entries"]]
    assert shown == [
        ("Sync", 3, "attention"), ("Sync 1", 1, "attention"), ("Slow", 1, "attention"),
        ("Load 7", 1, "recovered"), ("Load 8", 1, "done"),
    ]  # fmt: skip
    counts = {name: document["totals"][name] for name in ("attention", "recovered", "failed", "jobs", "median")}
    assert counts == {"attention": 5, "recovered": 1, "failed": 5, "jobs": 2, "median": None}
