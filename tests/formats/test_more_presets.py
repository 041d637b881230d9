"""Presets of senders that tell of a run in few fields: what relay makes of each status."""

from datetime import UTC, datetime
from typing import Any

import pytest

from relay.config.formats import preset
from relay.domain.parsing import parse
from tests.support.foreign import alert, alerts, jenkins

NOW = datetime(2026, 11, 22, tzinfo=UTC)
Document = dict[str, Any]


def terraform(status: str, trigger: str = "run:completed") -> Document:
    notification = {
        "trigger": trigger, "run_status": status, "message": "As it says", "run_updated_at": "2026-11-21T05:07:00Z",
    }  # fmt: skip
    return {
        "run_id": "run-A1", "run_url": "https://app.terraform.io/app/acme/prod/runs/A1", "run_message": "More disks",
        "run_created_at": "2026-11-21T05:00:00Z", "run_created_by": "mara", "workspace_name": "prod",
        "organization_name": "acme", "notifications": [notification],
    }  # fmt: skip


def databricks(event: str, **task: str) -> Document:
    run = {"run_id": 900, **({"parent_run_id": 800} if task else {})}
    document = {"event_type": event, "workspace_id": 12, "job": {"job_id": 4, "name": "orders"}, "run": run}
    return document | ({"task": task} if task else {})


def airbyte(*, success: bool) -> Document:
    return {"data": {"workspace": {"id": "w-1"}, "connection": {"name": "CRM to lake"}, "jobId": 77, "success": success,
                     "startedAt": "2026-11-21T05:00:00Z", "finishedAt": "2026-11-21T05:10:00Z",
                     "recordsCommitted": 1200, **({} if success else {"errorMessage": "quota exceeded"})}}  # fmt: skip


def fivetran(event: str, status: str = "") -> Document:
    return {"event": event, "created": "2026-11-21T05:00:00.294Z", "connector_name": "crm", "sync_id": "s-1",
            "data": {"status": status} if status else {}}  # fmt: skip


def prefect(state: str, message: str = "") -> Document:
    resource = {
        "prefect.resource.id": "prefect.flow-run.0a1b", "prefect.resource.name": "brave-owl", "prefect.run-count": "2",
        "prefect.state-type": state, "prefect.state-message": message,
    }  # fmt: skip
    flow = {"prefect.resource.role": "flow", "prefect.resource.name": "orders"}
    return {"occurred": "2026-11-21T05:00:00.5Z", "event": f"prefect.flow-run.{state}", "resource": resource,
            "related": [{"prefect.resource.role": "tag"}, flow]}  # fmt: skip


def aws(source: str, **detail: Any) -> Document:
    return {"source": f"aws.{source}", "account": "1234", "region": "eu-central-1", "time": "2026-11-21T05:00:00Z",
            "detail": detail}  # fmt: skip


def execution(status: str) -> Document:
    return aws("states", executionArn="arn:aws:states:eu:1234:execution:load:n1", status=status,
               stateMachineArn="arn:aws:states:eu:1234:stateMachine:load", startDate=1764370800000,
               stopDate=1764370860000, cause="Lambda was throttled\nat step 2", error="States.TaskFailed")  # fmt: skip


def lineage(event: str, *, task: bool = False, **run: Any) -> Document:
    kind = {"jobType": {"integration": "AIRFLOW", "jobType": "TASK"}} if task else {}
    facets = {"parent": {"run": {"runId": "dag-1"}, "job": {"name": "daily"}}} if task else {}
    return {"eventType": event, "eventTime": "2026-11-21T05:00:00Z", "run": {"runId": "r-1", "facets": facets | run},
            "job": {"namespace": "prod", "name": "daily.load", "facets": kind}}  # fmt: skip


