"""Presets: what relay makes of the documents of each sender."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relay.config.formats import preset, preset_names
from relay.domain.parsing import parse
from relay.formats.mapping import Reading
from tests.support import foreign
from tests.support.foreign import build, dbt_run, pipeline, workflow_job, workflow_run

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SECRETIVE = {"aws-eventbridge", "gitlab", "jenkins", "prefect"}  # whose bodies may hold anything
SAMPLES = os.environ.get("RELAY_SENDER_SAMPLES", "")


def read(name: str, document: Any) -> Reading:
    return preset(name).readings(document)[0]


def status(name: str, document: Any) -> str:
    reading = read(name, document)
    return f"ignored: {reading.ignored}" if reading.ignored else parse(
        reading.document or {}, source="it", received_at=NOW
    ).status  # fmt: skip


@pytest.mark.parametrize("name", preset_names())
def test_bodies_are_kept_of_senders_that_send_no_secrets(name: str) -> None:
    assert preset(name).keep_bodies == (name not in SECRETIVE)


@pytest.mark.parametrize(
    ("state", "conclusion", "expected"),
    [
        ("queued", None, "Initiated"), ("requested", None, "Initiated"), ("waiting", None, "Initiated"),
        ("completed", "action_required", "Initiated"), ("in_progress", None, "Running"),
        ("completed", "success", "Completed"), ("completed", "neutral", "Completed"),
        ("completed", "failure", "Failed"), ("completed", "startup_failure", "Failed"),
        ("completed", "cancelled", "Cancelled"), ("completed", "stale", "Cancelled"),
        ("completed", "timed_out", "Timeout"),
        ("completed", "skipped", "ignored: a status that says nothing of a run"),
    ],
)  # fmt: skip
def test_a_workflow_run_is_what_its_conclusion_says_whatever_its_action(
    state: str, conclusion: str | None, expected: str
) -> None:
    assert status("github-actions", workflow_run(state, conclusion) | {"action": "in_progress"}) == expected


def test_a_workflow_run_keeps_what_people_ask_for() -> None:
    document = read("github-actions", workflow_run(attempt=2)).document or {}
    operation = document["operation"]

    assert (document["tenantId"], document["projectId"]) == ("acme", "acme/shop")
    assert operation["operationId"] == "7700000001"
    assert operation["retryNumber"] == 1
    assert operation["startTime"] == "2026-11-22T02:00:00+00:00"
    assert operation["trackingUrl"].endswith("/actions/runs/7700000001/attempts/2")
    assert operation["owner"] == {"name": "jon"}
    assert operation["labels"] == {"branch": "main", "event": "schedule", "sha": "5f1c0de"}
    assert operation["priority"] == "High"


def test_a_workflow_without_a_name_is_called_by_its_file() -> None:
    document = read("github-actions", workflow_run(name="") | {"workflow": {}}).document or {}

    assert document["operation"]["operationName"] == ".github/workflows/nightly.yml"


def test_a_job_is_a_phase_and_never_the_end_of_its_run() -> None:
    failed = read("github-actions", workflow_job("linters", conclusion="failure")).document or {}
    event = parse(failed, source="github", received_at=NOW)

    assert (event.name, event.status, event.phase_name) == ("operation.phase.completed", "Running", "linters")
    assert event.phase["message"] == "step failed: Run pytest"
    assert read("github-actions", workflow_job("linters", "queued", None)).ignored == "a phase that has not begun"
    begun = parse(read("github-actions", workflow_job("linters", "in_progress", None)).document or {},
                  source="github", received_at=NOW)  # fmt: skip
    assert (begun.name, begun.phase_name) == ("operation.progress", "linters")


@pytest.mark.parametrize(
    "document", [foreign.PING, {"deployment_status": {"state": "success"}}, {}, {"object_kind": "push"}]
)
@pytest.mark.parametrize("name", ["github-actions", "gitlab", "dbt-cloud"])
def test_what_is_about_no_run_is_ignored(name: str, document: Any) -> None:
    reading = read(name, document)

    assert reading.ignored
    assert not reading.missing


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("created", "Initiated"), ("pending", "Initiated"), ("running", "Running"), ("manual", "Running"),
        ("success", "Completed"), ("failed", "Failed"), ("canceled", "Cancelled"),
        ("skipped", "ignored: a status that says nothing of a run"),
    ],
)  # fmt: skip
def test_a_pipeline_is_what_its_status_says(state: str, expected: str) -> None:
    assert status("gitlab", pipeline(state, [])) == expected


def test_a_pipelines_jobs_are_a_percentage_and_the_cause_is_a_job_that_may_not_fail() -> None:
    builds = [
        build("deploy", "failed", allow_failure=True, failure_reason="script_failure"), build("unit", "success"),
        build("lint", "failed", failure_reason="job_execution_timeout"), build("docs", "running"),
    ]  # fmt: skip
    running = read("gitlab", pipeline("running", builds)).document or {}
    failed = read("gitlab", pipeline("failed", builds)).document or {}

    assert running["operation"]["progress"] == {"percentage": 75.0, "phasesCompleted": 3, "totalPhases": 4}
    assert "error" not in running
    assert failed["error"] == {"message": "lint: job_execution_timeout"}
    assert failed["timestamp"] == "2026-11-21T09:09:00+00:00"
    assert failed["operation"]["operationDescription"] == "Raise the limit"


def test_beyond_the_hundredth_job_of_a_pipeline_percentage_and_cause_hold() -> None:
    jobs = [build(f"job {number}", "success", started_at="2026-11-21 10:00:00 UTC") for number in range(299)]
    retried = build("last", "failed", failure_reason="script_failure", started_at="2026-11-21 11:00:00 UTC")
    running, failed = (read("gitlab", pipeline(status, [*jobs, retried])).document for status in ("running", "failed"))

    assert running and running["operation"]["progress"]["totalPhases"] == 300
    assert running["operation"]["progress"]["percentage"] == 100.0
    assert len(running["operation"]["phases"]) == 100
    assert running["operation"]["phases"][-1]["phaseName"] == "last"
    assert failed and failed["error"]["message"] == "last: script_failure"


@pytest.mark.parametrize("event", ["job.run.completed", "job.run.errored"])
def test_of_a_failed_dbt_run_both_events_tell_the_same_end(event: str) -> None:
    document = read("dbt-cloud", dbt_run(event, "Errored", runStatusMessage="Database Error in model orders")).document

    assert document is not None
    assert document["operation"]["status"] == "Failed"
    assert document["error"] == {"message": "Database Error in model orders"}
    assert document["timestamp"] == "2026-11-21T05:00:09.123456+00:00"


def test_none_as_a_text_is_none() -> None:
    document = read("dbt-cloud", dbt_run("job.run.errored", "Errored")).document or {}

    assert "error" not in document


def test_a_word_that_no_row_has_is_named() -> None:
    reading = read("github-actions", workflow_run("completed", "melted"))

    assert (reading.missing, reading.unknown) == ("status", (("status", "melted"),))


@pytest.mark.skipif(not SAMPLES, reason="RELAY_SENDER_SAMPLES names no folder with documents of real senders")
def test_documents_of_real_senders_are_read() -> None:
    folders = {name: Path(SAMPLES, {"jenkins": "jenkins-notification"}.get(name, name)) for name in preset_names()}
    kinds = {name: sorted(folder.glob("*.json")) for name, folder in folders.items()}
    readings = {
        f"{name}/{file.stem}.{place}": reading
        for name, files in kinds.items()
        for file in files
        for place, reading in enumerate(preset(name).readings(json.loads(file.read_text("utf-8"))))
    }

    assert {name for name, files in kinds.items() if not files} == set()
    without_run = {file for file, reading in readings.items() if reading.missing}
    assert all(file.startswith("openlineage/spark.") for file in without_run)  # patterns, which leave out the run's id
    for file in readings.keys() - without_run:
        reading = readings[file]
        assert reading.ignored or parse(reading.document or {}, source="it", received_at=NOW).own_id, file
