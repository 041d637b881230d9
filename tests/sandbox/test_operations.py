"""Tests of how operations end: as their scenario says, cancelled, timed out, and tried again."""

import io
import json
import zipfile
from typing import Any

from tests.support.documented import shape
from tests.support.events import seed
from tests.support.sandbox import Stage

MINUTE = 60.0


async def test_cancelling_keeps_what_was_done_and_happens_once(sandbox: Stage) -> None:
    started = await sandbox.start()
    await sandbox.advance(30 * MINUTE)
    request = sandbox.example("cancel-operation")
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


async def test_a_retry_resumes_where_it_failed(sandbox: Stage) -> None:
    started = await sandbox.start(parameters={"sandbox": {"scenario": "failure"}, "kept": {"a": 1, "b": 2}})
    await sandbox.advance(40 * MINUTE)
    failed = await sandbox.get(started["operationId"])
    assert failed["status"] == "Failed"
    assert failed["error"]["phase"] == "Machine Learning Analysis"
    request = sandbox.example("retry-operation")
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


async def test_the_retry_policy_of_an_operation_is_honoured(sandbox: Stage) -> None:
    policy = {"maxRetries": 2, "retryDelay": 60, "backoffMultiplier": 2.0}
    play = {"scenario": "failure", "failures": 2, "duration": 600, "delay": 0}
    started = await sandbox.start(retryPolicy=policy, parameters={"sandbox": play})
    await sandbox.advance(600 + 60 + 120 + 2 * 0.5 * 600 * 17 / 45 + 1)
    found = await sandbox.get(started["operationId"])
    assert found["status"] == "Completed"
    assert found["execution"]["attempt"] == 3
