"""The sandbox answers the whole documented API, with every documented field."""

import io
import json
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.sandbox import Stage, stage

SEED = Path(__file__).parents[1] / "data" / "seed"
MINUTE = 60.0


def seed(name: str) -> Any:
    return json.loads((SEED / f"{name}.json").read_text())


def shape(documented: Any, answered: Any, at: str = "") -> list[str]:
    """Where an answer lacks a documented field, or has it in another type. A phase is one by its name."""
    if isinstance(documented, dict):
        if not isinstance(answered, dict):
            return [f"{at}: expected an object, got {answered!r}"]
        missing = [f"{at}.{key}: missing" for key in documented if key not in answered]
        return missing + [
            fault for key in documented if key in answered
            for fault in shape(documented[key], answered[key], f"{at}.{key}")
        ]  # fmt: skip
    if isinstance(documented, list):
        if not isinstance(answered, list) or bool(documented) > bool(answered):
            return [f"{at}: expected a list like {documented!r}, got {answered!r}"]
        pairs = list(zip(documented, answered, strict=False))
        return [fault for index, pair in enumerate(pairs) for fault in shape(*pair, f"{at}[{index}]")]
    if documented is None:
        return []
    kinds: tuple[type, ...] = (int, float) if isinstance(documented, int | float) else (type(documented),)
    wrong = isinstance(answered, bool) != isinstance(documented, bool) or not isinstance(answered, kinds)
    return [f"{at}: expected {documented!r}, got {answered!r}"] if wrong else []


async def test_every_documented_answer_has_every_documented_field(sandbox: Stage) -> None:
    enriched = await sandbox.start(operationType="DataEnrichment")
    await sandbox.advance(20 * MINUTE)
    started = await sandbox.ask("POST", "/operation", seed("start-operation.request"), status=202)
    failing = await sandbox.start(parameters={"sandbox": {"scenario": "failure"}})
    await sandbox.advance(25 * MINUTE)
    running, failed = f"/operation/{started['operationId']}", f"/operation/{failing['operationId']}"
    answers = {
        "start-operation": started,
        "operation-status": await sandbox.ask("GET", running, status=200),
        "list-operations": await sandbox.ask("GET", "/operations", params={"operationType": "ProcessMiningAnalysis"}),
        "register-webhook": await sandbox.ask("POST", "/webhooks", seed("register-webhook.request"), status=201),
        "submit-batch": await sandbox.ask("POST", "/batch", seed("submit-batch.request"), status=202),
        "cancel-operation": await sandbox.ask("DELETE", running, seed("cancel-operation.request"), status=200),
    }
    await sandbox.advance(15 * MINUTE)
    answers["retry-operation"] = await sandbox.ask(
        "POST", f"{failed}/retry", seed("retry-operation.request"), status=202
    )
    await sandbox.advance(60 * MINUTE)
    again = f"/operation/{answers['retry-operation']['newOperationId']}"
    answers["operation-results"] = await sandbox.ask("GET", f"{again}/results", status=200)
    ended = await sandbox.ask("GET", "/operations", params={"operationType": "DataEnrichment"}, status=200)
    answers["list-operations"]["operations"][1:] = [
        row for row in ended["operations"] if row["operationId"] == enriched["operationId"]
    ]

    assert answers.keys() == {file.name.removesuffix(".response.json") for file in SEED.glob("*.response.json")}
    assert [fault for name, answer in answers.items() for fault in shape(seed(f"{name}.response"), answer, name)] == []


async def test_starting_answers_every_documented_field_and_where_to_look(sandbox: Stage) -> None:
    request = seed("start-operation.request")
    answer = await sandbox.ask("POST", "/operation", request, status=202)
    assert shape(seed("start-operation.response"), answer) == []
    assert answer["webhooksRegistered"] == 3
    assert answer["trackingUrl"].endswith(answer["operationId"])
    found = await sandbox.get(answer["operationId"])
    assert found["parameters"] == request["parameters"]
    assert found["notifications"] == request["notifications"]
    assert found["operationDescription"] == request["operationDescription"]


async def test_the_location_leads_to_the_operation(sandbox: Stage) -> None:
    headers = {"Authorization": "Bearer sandbox-token"}
    body = {"operationType": "DataEnrichment", "operationName": "Sales"}
    async with sandbox.session.post(f"{sandbox.url}/api/t/p/async/operation", json=body, headers=headers) as answer:
        location = answer.headers["Location"]
    async with sandbox.session.get(sandbox.url + location, headers=headers) as found:
        assert (await found.json())["operationName"] == "Sales"


