"""Presets: what relay makes of the documents of each sender."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relay.config.formats import preset, preset_names
from relay.domain.error_reader import cause_of
from relay.domain.parsing import parse
from relay.formats.cases import Reading
from tests.support import foreign
from tests.support.issuers import pubsub

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SECRETIVE = {"aws-eventbridge", "gitlab", "jenkins", "prefect"}  # whose bodies may hold anything
SAMPLES = os.environ.get("RELAY_SENDER_SAMPLES", "")
Row = tuple[str, Any, tuple[str, ...], str]


def row(name: str, document: Any, *expected: str, kind: str = "") -> Row:
    return name, document, (*expected, "")[:4], kind


def rows(
    name: str, make: Callable[[Any], Any], words: Mapping[Any, str], *, run: str, job: str, error: str = ""
) -> Iterator[Row]:
    """Make a row for each of their words and ours. `error`: of those that failed."""
    for theirs, ours in words.items():
        yield row(name, make(theirs), ours, run, job, error if ours in ("Failed", "Timeout") else "")


BUILD, STEPS = "https://ci.example.com/job/shop/31/", "arn:aws:states:eu:1234:execution:load:n1"
TRACE = f"""Traceback (most recent call last):
  File "load.py", line 7, in main
    {"step() or " * 300}stop()
