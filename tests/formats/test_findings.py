"""Samples: what is misspelt in a format is named, with what was meant."""

import json
from pathlib import Path
from typing import Any

import pytest

from relay.config.formats import preset, preset_names
from relay.formats.compiling import compile_format
from relay.formats.faults import FormatError
from relay.formats.findings import Sample, findings, indistinct_runs
from relay.formats.mapping import roots_of
from tests.formats.test_presets import SENT as READ
from tests.support import foreign
from tests.support.inprocess import NEEDED, SHIPPED, relay

RUN = {
    "kind": "run", "batch": {"no": 31, "title": "Invoices", "try": 1}, "state": "HOLD", "done_pct": 40,
    "t0": 1764370800, "err": {"text": "", "no": None}, "steps": [{"step": "load", "rc": "OK", "may_fail": False}],
    "site": {"name": "Ulm"},
}  # fmt: skip
SAMPLES = [
    Sample("1.json", roots_of(RUN, {"x-sender": "billing"})),
    Sample("2.json", roots_of(RUN | {"state": "ERR", "err": {"text": "disk full", "no": 7}}, {"x-sender": "billing"})),
    Sample("3.json", roots_of({"kind": "heartbeat"})),
]
GOOD: dict[str, Any] = {
    "when": {"kind": "run"}, "run": "batch.no", "job": "batch.title", "progress": "done_pct", "started": "t0",
    "status": {"of": "state", "Running": ["RUN", "HOLD"], "Failed": "ERR"}, "error": "err.text | first_line",
    "phases": {"of": "steps", "name": "step", "status": {"of": "rc", "Completed": "OK"}},
    "labels": {"site": "site.name"},
}  # fmt: skip
BEAT = {"when": {"kind": "heartbeat"}, "ignore": "a heartbeat"}


def found(changes: dict[str, Any], *others: Any) -> list[str]:
    form = compile_format([GOOD | changes, *(others or [BEAT])])
    return [f"{'.'.join(map(str, place[1:]))}: {message}" for place, message, _ in findings(form, SAMPLES)]


def test_a_format_that_fits_its_samples_has_no_findings() -> None:
    assert found({}) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"run": "batch.nr"}, "run: no sample has batch.nr; did you mean batch.no?"),
        ({"run": "Batch.No"}, "run: no sample has Batch.No; did you mean batch.no?"),
        ({"run": "batch_no"}, "run: no sample has batch_no; did you mean batch.no?"),
        ({"job": "title"}, "job: no sample has title; did you mean batch.title?"),
        ({"job": "bacth.titel"}, "job: no sample has bacth.titel; did you mean batch.title?"),
        ({"job": "{batch.title} {batch.tyr}"}, "job: no sample has batch.tyr; did you mean batch.try?"),
        ({"job": ["batch.titel", "kind"]}, "job: no sample has batch.titel; did you mean batch.title?"),
        ({"job": "batch.title.text"}, "job: no sample has batch.title.text; did you mean batch.title?"),
        ({"job": "$header.X-Sendr"}, "job: no sample has $header.X-Sendr; did you mean $header.x-sender?"),
        ({"error": "err.txt | first_line"}, "error: no sample has err.txt; did you mean err.text?"),
        ({"labels": {"site": "sites.name"}}, "labels.site: no sample has sites.name; did you mean site.name?"),
        ({"progress": "done-pct"}, "progress: no sample has done-pct; did you mean done_pct?"),
        ({"started": "state"}, "started: 1.json has 'HOLD' there, which does not fit"),
        ({"job": "batch"}, "job: 1.json has an object with no, title, try there, which does not fit"),
        ({"code": "steps.name"}, "code: no sample has steps.name; did you mean site.name?"),
        ({"code": "steps.rc"}, "code: no sample has steps.rc; did you mean steps.0.rc?"),
        ({"status": {"of": "stat", "Running": "RUN"}}, "status: no sample has stat; did you mean state?"),
        ({"status": {"of": "state", "Running": ["RUN", "HOLT"], "Failed": "ERR"}},
         'status: "hold" stands in 1.json and in no row; did you mean it where "holt" stands?'),
        ({"phases": {"of": "step", "name": "step"}}, "phases.of: no sample has step; did you mean steps?"),
        ({"phases": {"of": "steps", "name": "stepp"}}, "phases.name: no sample has stepp; did you mean step?"),
        ({"phases": {"of": "steps", "name": "step", "status": {"of": "rc", "Completed": "OKAY"}}},
         'phases.status: "ok" stands in 1.json and in no row; did you mean it where "okay" stands?'),
        ({"when": {"knid": "run"}}, "when.knid: no sample has knid; did you mean kind?"),
        ({"when": {"kind": ["runs", "job"]}}, "when.kind: no sample has runs or job; did you mean run?"),
    ],
)  # fmt: skip
def test_what_is_misspelt_is_named_with_what_was_meant(changes: dict[str, Any], expected: str) -> None:
    assert expected in found(changes)