async def test_a_running_operation_has_every_documented_field(sandbox: Stage) -> None:
    started = await sandbox.start(callbacks={"onProgress": f"{sandbox.receiver.url}/progress"})
    await sandbox.advance(31 * MINUTE)
    found = await sandbox.get(started["operationId"])
    documented = seed("operation-status.response")
    assert shape(documented, found) == []
    assert found["status"] == "Running"
    assert found["progress"]["currentPhase"] == "Machine Learning Analysis"
    assert [phase["status"] for phase in found["phases"]] == ["Completed", "Completed", "Running", "Pending"]
    assert 60 < found["progress"]["percentage"] < 75
    assert found["execution"]["processedRecords"] < found["execution"]["totalRecords"]


async def test_a_completed_operation_has_every_documented_result(sandbox: Stage) -> None:
    started = await sandbox.start()
    await sandbox.advance(46 * MINUTE)
    results = await sandbox.ask("GET", f"/operation/{started['operationId']}/results", status=200)
    assert shape(seed("operation-results.response"), results) == []
    assert results["success"] is True
    assert results["totalDuration"] == "45 minutes"


async def test_results_before_the_end_are_a_conflict(sandbox: Stage) -> None:
    started = await sandbox.start()
    refusal = await sandbox.ask("GET", f"/operation/{started['operationId']}/results", status=409)
    assert "Running" in refusal["detail"]


async def test_results_of_one_phase_without_artifacts(sandbox: Stage) -> None:
    started = await sandbox.start()
    await sandbox.advance(46 * MINUTE)
    path = f"/operation/{started['operationId']}/results"
    query = {"phase": "Process Discovery", "includeArtifacts": "false", "format": "detailed"}
    results = await sandbox.ask("GET", path, params=query, status=200)
    assert [phase["phaseName"] for phase in results["phaseResults"]] == ["Process Discovery"]
    assert results["phaseResults"][0]["duration"] == "13 minutes"
    assert results["artifacts"] == []
    refusal = await sandbox.ask("GET", path, params={"phase": "Process Dicovery"}, status=422)
    assert refusal["field"] == "phase"
    assert "did you mean Process Discovery?" in refusal["detail"]


async def test_every_artifact_can_be_downloaded_and_is_as_large_as_it_says(sandbox: Stage) -> None:
    started = await sandbox.start()
    await sandbox.advance(46 * MINUTE)
    results = await sandbox.ask("GET", f"/operation/{started['operationId']}/results", status=200)
    magic = {"PDF": b"%PDF-", "SVG": b"<svg", "CSV": b"case,severity,score", "ZIP": b"PK"}
    for artifact in results["artifacts"]:
        async with sandbox.session.get(artifact["downloadUrl"]) as answer:
            content = await answer.read()
            assert answer.status == 200
            assert "attachment" in answer.headers["Content-Disposition"]
        assert content.startswith(magic[artifact["format"]])
        assert artifact["size"].startswith(f"{len(content)}" if len(content) < 1000 else f"{len(content) / 1000:.1f}")
    forged = results["artifacts"][0]["downloadUrl"].replace("report.pdf", "models.zip")
    async with sandbox.session.get(forged) as answer:
        assert answer.status == 404


async def test_format_download_is_a_zip_of_everything(sandbox: Stage) -> None:
    started = await sandbox.start()
    await sandbox.advance(46 * MINUTE)
    path = f"{sandbox.url}/api/tenant-1/project-1/async/operation/{started['operationId']}/results?format=download"
    async with sandbox.session.get(path, headers={"Authorization": "Bearer sandbox-token"}) as answer:
        whole = zipfile.ZipFile(io.BytesIO(await answer.read()))
    assert set(whole.namelist()) == {"results.json", "report.pdf", "process-map.svg", "anomalies.csv", "models.zip"}
    assert json.loads(whole.read("results.json"))["status"] == "Completed"