ValueError: no rows in orders"""
FAILED = {"errorMessage": {"message": "division by zero\nstack"}}
# Of each document: the status that relay reads, its run and its job, and its error; the kind of a CloudEvent.
READ: list[Row] = [
    *rows("github-actions", lambda ended: foreign.workflow_run(*ended) | {"action": "in_progress"}, {
              ("queued", None): "Initiated", ("requested", None): "Initiated", ("waiting", None): "Initiated",
              ("completed", "action_required"): "Initiated", ("in_progress", None): "Running",
              ("completed", "success"): "Completed", ("completed", "neutral"): "Completed",
              ("completed", "failure"): "Failed", ("completed", "startup_failure"): "Failed",
              ("completed", "cancelled"): "Cancelled", ("completed", "stale"): "Cancelled",
              ("completed", "timed_out"): "Timeout", ("completed", "skipped"): "Cancelled",
          }, run="7700000001", job="Nightly checks"),
    row("github-actions", foreign.workflow_run("queued", None, name="") | {"workflow": {}}, "Initiated", "7700000001",
        ".github/workflows/nightly.yml"),
    *(row("github-actions", foreign.workflow_job("unit", state, conclusion), "Running", "7700000001", "Nightly checks")
      for state, conclusion in (("in_progress", None), ("completed", "failure"))),
    *rows("gitlab", lambda status: foreign.pipeline(status, []), {
        "created": "Initiated", "pending": "Initiated", "running": "Running", "manual": "Running",
        "success": "Completed", "failed": "Failed", "canceled": "Cancelled", "skipped": "Cancelled",
    }, run="31", job="acme/shop main"),
    *(row("dbt-cloud", foreign.dbt_run(event, "Errored", runStatusMessage="Database Error"), "Failed", "90210",
          "Orders, hourly", "Database Error") for event in ("job.run.completed", "job.run.errored")),
    row("dbt-cloud", foreign.dbt_run("job.run.errored", "Errored"), "Failed", "90210", "Orders, hourly"),
         # None as a text
    *rows("jenkins", lambda phase: foreign.jenkins(*phase), {
        ("QUEUED",): "Initiated", ("STARTED",): "Running", ("COMPLETED", "SUCCESS"): "Completed",
        ("COMPLETED", "UNSTABLE"): "Failed", ("FINALIZED", "FAILURE"): "Failed", ("FINALIZED", "ABORTED"): "Cancelled",
    }, run=BUILD, job="shop"),
    *rows("terraform-cloud", foreign.terraform, {
        "pending": "Initiated", "planning": "Running", "planned": "Running", "applying": "Running",
        "policy_checked": "Running", "applied": "Completed", "planned_and_finished": "Completed",
        "errored": "Failed", "discarded": "Cancelled",
    }, run="run-A1", job="acme/prod", error="As it says"),
    row("terraform-cloud", foreign.terraform("canceled", "run:errored"), "Cancelled", "run-A1", "acme/prod"),
    *rows("databricks", lambda event: foreign.databricks(f"jobs.on_{event}"),
          {"start": "Running", "success": "Completed", "failure": "Failed"}, run="900", job="orders"),
    row("databricks", foreign.databricks("jobs.on_failure", task_key="load"), "Running", "800", ""),
    row("airbyte", foreign.airbyte(success=True), "Completed", "77", "CRM to lake"),
    row("airbyte", foreign.airbyte(success=False), "Failed", "77", "CRM to lake", "quota exceeded"),
    *rows("fivetran", lambda sync: foreign.fivetran(*sync), {
        ("sync_start",): "Running", ("sync_end", "SUCCESSFUL"): "Completed",
        ("sync_end", "FAILURE_WITH_TASK"): "Failed",
    }, run="s-1", job="crm"),
    *rows("prefect", lambda state: foreign.prefect(state, "Killed by the kernel"),
          {"PENDING": "Initiated", "RUNNING": "Running", "CRASHED": "Failed"},
          run="0a1b", job="orders", error="Killed by the kernel"),
    *rows("aws-eventbridge", foreign.execution, {
        "RUNNING": "Running", "SUCCEEDED": "Completed", "FAILED": "Failed", "ABORTED": "Cancelled",
        "TIMED_OUT": "Timeout",
    }, run=STEPS, job="load", error="Lambda was throttled"),
    *rows("aws-eventbridge", lambda status: foreign.aws("batch", jobId="b-1", jobName="load", status=status,
                                                statusReason="Host terminated"),
          {"RUNNABLE": "Initiated", "FAILED": "Failed"}, run="b-1", job="load", error="Host terminated"),
    *rows("aws-eventbridge", lambda state: foreign.aws("glue", jobRunId="g-1", jobName="load", state=state,
        message="As said"),
          {"TIMEOUT": "Timeout", "SUCCEEDED": "Completed"}, run="g-1", job="load", error="As said"),
    row("alertmanager", foreign.alerts(foreign.alert("Down", team="db", cluster="eu", namespace="shop")), "Failed",
        "Down-db-eu-shop/2026-11-21T05:00:00.5Z", "Down", "Down does not answer"),
    row("alertmanager", foreign.alerts(foreign.alert("Down", "resolved", instance="a:1")), "Completed",
        "Down-a:1/2026-11-21T05:00:00.5Z", "Down (a:1)"),
    row("alertmanager", foreign.alerts(foreign.alert("Down", pod="a-1")), "Failed",
        "Down-a-1/2026-11-21T05:00:00.5Z", "Down (a-1)",
        "Down does not answer"),
    *rows("openlineage", lambda event: foreign.lineage(event, **FAILED), {
        "START": "Initiated", "COMPLETE": "Completed", "FAIL": "Failed", "ABORT": "Cancelled",
    }, run="r-1", job="daily.load", error="division by zero\nstack"),
    row("openlineage", foreign.lineage("FAIL", task=True), "Running", "dag-1", ""),
    *rows("google-cloud-build", lambda status: pubsub(foreign.build_of_google(status)), {
        "QUEUED": "Initiated", "WORKING": "Running", "SUCCESS": "Completed", "FAILURE": "Failed",
        "INTERNAL_ERROR": "Failed", "CANCELLED": "Cancelled", "TIMEOUT": "Timeout", "EXPIRED": "Timeout",
    }, run="b-1", job="deploy shop", error="step 2 exited with 1"),
    *(
        row("tekton", foreign.pipeline_run(status, reason), ours, "u-1", "release",
            "Tasks Completed: 3 (Failed: 1)" if ours in ("Failed", "Timeout") else "",
            kind=f"dev.tekton.event.pipelinerun.{kind}.v1")
        for kind, status, reason, ours in (
            ("started", "", "", "Initiated"), ("started", "Unknown", "Started", "Initiated"),
            ("running", "Unknown", "Running", "Running"), ("unknown", "Unknown", "Running", "Running"),
            ("successful", "True", "Completed", "Completed"), ("successful", "True", "Succeeded", "Completed"),
            ("failed", "False", "Failed", "Failed"), ("failed", "False", "CouldntGetTask", "Failed"),
            ("failed", "False", "Cancelled", "Cancelled"), ("failed", "False", "PipelineRunTimeout", "Timeout"),
        )
    ),
    row("tekton", foreign.task_run("True", "Succeeded"), "Completed", "t-1", "lint"),
    row("tekton", foreign.task_run("False", "TaskRunTimeout"), "Timeout", "t-1", "lint", "exit 1"),
    row("tekton", foreign.task_run("False", "Failed", owned=True), "Running", "u-1", ""),
    row("cloudevents", foreign.of_a_backup("started"), "Running", "b-7", "/jobs"),
    row("cloudevents", foreign.of_a_backup("failed", {"job": "backup", "error": {"message": "disk full", "code": "E7"},
                                              "progress": 40, "link": "https://a"}),
        "Failed", "b-7", "backup", "disk full"),
    row("cloudevents", {"job": "backup"}, "Completed", "s-1", "backup", kind="com.example.backup.finished"),
]  # fmt: skip
SENT = [(name, document) for name, document, _, _ in READ]


@pytest.mark.parametrize(("name", "document", "expected", "kind"), READ)
def test_a_document_is_read_as(name: str, document: Any, expected: tuple[str, ...], kind: str) -> None:
    headers = foreign.CLOUD | {"ce-type": kind} if kind else {}
    event = parse(preset(name).readings(document, headers=headers)[0].document or {}, source=name, received_at=NOW)

    assert event.operation is not None
    assert (event.status, event.own_id, event.operation.name, event.error.get("message", "")) == expected


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("aws-eventbridge", foreign.execution("FAILED", TRACE)),
        ("tekton", foreign.task_run("False", "Failed", message=TRACE)),
        ("tekton", foreign.task_run("False", "Failed", owned=True, message=TRACE)),
        ("google-cloud-build", pubsub(foreign.build_of_google("FAILURE", TRACE))),
        ("openlineage", foreign.lineage("FAIL", errorMessage={"message": TRACE})),
    ],
)  # fmt: skip
def test_the_cause_is_found_in_the_whole_error(name: str, document: Any) -> None:
    event = parse(read(name, document).document or {}, source=name, received_at=NOW)

    assert cause_of((event.error or event.phase)["message"]) == "ValueError: no rows in orders"


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("github-actions", foreign.PING), ("github-actions", {"deployment_status": {"state": "success"}}),
        ("gitlab", {"object_kind": "push"}), ("dbt-cloud", {}),
        ("jenkins", {"name": "shop"}),
        ("terraform-cloud", {"run_id": None, "notifications": [{"trigger": "verification"}]}),
        ("databricks", {"event_type": "ping"}), ("databricks",
            foreign.databricks("jobs.on_streaming_backlog_exceeded")),
        ("airbyte", {"text": "Hello"}), ("fivetran", {"event": "sync_end", "connector_id": "c"}),
        ("fivetran", foreign.fivetran("connector_created")), ("prefect", {"event": "prefect.task-run.Running",
            "resource": {}}),
        ("aws-eventbridge", foreign.aws("ec2", state="running")),
        ("openlineage", {"job": {"name": "x"}, "dataset": {}}),
        ("prefect", {"event": "prefect.flow-run.heartbeat", "resource": {"prefect.resource.id": "prefect.flow-run.0"}}),
        ("google-cloud-build", pubsub({"text": "hello"})), ("google-cloud-build", {"message": {"attributes": {}}}),
        ("tekton", {"customRun": {"metadata": {"uid": "c"}}}), ("cloudevents", foreign.of_a_backup("rotated")),
        ("cloudevents", foreign.cloud_event(type="com.example.backup.failed")),
        ("cloudevents", {"id": "r-1", "state": "ok"}),
    ],
)  # fmt: skip
def test_other_documents_are_ignored(name: str, document: Any) -> None:
    assert preset(name).readings(document)[0].ignored


@pytest.mark.parametrize("name", preset_names())
def test_bodies_are_kept_of_senders_that_send_no_secrets(name: str) -> None:
    assert preset(name).keep_bodies == (name not in SECRETIVE)


def read(name: str, document: Any) -> Reading:
    return preset(name).readings(document)[0]


def test_a_workflow_run_keeps_what_people_ask_for() -> None:
    document = read("github-actions", foreign.workflow_run(attempt=2)).document or {}
    operation = document["operation"]

    assert (document["tenantId"], document["projectId"]) == ("acme", "acme/shop")
    assert operation["operationId"] == "7700000001"
    assert operation["retryNumber"] == 1
    assert operation["startTime"] == "2026-11-22T02:00:00+00:00"
    assert operation["trackingUrl"].endswith("/actions/runs/7700000001/attempts/2")
    assert operation["owner"] == {"name": "jon"}
    assert operation["labels"] == {"branch": "main", "event": "schedule", "sha": "5f1c0de"}
    assert operation["priority"] == "High"


def test_a_branch_of_a_fork_is_none_of_the_repositorys() -> None:
    document = read("github-actions", foreign.workflow_run(head_repository={"full_name": "eve/shop"})).document or {}
    job = read("github-actions", foreign.workflow_job("unit")).document or {}

    assert document["operation"]["labels"]["branch"] == "eve/shop:main"
    assert document["operation"]["priority"] == "Normal"
    assert job["operation"].keys().isdisjoint({"labels", "priority"})


def test_a_pipelines_jobs_are_a_percentage_and_the_cause_is_a_job_that_may_not_fail() -> None:
    builds = [
        foreign.build("deploy", "failed", allow_failure=True, failure_reason="script_failure"),
        foreign.build("unit", "success"),
        foreign.build("lint", "failed", failure_reason="job_execution_timeout"), foreign.build("docs", "running"),
    ]  # fmt: skip
    running = read("gitlab", foreign.pipeline("running", builds)).document or {}
    failed = read("gitlab", foreign.pipeline("failed", builds)).document or {}

    assert running["operation"]["progress"] == {"percentage": 75.0, "phasesCompleted": 3, "totalPhases": 4}
    assert "error" not in running
    assert [it["status"] for it in running["operation"]["phases"]] == ["Completed", "Completed", "Failed", "Running"]
    assert failed["error"] == {"message": "lint: job_execution_timeout"}
    assert failed["timestamp"] == "2026-11-21T09:09:00+00:00"
    assert failed["operation"]["operationDescription"] == "Raise the limit"


def test_beyond_the_hundredth_job_of_a_pipeline_percentage_and_cause_hold() -> None:
    jobs = [foreign.build(f"job {number}", "success", started_at="2026-11-21 10:00:00 UTC") for number in range(299)]
    retried = foreign.build("last", "failed", failure_reason="script_failure", started_at="2026-11-21 11:00:00 UTC")
    running, failed = (
        read("gitlab", foreign.pipeline(status, [*jobs, retried])).document for status in ("running", "failed")
    )

    assert running and running["operation"]["progress"]["totalPhases"] == 300
    assert running["operation"]["progress"]["percentage"] == 100.0
    assert len(running["operation"]["phases"]) == 100
    assert running["operation"]["phases"][-1]["phaseName"] == "last"
    assert failed and failed["error"]["message"] == "last: script_failure"


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


def test_a_job_is_a_phase_of_its_run_with_its_cause() -> None:
    failed = read("github-actions", foreign.workflow_job("linters", conclusion="failure")).document or {}

    assert failed["event"] == "operation.phase.completed"
    assert failed["timestamp"] == "2026-11-21T02:05:00+00:00"
    assert failed["phase"]["message"] == "step failed: Run pytest"
    begun = read("github-actions", foreign.workflow_job("linters", "in_progress", None)).document or {}
    assert (begun["event"], begun["phase"]["phaseName"]) == ("operation.progress", "linters")


def test_a_task_of_a_dag_is_a_phase_of_it_and_another_run_is_one_of_a_batch() -> None:
    task = preset("openlineage").readings(foreign.lineage("FAIL", task=True, **FAILED))[0].document or {}
    parent = {"run": {"runId": "app"}, "job": {"name": "Nightly"}}
    (query,) = preset("openlineage").readings(foreign.lineage("START", parent=parent))

    assert task["phase"] == {"phaseName": "daily.load", "status": "Failed", "message": "division by zero\nstack",
                             "endTime": "2026-11-21T05:00:00+00:00"}  # fmt: skip
    assert (query.document or {})["operation"]["batchId"] == "app"
    assert (query.document or {})["operation"]["batchName"] == "Nightly"


@pytest.mark.parametrize(("theirs", "branch"), [("origin/main", "main"), ("main", "main"), ("4", "4")])
def test_a_branch_of_jenkins_is_named_as_people_name_it(theirs: str, branch: str) -> None:
    document = foreign.jenkins("STARTED")
    document["build"]["scm"] = {"branch": theirs, "commit": "5f1c"}

    its = preset("jenkins").readings(document)[0].document or {}

    assert its["operation"]["labels"] == {"branch": branch, "sha": "5f1c"}


def test_steps_and_tasks_are_phases() -> None:
    built = preset("google-cloud-build").readings(pubsub(foreign.build_of_google("WORKING")))[0].document or {}
    task = preset("tekton").readings(foreign.task_run("False", "Failed", owned=True))[0].document or {}

    assert built["operation"]["progress"] == {"percentage": 50.0, "phasesCompleted": 1, "totalPhases": 2}
    assert [phase["phaseName"] for phase in built["operation"]["phases"]] == ["test", "gcr.io/cloud-builders/docker"]
    assert task["phase"] == {"phaseName": "lint-it", "status": "Failed", "message": "exit 1",
                             "startTime": "2026-11-21T05:00:00+00:00",
                             "endTime": "2026-11-21T05:04:00+00:00"}  # fmt: skip
