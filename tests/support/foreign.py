"""Documents of foreign senders, of the shapes that these really send, with values of our own."""

from typing import Any

Document = dict[str, Any]


def workflow_run(
    status: str = "completed", conclusion: str | None = "success", *, attempt: int = 1, **run: Any
) -> Document:
    """GitHub's `workflow_run`: far shorter than theirs, but with all that relay reads."""
    return {
        "action": "completed" if status == "completed" else "requested",
        "workflow_run": {
            "id": 7700000001, "name": "Nightly checks", "display_title": "Raise the limit", "head_branch": "main",
            "head_sha": "5f1c0de", "event": "schedule", "status": status, "conclusion": conclusion,
            "run_attempt": attempt, "run_started_at": f"2026-11-2{attempt}T02:00:00Z",
            "created_at": "2026-11-21T02:00:00Z", "updated_at": f"2026-11-2{attempt}T02:09:30Z",
            "html_url": "https://github.com/acme/shop/actions/runs/7700000001", "path": ".github/workflows/nightly.yml",
            "actor": {"login": "mara"}, "triggering_actor": {"login": "jon"},
            "head_repository": {"full_name": "acme/shop"}, **run,
        },
        "workflow": {"name": "Nightly checks"},
        "repository": {"full_name": "acme/shop", "owner": {"login": "acme"}},
        "organization": {"login": "acme"},
    }  # fmt: skip


def workflow_job(
    name: str, status: str = "completed", conclusion: str | None = "success", *, attempt: int = 1
) -> Document:
    steps = [{"name": "Check out", "conclusion": "success"}, {"name": "Run pytest", "conclusion": conclusion}]
    return {
        "action": status,
        "workflow_job": {
            "run_id": 7700000001, "run_attempt": attempt, "name": name, "status": status, "conclusion": conclusion,
            "workflow_name": "Nightly checks", "head_branch": "main",
            "started_at": f"2026-11-2{attempt}T02:01:00Z", "html_url": "https://github.com/acme/shop/actions/job/1",
            "completed_at": f"2026-11-2{attempt}T02:05:00Z" if status == "completed" else None, "steps": steps,
        },
        "repository": {"full_name": "acme/shop", "owner": {"login": "acme"}},
        "organization": {"login": "acme"},
    }  # fmt: skip


PING: Document = {"zen": "Keep it simple.", "hook_id": 12, "repository": {"full_name": "acme/shop"}}


def pipeline(status: str, builds: list[Document], **attributes: Any) -> Document:
    """GitLab's "Pipeline events", with their times as text with a zone."""
    return {
        "object_kind": "pipeline",
        "object_attributes": {
            "id": 31, "ref": "main", "sha": "77ab", "source": "push", "status": status,
            "created_at": "2026-11-21 10:00:00 UTC", "finished_at": "2026-11-21 10:09:00 +0100",
            "url": "https://gitlab.example.com/acme/shop/-/pipelines/31", **attributes,
        },
        "user": {"username": "mara"},
        "project": {"namespace": "acme", "path_with_namespace": "acme/shop", "web_url": "https://gitlab.example.com/a"},
        "commit": {"title": "", "message": "Raise the limit\n\nBecause."},
        "builds": builds,
    }  # fmt: skip


def build(name: str, status: str, **changes: Any) -> Document:
    return {"name": name, "stage": "test", "status": status, "allow_failure": False, "started_at": None, **changes}


def dbt_run(event: str, status: str, **data: Any) -> Document:
    """dbt Cloud's outbound webhook, whose `None` is a text and whose times have nanoseconds."""
    return {
        "accountId": 11, "eventId": "wev_1", "eventType": event, "timestamp": "2026-11-21T05:00:09.123456789Z",
        "data": {
            "jobId": "4", "jobName": "Orders, hourly", "runId": "90210", "environmentName": "Production",
            "projectName": "Shop", "runStatus": status, "runStatusMessage": "None", "runReason": "scheduled",
            "runStartedAt": "2026-11-21T05:00:00Z", "runFinishedAt": "2026-11-21T05:00:08Z", **data,
        },
    }  # fmt: skip


CLOUD = {"ce-specversion": "1.0", "ce-id": "9", "ce-source": "/apis/runs", "ce-subject": "s-1",
         "ce-time": "2026-11-21T05:00:00Z", "ce-type": "dev.tekton.event.pipelinerun.started.v1"}  # fmt: skip


def build_of_google(status: str, detail: str = "step 2 exited with 1") -> Document:
    """Cloud Build's build, as its topic has it in Base64."""
    timing = {"startTime": "2026-11-21T05:00:02Z", "endTime": "2026-11-21T05:02:02Z"}
    steps = [{"id": "test", "name": "python", "status": "SUCCESS", "timing": timing},
             {"name": "gcr.io/cloud-builders/docker", "status": "WORKING"}]  # fmt: skip
    return {
        "id": "b-1", "projectId": "shop", "status": status, "statusDetail": "", "steps": steps,
        "createTime": "2026-11-21T05:00:00Z", "startTime": "2026-11-21T05:00:02.123456789Z",
        "finishTime": "2026-11-21T05:04:02Z", "logUrl": "https://console.cloud.google.com/cloud-build/builds/b-1",
        "substitutions": {"TRIGGER_NAME": "deploy shop", "BRANCH_NAME": "main", "SHORT_SHA": "77ab", "REPO_NAME": "s"},
        "failureInfo": {"type": "USER_BUILD_STEP", "detail": detail},
    }  # fmt: skip