async def test_the_list_filters_counts_and_turns_pages(sandbox: Stage) -> None:
    for number in range(5):
        await sandbox.start(operationName=f"Run {number}", priority="High" if number % 2 else "Low")
        await sandbox.advance(10 * MINUTE)
    await sandbox.start(operationType="DataEnrichment")
    page = await sandbox.ask("GET", "/operations", params={"pageSize": "4"}, status=200)
    assert (page["page"], page["pageSize"], page["hasNextPage"]) == (1, 4, True)
    assert page["summary"] == {"totalOperations": 6, "running": 5, "completed": 1, "failed": 0, "cancelled": 0}
    documented = seed("list-operations.response")
    assert shape(documented["summary"], page["summary"]) == []
    assert shape(documented["operations"][0], page["operations"][2]) == []
    rest = await sandbox.ask("GET", "/operations", params={"pageSize": "4", "page": "2"}, status=200)
    assert [row["operationName"] for row in rest["operations"]] == ["Run 1", "Run 0"]
    assert not rest["hasNextPage"]
    assert shape(documented["operations"][1], rest["operations"][1]) == []
    high = await sandbox.ask("GET", "/operations", params={"priority": "High", "status": "Running"}, status=200)
    assert [row["operationName"] for row in high["operations"]] == ["Run 3", "Run 1"]
    kind = await sandbox.ask("GET", "/operations", params={"operationType": "DataEnrichment"}, status=200)
    assert len(kind["operations"]) == 1
    since = {"dateFrom": "2024-01-20T11:35:00Z", "dateTo": "2024-01-20T11:55:00", "includeDetails": "true"}
    some = await sandbox.ask("GET", "/operations", params=since, status=200)
    assert [row["operationName"] for row in some["operations"]] == ["Run 3", "Run 2"]
    assert shape(seed("operation-status.response")["execution"], some["operations"][0]["execution"]) == []


async def test_cancelling_keeps_what_was_done_and_happens_once(sandbox: Stage) -> None:
    started = await sandbox.start()
    await sandbox.advance(30 * MINUTE)
    request = seed("cancel-operation.request")
    path = f"/operation/{started['operationId']}"
    answer = await sandbox.ask("DELETE", path, request, status=200)
    assert shape(seed("cancel-operation.response"), answer) == []
    assert answer["reason"] == request["reason"]
    assert answer["partialResults"]["completedPhases"] == 2
    async with sandbox.session.get(answer["partialResults"]["downloadUrls"][0]) as download:
        partial = json.loads(zipfile.ZipFile(io.BytesIO(await download.read())).read("results.json"))
    assert [(phase["phaseName"], phase["status"]) for phase in partial["phaseResults"]] == [
        ("Data Loading & Validation", "Completed"), ("Process Discovery", "Completed"),
        ("Machine Learning Analysis", "Cancelled"),
    ]  # fmt: skip
    await sandbox.ask("DELETE", path, status=409)
    await sandbox.advance(60 * MINUTE)
    found = await sandbox.get(started["operationId"])
    assert (found["status"], found["progress"]["percentage"]) == ("Cancelled", answer["progressAtCancellation"])


async def test_a_forced_cancellation_loses_the_step_at_hand(sandbox: Stage) -> None:
    async def cancelled(minutes: int, **fields: Any) -> tuple[Any, list[tuple[str, str]]]:
        started = await sandbox.start()
        await sandbox.advance(minutes * MINUTE)
        path = f"/operation/{started['operationId']}"
        answer = await sandbox.ask("DELETE", path, fields, status=200)
        results = await sandbox.ask("GET", f"{path}/results", status=200)
        return answer["partialResults"], [(each["phaseName"], each["status"]) for each in results["phaseResults"]]

    loading, discovery = ("Data Loading & Validation", "Completed"), ("Process Discovery", "Cancelled")
    partial, phases = await cancelled(10)
    assert (partial["available"], partial["completedPhases"], phases) == (True, 1, [loading, discovery])
    partial, phases = await cancelled(10, forceTermination=True)
    assert (partial["available"], partial["completedPhases"], phases) == (True, 1, [loading])
    partial, phases = await cancelled(5, forceTermination=True)
    assert (partial["available"], partial["downloadUrls"], phases) == (False, [], [])
    assert (await cancelled(5))[0]["available"] is True


async def test_a_cancellation_tells_everybody_its_reason(sandbox: Stage) -> None:
    await sandbox.ask("POST", "/webhooks", {"webhookUrl": sandbox.receiver.url, "events": ["operation.cancelled"]})
    started = await sandbox.start(callbacks={"onError": f"{sandbox.receiver.url}/error"})
    path, reason = f"/operation/{started['operationId']}", "Cancelled by Alice in Slack"
    answer = await sandbox.ask("DELETE", path, {"reason": reason}, status=200)
    await sandbox.advance(0)
    told = [each.body["cancellation"] for each in sandbox.receiver.told]
    kept = (await sandbox.get(path.rpartition("/")[2]))["cancellation"]
    assert (answer["reason"], told, kept) == (reason, [answer, answer], answer)