def test_what_has_no_sample_and_what_no_case_is_about_is_said() -> None:
    assert found({"status": {"of": "state", "Failed": "ABEND"}}) == [
        'status: "err" stands in 2.json and in no row, "hold" stands in 1.json and in no row'
    ]
    assert found({}, {"when": {"kind": "audit"}, "ignore": "x"}) == [
        ": no case is about 3.json, so it is ignored", ": no sample reaches this case"
    ]  # fmt: skip
    without = {"of": "state", "Running": ["RUN", "HOLD"]}
    assert ": no sample is of a run that ends; add one" in found({"status": without | {"ignore": "ERR"}})
    assert found({"status": without | {"Completed": "ERR"}})[0] == (": no sample is of a run that failed; add one")
    null = compile_format(GOOD | {"run": "err.no"})
    assert "finds nothing in 1.json: refused (422), unless a `when` leaves it out" in str([*findings(null, SAMPLES)])


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ({"run": "no"}, True), ({"run": "{no}"}, True), ({"run": "{no}/{t0}"}, False),
        ({"run": "no", "at": "t0"}, False), ({"run": "no", "attempt": "try"}, False),
        ({"run": "no", "phase": {"name": "x", "status": "y"}}, False),
    ],
)  # fmt: skip
def test_a_case_with_nothing_that_tells_runs_apart_is_named(case: dict[str, Any], said: bool) -> None:
    status = {"of": "s", "Failed": "x"}
    if "phase" in case:  # an event about a phase has its run's id
        case["phase"]["status"] = status
    else:
        case["status"] = status
    places = [place for place, _, _ in indistinct_runs(compile_format({"cases": [case]}))]

    assert places == [("cases", 0, "run")] * said


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ([{"ignore": "x"}, BEAT], "(1,): never reached: case 1 holds wherever this one does"),
        ([GOOD, GOOD], "(1,): never reached: case 1"),
        ({"cases": [GOOD, BEAT, BEAT]}, "('cases', 2): never reached: case 2"),
        (GOOD | {"samples": []}, "('samples',): expected a file"),
        ({"samples": "x", "cases": [], "run": "y"}, "('run',): unknown key"),
        (GOOD | {"priority": ["kind", {"of": "kind", "Hihg": "x"}]}, "('priority', 1, 'Hihg'): unknown word"),
        (GOOD | {"priority": {"text": "Hgih"}}, "('priority', 'text'): unknown word Hgih; did you mean High?"),
    ],
)
def test_what_no_sample_is_needed_for_is_refused_at_once(spec: Any, expected: str) -> None:
    with pytest.raises(FormatError) as caught:
        compile_format(spec)

    assert expected in f"{caught.value.path}: {caught.value}"