ENDED: tuple[Document, Document] = {}, {"completionTime": "2026-11-21T05:04:00Z"}


def pipeline_run(status: str, reason: str) -> Document:
    """Tekton's run of a pipeline; one that has just begun has no condition."""
    condition = {"type": "Succeeded", "status": status, "reason": reason, "message": "Tasks Completed: 3 (Failed: 1)"}
    metadata = {"uid": "u-1", "name": "release-x7", "namespace": "ci", "labels": {"tekton.dev/pipeline": "release"}}
    state = {"conditions": [condition], "startTime": "2026-11-21T05:00:00Z"} if status else {}
    spec = {"pipelineRef": {"name": "release"}}
    return {"pipelineRun": {"metadata": metadata, "spec": spec, "status": state | ENDED[status == "False"]}}


def task_run(status: str, reason: str, *, owned: bool = False, message: str = "exit 1") -> Document:
    labels = {"tekton.dev/task": "lint", "tekton.dev/pipelineTask": "lint-it"}
    owners = [{"kind": "PipelineRun", "name": "release-x7", "uid": "u-1"}] if owned else []
    condition = {"type": "Succeeded", "status": status, "reason": reason, "message": message}
    metadata = {"uid": "t-1", "name": "lint-x7", "namespace": "ci", "labels": labels, "ownerReferences": owners}
    state = {"conditions": [condition], "startTime": "2026-11-21T05:00:00Z", **ENDED[1]}
    return {"taskRun": {"metadata": metadata, "spec": {"taskRef": {"name": "lint"}}, "status": state}}


def alert(
    name: str,
    status: str = "firing",
    *,
    started: str = "2026-11-21T05:00:00.5Z",
    ended: str = "2026-11-21T05:12:00Z",
    **labels: str,
) -> Document:
    """One alert of Alertmanager's, with the summary that its rule gives it."""
    return {
        "status": status, "labels": {"alertname": name, "severity": "critical", **labels},
        "annotations": {"summary": f"{labels.get('instance', name)} does not answer"},
        "startsAt": started, "endsAt": ended if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "https://prometheus.example.com/graph?g0.expr=up",
        "fingerprint": "-".join((name, *labels.values())),
    }  # fmt: skip


def alerts(*listed: Any) -> Document:
    """Alertmanager's webhook."""
    return {
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "receiver": "relay", "status": "firing",
        "alerts": [*listed], "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "https://alertmanager.example.com",
    }  # fmt: skip


def jenkins(phase: str, status: str | None = None) -> Document:
    build = {"number": 31, "phase": phase, "url": "job/shop/31/", "full_url": "https://ci.example.com/job/shop/31/"}
    return {"name": "shop", "url": "job/shop/", "build": build | ({"status": status} if status else {})}


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


def execution(status: str, cause: str = "Lambda was throttled") -> Document:
    return aws("states", executionArn="arn:aws:states:eu:1234:execution:load:n1", status=status,
               stateMachineArn="arn:aws:states:eu:1234:stateMachine:load", startDate=1764370800000,
               stopDate=1764370860000, cause=cause, error="States.TaskFailed")  # fmt: skip


def lineage(event: str, *, task: bool = False, **run: Any) -> Document:
    kind = {"jobType": {"integration": "AIRFLOW", "jobType": "TASK"}} if task else {}
    facets = {"parent": {"run": {"runId": "dag-1"}, "job": {"name": "daily"}}} if task else {}
    return {"eventType": event, "eventTime": "2026-11-21T05:00:00Z", "run": {"runId": "r-1", "facets": facets | run},
            "job": {"namespace": "prod", "name": "daily.load", "facets": kind}}  # fmt: skip


def cloud_event(**attributes: Any) -> Document:
    return {"specversion": "1.0", "type": "com.example.runs", "source": "/jobs", "id": "9", **attributes}


def of_a_backup(kind: str, data: Document | None = None, **attributes: str) -> Document:
    return cloud_event(
        type=f"com.example.backup.{kind}", subject="b-7", time="2026-11-21T05:00:00Z", data=data, **attributes
    )


def cloudwatch(name: str, minute: int, state: str) -> Document:
    """EventBridge's "CloudWatch Alarm State Change": one time, and nothing that counts."""
    return {
        "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
        "time": f"2026-11-21T02:{minute:02}:00Z",
        "detail": {"alarmName": name, "state": {"value": state, "reason": f"{name} crossed {minute}."}},
    }  # fmt: skip


def uptime(name: str, minute: int, state: str) -> Document:
    """Uptime Kuma's webhook, whose status is a number and whose time has no zone."""
    return {
        "heartbeat": {"status": int(state == "OK"), "time": f"2026-11-21 02:{minute:02}:00.250", "msg": f"{name} fell"},
        "monitor": {"id": name, "name": name}, "msg": f"[{name}]",
    }  # fmt: skip