async def test_cancelling_without_a_body_and_without_partial_results(sandbox: Stage) -> None:
    first, second = await sandbox.start(), await sandbox.start()
    await sandbox.advance(30 * MINUTE)
    assert (await sandbox.ask("DELETE", f"/operation/{first['operationId']}", status=200))["reason"]
    answer = await sandbox.ask(
        "DELETE", f"/operation/{second['operationId']}", {"preservePartialResults": False}, status=200
    )
    assert answer["partialResults"] == {"available": False, "completedPhases": 0, "downloadUrls": []}
    results = await sandbox.ask("GET", f"/operation/{second['operationId']}/results", status=200)
    assert results["phaseResults"] == []


async def test_a_retry_resumes_where_it_failed(sandbox: Stage) -> None:
    started = await sandbox.start(parameters={"sandbox": {"scenario": "failure"}, "kept": {"a": 1, "b": 2}})
    await sandbox.advance(40 * MINUTE)
    failed = await sandbox.get(started["operationId"])
    assert failed["status"] == "Failed"
    assert failed["error"]["phase"] == "Machine Learning Analysis"
    request = seed("retry-operation.request")
    request["updatedParameters"]["kept"] = {"b": 3}
    answer = await sandbox.ask("POST", f"/operation/{started['operationId']}/retry", request, status=202)
    assert shape(seed("retry-operation.response"), answer) == []
    assert answer["resumeFromPhase"] == "Machine Learning Analysis"
    assert answer["retryNumber"] == 1
    assert answer["preservedResults"]["phasesPreserved"] == 2
    assert answer["resourcesAllocated"]["cpuUnits"] == 6
    fresh = await sandbox.get(answer["newOperationId"])
    assert fresh["originalOperationId"] == started["operationId"]
    assert fresh["retryNumber"] == 1
    assert fresh["priority"] == "Critical"
    assert fresh["parameters"]["kept"] == {"a": 1, "b": 3}
    assert fresh["progress"]["percentage"] == answer["preservedResults"]["progressSaved"] == 44
    await sandbox.advance(30 * MINUTE)
    assert (await sandbox.get(answer["newOperationId"]))["status"] == "Completed"
    assert (await sandbox.get(started["operationId"]))["status"] == "Failed"


async def test_a_retry_may_begin_again_and_give_up_the_old_results(sandbox: Stage) -> None:
    started = await sandbox.start(parameters={"sandbox": {"scenario": "failure"}})
    await sandbox.advance(40 * MINUTE)
    path = f"/operation/{started['operationId']}"
    body = {"retryMode": "restart", "preserveOriginalResults": False}
    answer = await sandbox.ask("POST", f"{path}/retry", body, status=202)
    assert answer["resumeFromPhase"] == "Data Loading & Validation"
    assert answer["preservedResults"]["phasesPreserved"] == 0
    assert (await sandbox.ask("GET", f"{path}/results", status=200))["phaseResults"] == []
    again = await sandbox.ask("POST", f"{path}/retry", status=202)
    assert again["retryNumber"] == 2


async def test_only_what_failed_is_retried(sandbox: Stage) -> None:
    started = await sandbox.start()
    refusal = await sandbox.ask("POST", f"/operation/{started['operationId']}/retry", {}, status=409)
    assert "Running" in refusal["detail"]


async def test_the_retry_policy_of_an_operation_is_honoured(sandbox: Stage) -> None:
    policy = {"maxRetries": 2, "retryDelay": 60, "backoffMultiplier": 2.0}
    play = {"scenario": "failure", "failures": 2, "duration": 600, "delay": 0}
    started = await sandbox.start(retryPolicy=policy, parameters={"sandbox": play})
    await sandbox.advance(600 + 60 + 120 + 2 * 0.5 * 600 * 17 / 45 + 1)
    found = await sandbox.get(started["operationId"])
    assert found["status"] == "Completed"
    assert found["execution"]["attempt"] == 3