SCM = {"culprits": ["mara"], "branch": "main", "commit": "77ab"}
SENT = [
    *READ,
    ("alertmanager", foreign.alerts(foreign.alert("Down") | {"annotations": {"runbook_url": "https://wiki/x",
                                                                              "description": "x"}})),
    ("airbyte", foreign.airbyte(success=True) | {"data": {"connection": {"url": "https://air"}, "bytesCommitted": 1,
                                                  "jobId": 1, "success": True}}),
    ("aws-eventbridge", foreign.aws("states", executionArn="a", status="FAILED", name="nightly")),
    ("aws-eventbridge", foreign.aws("batch", jobId="b", status="FAILED", startedAt=1, stoppedAt=2,
                                    jobQueue="arn/fast")),
    ("cloudevents", {"specversion": "1.0"}), ("tekton", {"customRun": {}}),
    ("cloudevents", {"message": "disk full", "type": "backup"}),
    ("dbt-cloud", foreign.dbt_run("job.run.errored", "Errored", projectId=3, runErroredAt=None)),
    ("fivetran", {"connector_name": "crm"}),
    ("fivetran", foreign.fivetran("sync_end", "FAILED") | {"data": {"status": "FAILED", "reason": "quota"},
                                                           "connector_id": "c", "destination_group_id": "g"}),
    ("github-actions", foreign.PING), ("github-actions", foreign.workflow_run()),
    ("github-actions", foreign.workflow_job("unit", conclusion="failure")),
    ("gitlab", foreign.pipeline("failed", [foreign.build("unit", "failed", failure_reason="x", finished_at=None)])),
    ("gitlab", foreign.pipeline("failed", []) | {"user": {"name": "Mara"}}), ("gitlab", {"object_kind": "build"}),
    ("jenkins", {"name": "shop", "build": {"phase": "STARTED", "full_url": "https://ci/1", "scm": SCM}}),
    ("prefect", {"event": "prefect.flow-run.heartbeat"}),
    ("openlineage", foreign.lineage("START") | {"job": {"name": "j",
        "facets": {"ownership": {"owners": [{"name": "mara"}]}}}}),
    ("openlineage", {"job": {}}), ("openlineage", foreign.lineage("FAIL", task=True, errorMessage={"message": "x"})),
    ("openlineage", foreign.lineage("START", parent={"run": {"runId": "r"}, "job": {"name": "j"},
                                             "root": {"run": {"runId": "r"}, "job": {"name": "j"}}})),
    ("terraform-cloud", {"notifications": [{"trigger": "verification"}]}),
]  # fmt: skip


@pytest.mark.parametrize("name", preset_names())
def test_each_path_of_a_preset_is_in_one_of_its_samples(name: str) -> None:
    samples = [Sample(f"{number}", roots_of(it, foreign.CLOUD)) for number, (of, it) in enumerate(SENT) if of == name]

    assert [*findings(preset(name), samples)] == []


def test_check_reads_samples_beside_the_configuration_with_their_headers(tmp_path: Path) -> None:
    config, folder = tmp_path / "relay.yaml", tmp_path / "samples"
    folder.mkdir()
    (folder / "1.json").write_text("X-Sender: billing\r\nX-Kind: run\r\n\r\n" + json.dumps(RUN), "utf-8")
    spec = {"samples": "samples", "when": {"$header.X-Kind": "run"}, "run": "batch.nr", "code": "err.number",
            "status": {"of": "state", "Running": "HOLD"}}  # fmt: skip
    (folder / "2.json").write_text("X-Kind: run\n\n{]")
    config.write_text(f"{SHIPPED.read_text('utf-8')}\nformats:\n  billing:\n    {json.dumps(spec)}\n", "utf-8")

    result = relay("check", "-c", config, env=dict.fromkeys(NEEDED))  # nothing else need be right

    assert result.exit_code == 1
    assert ": formats.billing.run: no sample has batch.nr; did you mean batch.no?\n" in result.output
    assert "warning: " in result.output.partition("formats.billing.code: no sample has err.number\n")[0]
    assert "formats.billing.run: nothing tells runs of one id apart" in result.output
    assert "formats.billing.samples: " in result.output
    assert "2.json: Expecting" in result.output
