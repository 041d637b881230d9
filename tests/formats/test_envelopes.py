"""Envelopes around documents, and the presets of senders that have them."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.config.formats import preset
from relay.domain.parsing import parse
from relay.formats.compiling import compile_format
from relay.formats.envelopes import opened
from relay.formats.faults import FormatError
from tests.support.foreign import CLOUD, build_of_google, pipeline_run, task_run
from tests.support.issuers import pubsub, sns

NOW = datetime(2026, 11, 22, tzinfo=UTC)
Document = dict[str, Any]
BODY: Document = {"id": "r-1", "state": "ok"}


def event(**attributes: Any) -> Document:
    return {"specversion": "1.0", "type": "com.example.runs", "source": "/jobs", "id": "9", **attributes}


GRID = {"id": "9", "eventType": "com.example.runs", "subject": "s", "eventTime": "2026-11-21T05:00:00Z", "data": BODY}
HEADERS = {"ce-specversion": "1.0", "ce-type": "com.example.runs", "ce-id": "9"}
TEXT = b64encode(json.dumps(BODY).encode()).decode()
OPENED = {
    "sns": (["sns"], sns(BODY, 0.0), {}),
    "pubsub": (["pubsub"], pubsub(BODY), {}),
    "structured": (["cloudevents"], event(data=BODY), {}),
    "structured, as text": (["cloudevents"], event(data=json.dumps(BODY)), {}),
    "structured, in base64": (["cloudevents"], event(data_base64=TEXT), {}),
    "binary": (["cloudevents"], BODY, HEADERS),
    "event grid": (["eventgrid"], GRID, {}),
    "none, though there may be one": (["sns", "pubsub", "cloudevents", "eventgrid"], BODY, {}),
    "two": (["sns", "pubsub"], sns(pubsub(BODY), 0.0), {}),
    "one of several": (["sns", "pubsub", "eventgrid"], sns(GRID, 0.0), {}),
}


@pytest.mark.parametrize(("names", "body", "headers"), OPENED.values(), ids=OPENED)
def test_an_envelope_is_opened(names: list[str], body: Document, headers: dict[str, str]) -> None:
    form = compile_format({"unwrap": names, "run": "id", "status": {"of": "state", "Completed": "ok"}})

    assert form.readings(body, headers=headers)[0].document == {
        "operation": {"operationId": "r-1", "status": "Completed"}
    }


CLOSED = {
    "three, of which two are opened": (["sns", "pubsub", "eventgrid"], sns(pubsub(GRID), 0.0)),
    "a text": (["sns"], sns("disk full", 0.0)),
    "a list": (["sns"], sns("[1]", 0.0)),
    "another type": (["sns"], sns(BODY, 0.0) | {"Type": "UnsubscribeConfirmation"}),
    "no base64": (["pubsub"], {"message": {"data": "ä"}}),
    "base64 of bytes": (["pubsub"], {"message": {"data": "/w=="}}),
    "no message": (["pubsub"], {"message": [TEXT]}),
    "without data": (["cloudevents"], event()),
    "odd data": (["cloudevents"], event(data=[1], data_base64=7)),
    "grid without data": (["eventgrid"], GRID | {"data": "x"}),
}  # fmt: skip


@pytest.mark.parametrize(("names", "body"), CLOSED.values(), ids=CLOSED)
def test_what_is_none_or_holds_none_is_read_as_it_is(names: list[str], body: Any) -> None:
    form = compile_format({"unwrap": names, "when": {"state": "ok"}, "run": "id",
                           "status": {"of": "state", "Completed": "ok"}})  # fmt: skip

    assert form.readings(body, headers={})[0].ignored


def test_a_list_of_envelopes_is_several_documents_each_with_what_is_on_its_own() -> None:
    form = compile_format({"unwrap": ["eventgrid", "cloudevents"], "run": "$envelope.id", "job": "$envelope.type",
                           "status": {"of": "state", "Completed": "ok"}})  # fmt: skip
    batch = [event(id=f"{number}", data=BODY) for number in range(3)]
    read, left_out = form.readings([*batch, GRID, "odd"]), form.readings(batch, most=2)

    runs = [(its.document or {}).get("operation", {}).get("operationId") for its in read]
    assert runs == ["0", "1", "2", "9", None]
    assert [its.beyond for its in left_out] == [0, 0, 1]
    assert len([*opened(batch, {}, ("cloudevents",), 2)]) == 2  # and no more are opened
    assert [its.missing for its in form.readings([])] == ["run"]


@pytest.mark.parametrize("headers", [{}, {name: text.replace("runs", "r%75ns") for name, text in HEADERS.items()}])
def test_what_is_on_the_envelope_is_read_in_both_modes(headers: dict[str, str]) -> None:
    form = compile_format({"unwrap": "cloudevents", "run": "id", "job": "$envelope.type",
                           "status": {"of": "state", "Completed": "ok"}})  # fmt: skip
    read = form.readings(BODY if headers else event(data=BODY), headers=headers)[0].document or {}

    assert read["operation"]["operationName"] == "com.example.runs"
    assert form.headers == {"ce-specversion", "ce-type"}  # which the quarantine keeps


@pytest.mark.parametrize(("spec", "path"), [
    ({"unwrap": "pub/sub", "run": "id"}, ("unwrap",)), ({"accept": ["zip"], "cases": []}, ("accept",)),
    ({"accept": ["gzip"], "cases": [{"run": "id"}]}, ("cases", 0, "status")), ({"unwrap": [["sns"]]}, ("unwrap",)),
])  # fmt: skip
def test_what_is_written_wrongly_is_reported_with_its_place(spec: object, path: tuple[object, ...]) -> None:
    with pytest.raises(FormatError) as caught:
        compile_format(spec)

    assert caught.value.path == path


def generic(kind: str, data: Document | None = None, **attributes: str) -> Document:
    return event(type=f"com.example.backup.{kind}", subject="b-7", time="2026-11-21T05:00:00Z", data=data, **attributes)


PIPELINE = "dev.tekton.event.pipelinerun."
# Of each document: the status that relay reads, its run and its job, and its error.
READ: list[tuple[str, Document, str, tuple[str, str, str, str]]] = [
    *(
        ("google-cloud-build", pubsub(build_of_google(theirs)), "",
         (ours, "b-1", "deploy shop", "step 2 exited with 1" if ours in ("Failed", "Timeout") else ""))
        for theirs, ours in (
            ("QUEUED", "Initiated"), ("WORKING", "Running"), ("SUCCESS", "Completed"), ("FAILURE", "Failed"),
            ("INTERNAL_ERROR", "Failed"), ("CANCELLED", "Cancelled"), ("TIMEOUT", "Timeout"), ("EXPIRED", "Timeout"),
        )
    ),
    *(
        ("tekton", pipeline_run(status, reason), PIPELINE + kind,
         (ours, "u-1", "release", "Tasks Completed: 3 (Failed: 1)" if ours in ("Failed", "Timeout") else ""))
        for kind, status, reason, ours in (
            ("started.v1", "", "", "Initiated"), ("started.v1", "Unknown", "Started", "Initiated"),
            ("running.v1", "Unknown", "Running", "Running"), ("unknown.v1", "Unknown", "Running", "Running"),
            ("successful.v1", "True", "Completed", "Completed"), ("successful.v1", "True", "Succeeded", "Completed"),
            ("failed.v1", "False", "Failed", "Failed"), ("failed.v1", "False", "CouldntGetTask", "Failed"),
            ("failed.v1", "False", "Cancelled", "Cancelled"), ("failed.v1", "False", "PipelineRunTimeout", "Timeout"),
        )
    ),
    ("tekton", task_run("True", "Succeeded"), "", ("Completed", "t-1", "lint", "")),
    ("tekton", task_run("False", "TaskRunTimeout"), "", ("Timeout", "t-1", "lint", "exit 1")),
    ("tekton", task_run("False", "Failed", owned=True), "", ("Running", "u-1", "", "")),
    ("cloudevents", generic("started"), "", ("Running", "b-7", "/jobs", "")),
    ("cloudevents", generic("failed", {"job": "backup", "error": {"message": "disk full", "code": "E7"}, "progress": 40,
                                        "link": "https://a"}), "",
     ("Failed", "b-7", "backup", "disk full")),
    ("cloudevents", {"job": "backup"}, "com.example.backup.finished", ("Completed", "s-1", "backup", "")),
]  # fmt: skip


SENT = [(name, document) for name, document, _, _ in READ]


@pytest.mark.parametrize(("name", "document", "kind", "expected"), READ)
def test_a_document_is_read_as(name: str, document: Document, kind: str, expected: tuple[str, str, str, str]) -> None:
    headers = CLOUD | {"ce-type": kind} if kind else {}
    read = parse(preset(name).readings(document, headers=headers)[0].document or {}, source=name, received_at=NOW)

    assert read.operation is not None
    assert (read.status, read.own_id, read.operation.name, read.error.get("message", "")) == expected


@pytest.mark.parametrize(("name", "document"), [
    ("google-cloud-build", pubsub({"text": "hello"})), ("google-cloud-build", {"message": {"attributes": {}}}),
    ("tekton", {"customRun": {"metadata": {"uid": "c"}}}), ("cloudevents", generic("rotated")),
    ("cloudevents", event(type="com.example.backup.failed")), ("cloudevents", BODY),
])  # fmt: skip
def test_other_documents_are_ignored(name: str, document: Document) -> None:
    assert preset(name).readings(document, headers={})[0].ignored


def test_steps_and_tasks_are_phases() -> None:
    built = preset("google-cloud-build").readings(pubsub(build_of_google("WORKING")))[0].document or {}
    task = preset("tekton").readings(task_run("False", "Failed", owned=True))[0].document or {}

    assert built["operation"]["progress"] == {"percentage": 50.0, "phasesCompleted": 1, "totalPhases": 2}
    assert [phase["phaseName"] for phase in built["operation"]["phases"]] == ["test", "gcr.io/cloud-builders/docker"]
    assert task["phase"] == {"phaseName": "lint-it", "status": "Failed", "message": "exit 1",
                             "startTime": "2026-11-21T05:00:00+00:00",
                             "endTime": "2026-11-21T05:04:00+00:00"}  # fmt: skip