@pytest.mark.parametrize(
    ("scenario", "status"),
    [("success", "Completed"), ("failure", "Failed"), ("stall", "Timeout"), ("timeout", "Timeout")],
)
async def test_scenarios_end_as_they_are_called(sandbox: Stage, scenario: str, status: str) -> None:
    started = await sandbox.start(parameters={"sandbox": {"scenario": scenario}}, timeout=3600)
    await sandbox.advance(61 * MINUTE)
    found = await sandbox.get(started["operationId"])
    assert found["status"] == status
    assert bool(found.get("error")) == (status != "Completed")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"operationName": "x"}, "operationType"),
        ({"operationType": "A", "operationName": "x", "priority": "Urgent"}, "priority"),
        ({"operationType": "A", "operationName": "x", "timeout": 0}, "timeout"),
        ({"operationType": "A", "operationName": "x", "timeout": "60"}, "timeout"),
        ({"operationType": "A", "operationName": "x", "callbacks": {"onProgress": "ftp://x"}}, "callbacks.onProgress"),
        ({"operationType": "A", "operationName": "x", "retryPolicy": {"maxRetries": -1}}, "retryPolicy.maxRetries"),
        ({"operationType": "A", "operationName": "x", "notifications": {"email": "a@b.c"}}, "notifications.email"),
        ({"operationType": "A", "operationName": "x", "operationNmae": "y"}, "operationNmae"),
        ({"operationType": "A", "operationName": "x", "parameters": {"sandbox": {"scenario": "x"}}},
         "parameters.sandbox.scenario"),
        ({"operationType": "A", "operationName": "x",
          "parameters": {"sandbox": {"scenario": "failure", "phase": "x"}}}, "parameters.sandbox.phase"),
        ({"operationType": "EventLogProfile", "operationName": "x", "parameters": {"dataset": "../x.csv"}},
         "parameters"),
    ],
)  # fmt: skip
async def test_a_wrong_request_names_the_field(sandbox: Stage, body: Any, field: str) -> None:
    refusal = await sandbox.ask("POST", "/operation", body, status=422)
    assert refusal["field"] == field
    assert refusal["detail"].startswith(field)


async def test_strangers_and_other_projects_see_nothing(sandbox: Stage) -> None:
    started = await sandbox.start()
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic sandbox-token"}):
        await sandbox.ask("GET", "/operations", headers=headers, status=401)
    await sandbox.ask("GET", f"/../../other/async/operation/{started['operationId']}", status=404)
    await sandbox.ask("GET", "/operation/op-unknown", status=404)
    await sandbox.ask("PUT", "/operation", {}, status=405)


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [(b"{", "application/json", 400), (b"[]", "application/json", 400), (b'{"a":1,"a":2}', "application/json", 400),
     (b"{}", "text/plain", 415), (b" " * (2**20 + 1), "application/json", 413)],
)  # fmt: skip
async def test_what_is_no_json_object_is_refused(sandbox: Stage, raw: bytes, kind: str, status: int) -> None:
    headers = {"Authorization": "Bearer sandbox-token", "Content-Type": kind}
    async with sandbox.session.post(
        f"{sandbox.url}/api/t/p/async/operation", data=io.BytesIO(raw), headers=headers
    ) as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"


async def test_speed_shortens_every_duration(redis_server: Any, clock: Any, sandbox: Stage) -> None:
    async with stage(redis_server.url, clock, speed=60) as fast:
        started = await fast.start(timeout=3600)
        await fast.advance(48)
        found = await fast.get(started["operationId"])
        assert (found["status"], found["duration"]) == ("Completed", "45 seconds")


@pytest.mark.parametrize(
    ("address", "named", "said"),
    [
        ("/operations?pagesize=5", "pagesize", "did you mean pageSize?"),
        ("/operations?page_size=5", "page_size", "did you mean pageSize?"),
        ("/operations?sort=up", "sort", "expected dateFrom or dateTo or includeDetails or operationType or page or"),
        ("/operations?page=1&page=2", "page", "it stands there twice"),
        ("/operation/ID?verbose=true", "verbose", "this address takes none"),
        ("/operation/ID/results?fromat=detailed", "fromat", "did you mean format?"),
    ],
)
async def test_a_parameter_that_is_not_documented_is_refused(
    sandbox: Stage, address: str, named: str, said: str
) -> None:
    started = await sandbox.start()
    refusal = await sandbox.ask("GET", address.replace("ID", started["operationId"]), status=422)
    assert (refusal["field"], refusal["detail"].partition(":")[0]) == (named, named)
    assert said in refusal["detail"]