FAILED = {"errorMessage": {"message": "division by zero\nstack"}}
# Of each document: the status that relay reads, its run and its job, and its error.
READ: list[tuple[str, Document, tuple[str, str, str, str]]] = [
    ("jenkins", jenkins("QUEUED"), ("Initiated", "https://ci.example.com/job/shop/31/", "shop", "")),
    ("jenkins", jenkins("STARTED"), ("Running", "https://ci.example.com/job/shop/31/", "shop", "")),
    *(
        ("jenkins", jenkins(phase, theirs), (ours, "https://ci.example.com/job/shop/31/", "shop", ""))
        for phase in ("COMPLETED", "FINALIZED")
        for theirs, ours in (
            ("SUCCESS", "Completed"), ("UNSTABLE", "Failed"), ("FAILURE", "Failed"), ("ABORTED", "Cancelled")
        )
    ),
    *(
        ("terraform-cloud", terraform(theirs), (ours, "run-A1", "acme/prod", "As it says" if ours == "Failed" else ""))
        for theirs, ours in (
            ("pending", "Initiated"), ("planning", "Running"), ("planned", "Running"), ("applying", "Running"),
            ("policy_checked", "Running"), ("applied", "Completed"), ("planned_and_finished", "Completed"),
            ("errored", "Failed"), ("discarded", "Cancelled"),
        )
    ),
    ("terraform-cloud", terraform("canceled", "run:errored"), ("Cancelled", "run-A1", "acme/prod", "")),
    ("databricks", databricks("jobs.on_start"), ("Running", "900", "orders", "")),
    ("databricks", databricks("jobs.on_success"), ("Completed", "900", "orders", "")),
    ("databricks", databricks("jobs.on_failure"), ("Failed", "900", "orders", "")),
    ("databricks", databricks("jobs.on_failure", task_key="load"), ("Running", "800", "", "")),
    ("airbyte", airbyte(success=True), ("Completed", "77", "CRM to lake", "")),
    ("airbyte", airbyte(success=False), ("Failed", "77", "CRM to lake", "quota exceeded")),
    ("fivetran", fivetran("sync_start"), ("Running", "s-1", "crm", "")),
    ("fivetran", fivetran("sync_end", "SUCCESSFUL"), ("Completed", "s-1", "crm", "")),
    ("fivetran", fivetran("sync_end", "FAILURE_WITH_TASK"), ("Failed", "s-1", "crm", "")),
    ("prefect", prefect("PENDING"), ("Initiated", "0a1b", "orders", "")),
    ("prefect", prefect("RUNNING"), ("Running", "0a1b", "orders", "")),
    ("prefect", prefect("CRASHED", "Killed by the kernel"), ("Failed", "0a1b", "orders", "Killed by the kernel")),
    *(
        ("aws-eventbridge", execution(theirs), (ours, "arn:aws:states:eu:1234:execution:load:n1", "load",
                                                "Lambda was throttled" if ours in ("Failed", "Timeout") else ""))
        for theirs, ours in (("RUNNING", "Running"), ("SUCCEEDED", "Completed"), ("FAILED", "Failed"),
                             ("ABORTED", "Cancelled"), ("TIMED_OUT", "Timeout"))
    ),
    ("aws-eventbridge", aws("batch", jobId="b-1", jobName="load", status="RUNNABLE"), ("Initiated", "b-1", "load", "")),
    ("aws-eventbridge", aws("batch", jobId="b-1", jobName="load", status="FAILED", statusReason="Host terminated"),
     ("Failed", "b-1", "load", "Host terminated")),
    ("aws-eventbridge", aws("glue", jobRunId="g-1", jobName="load", state="TIMEOUT", message="Too long"),
     ("Timeout", "g-1", "load", "Too long")),
    ("aws-eventbridge", aws("glue", jobRunId="g-1", jobName="load", state="SUCCEEDED", message="Job run succeeded"),
     ("Completed", "g-1", "load", "")),
    ("alertmanager", alerts(alert("Down", team="db", cluster="eu", namespace="shop")),
     ("Failed", "Down-db-eu-shop/2026-11-21T05:00:00.5Z", "Down", "Down does not answer")),
    ("alertmanager", alerts(alert("Down", "resolved", instance="a:1")),
     ("Completed", "Down-a:1/2026-11-21T05:00:00.5Z", "Down (a:1)", "")),
    ("alertmanager", alerts(alert("Down", pod="a-1")),
     ("Failed", "Down-a-1/2026-11-21T05:00:00.5Z", "Down (a-1)", "Down does not answer")),
    ("openlineage", lineage("START"), ("Initiated", "r-1", "daily.load", "")),
    ("openlineage", lineage("COMPLETE"), ("Completed", "r-1", "daily.load", "")),
    ("openlineage", lineage("FAIL", **FAILED), ("Failed", "r-1", "daily.load", "division by zero")),
    ("openlineage", lineage("ABORT"), ("Cancelled", "r-1", "daily.load", "")),
    ("openlineage", lineage("FAIL", task=True), ("Running", "dag-1", "", "")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "document", "expected"), READ)
def test_a_document_is_read_as(name: str, document: Document, expected: tuple[str, str, str, str]) -> None:
    event = parse(preset(name).readings(document)[0].document or {}, source=name, received_at=NOW)

    assert event.operation is not None
    assert (event.status, event.own_id, event.operation.name, event.error.get("message", "")) == expected


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("jenkins", {"name": "shop"}),
        ("terraform-cloud", {"run_id": None, "notifications": [{"trigger": "verification"}]}),
        ("databricks", {"event_type": "ping"}), ("databricks", databricks("jobs.on_streaming_backlog_exceeded")),
        ("airbyte", {"text": "Hello"}), ("fivetran", {"event": "sync_end", "connector_id": "c"}),
        ("fivetran", fivetran("connector_created")), ("prefect", {"event": "prefect.task-run.Running", "resource": {}}),
        ("prefect", {"event": "prefect.flow-run.heartbeat", "resource": {"prefect.resource.id": "prefect.flow-run.0"}}),
        ("aws-eventbridge", aws("ec2", state="running")), ("openlineage", {"job": {"name": "x"}, "dataset": {}}),
    ],
)  # fmt: skip
def test_other_documents_are_ignored(name: str, document: Document) -> None:
    assert preset(name).readings(document)[0].ignored


def test_a_task_of_a_dag_is_a_phase_of_it_and_another_run_is_one_of_a_batch() -> None:
    task = preset("openlineage").readings(lineage("FAIL", task=True, **FAILED))[0].document or {}
    parent = {"run": {"runId": "app"}, "job": {"name": "Nightly"}}
    (query,) = preset("openlineage").readings(lineage("START", parent=parent))

    assert task["phase"] == {"phaseName": "daily.load", "status": "Failed", "message": "division by zero",
                             "endTime": "2026-11-21T05:00:00+00:00"}  # fmt: skip
    assert (query.document or {})["operation"]["batchId"] == "app"
    assert (query.document or {})["operation"]["batchName"] == "Nightly"


@pytest.mark.parametrize(("theirs", "branch"), [("origin/main", "main"), ("main", "main"), ("4", "4")])
def test_a_branch_of_jenkins_is_named_as_people_name_it(theirs: str, branch: str) -> None:
    document = jenkins("STARTED")
    document["build"]["scm"] = {"branch": theirs, "commit": "5f1c"}

    read = preset("jenkins").readings(document)[0].document or {}

    assert read["operation"]["labels"] == {"branch": branch, "sha": "5f1c"}