async def test_a_span_of_time_ends_with_all_of_the_day_or_second_that_it_names(sandbox: Stage) -> None:
    sandbox.clock.now = datetime(2024, 1, 20, 23, 59, 58, 400_000, UTC).timestamp()
    started = await sandbox.start()
    sandbox.clock.now = datetime(2024, 1, 21, 0, 0, 0, 100_000, UTC).timestamp()
    await sandbox.start()

    async def listed(until: str) -> int:
        found = await sandbox.ask("GET", "/operations", params={"dateTo": until}, status=200)
        return len(found["operations"])

    assert started["dateCreated"] == "2024-01-20T23:59:58Z"
    assert [await listed(until) for until in ("2024-01-19", "2024-01-20", "2024-01-21")] == [0, 1, 2]
    assert [await listed(until) for until in ("2024-01-20T23:59:57Z", started["dateCreated"])] == [0, 1]


async def test_whoever_asks_first_hears_that_it_runs(sandbox: Stage) -> None:
    await sandbox.ask("POST", "/webhooks", {"webhookUrl": sandbox.receiver.url, "events": ["operation.started"]})
    started = await sandbox.start()
    real = await sandbox.start(operationType="EventLogProfile")
    waits = await sandbox.start(parameters={"sandbox": {"delay": 60}})
    failed = await sandbox.start(parameters={"sandbox": {"scenario": "failure", "duration": 10}})
    seen = [(await sandbox.get(each["operationId"]))["status"] for each in (started, real, waits)]
    assert ([each["status"] for each in (started, real, waits)], seen) == (
        ["Initiated"] * 3, ["Running", "Running", "Initiated"],
    )  # fmt: skip
    await sandbox.advance(20)
    again = await sandbox.ask("POST", f"/operation/{failed['operationId']}/retry", status=202)
    fresh = await sandbox.get(again["newOperationId"])
    assert (again["status"], fresh["status"], fresh["progress"]["startTime"]) == (
        "Initiated", "Running", again["retryAttemptDate"],
    )  # fmt: skip
    await sandbox.advance(60)
    told = [each.body["operation"]["operationId"] for each in sandbox.receiver.told]
    assert sorted(told) == sorted([*(each["operationId"] for each in (started, real, waits, failed)),
                                   again["newOperationId"]])  # fmt: skip


@pytest.mark.parametrize(
    ("minutes", "phase"),
    [(5, "Data Loading & Validation"), (15, "Process Discovery"), (30, "Machine Learning Analysis")],
)
async def test_a_time_out_names_the_phase_that_it_came_in(sandbox: Stage, minutes: int, phase: str) -> None:
    started = await sandbox.start(timeout=minutes * 60)
    await sandbox.advance(minutes * MINUTE)
    found = await sandbox.get(started["operationId"])
    assert (found["status"], found["error"]["phase"]) == ("Timeout", phase)
    assert found["progress"]["currentPhase"] == phase


async def test_times_are_written_without_what_is_left_of_a_second(sandbox: Stage) -> None:
    sandbox.clock.now += 0.789
    hook = {"webhookUrl": sandbox.receiver.url, "events": ["operation.started", "operation.progress",
            "operation.phase.completed", "operation.completed", "operation.cancelled", "batch.started"]}  # fmt: skip
    documents = [await sandbox.ask("POST", "/webhooks", hook, status=201)]
    documents += [await sandbox.start(), await sandbox.start(operationName="Stopped")]
    documents.append(await sandbox.ask("POST", "/batch", seed("submit-batch.request"), status=202))
    await sandbox.advance(1 / 3)
    path = f"/operation/{documents[1]['operationId']}"
    documents.append(await sandbox.ask("DELETE", f"/operation/{documents[2]['operationId']}", status=200))
    await sandbox.advance(46.111 * MINUTE)
    documents.append(await sandbox.ask("GET", f"{path}/results", params={"format": "detailed"}, status=200))
    for asked in (path, "/operations", "/webhooks", f"/batch/{documents[3]['batchId']}"):
        documents.append(await sandbox.ask("GET", asked, status=200))
    documents += [each.body for each in sandbox.receiver.told]
    times = re.findall(r'"(\d{4}-\d\d-\d\dT[^"]*)"', json.dumps(documents))
    assert len(times) > 500
    assert [each for each in times if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each)] == []
