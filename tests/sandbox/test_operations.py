"""The sandbox's operations: how they end, what is refused, what survives a crash, and the page of a run."""

import io
import json
import zipfile
from typing import Any

import html5lib
import pytest
from redis.asyncio import Redis

from relay_sandbox.storage.changes import LEASE
from relay_sandbox.storage.state import PREFIX
from tests.sandbox.documented import shape
from tests.support.events import seed
from tests.support.redis_server import RedisServer
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


@pytest.mark.parametrize(("body", "field"), [
    ({"operationName": "x"}, "operationType"),
    ({"operationType": "A", "operationName": "x", "priority": "Urgent"}, "priority"),
    ({"operationType": "A", "operationName": "x", "timeout": "60"}, "timeout"),
    ({"operationType": "A", "operationName": "x", "callbacks": {"onProgress": "ftp://x"}}, "callbacks.onProgress"),
    ({"operationType": "A", "operationName": "x", "operationNmae": "y"}, "operationNmae"),
    ({"operationType": "A", "operationName": "x", "parameters": {"sandbox": {"scenario": "x"}}},
     "parameters.sandbox.scenario"),
    ({"operationType": "A", "operationName": "x",
      "parameters": {"sandbox": {"scenario": "failure", "phase": "x"}}}, "parameters.sandbox.phase"),
])  # fmt: skip
async def test_a_wrong_request_names_the_field(sandbox: Stage, body: Any, field: str) -> None:
    refusal = await sandbox.ask("POST", "/operation", body, status=422)
    assert refusal["field"] == field
    assert refusal["detail"].startswith(field)


@pytest.mark.parametrize(("address", "named", "said"), [
    ("/operations?pagesize=5", "pagesize", "did you mean pageSize?"),
    ("/operations?sort=up", "sort", "expected dateFrom or dateTo or includeDetails or operationType or page or"),
    ("/operations?page=1&page=2", "page", "it stands there twice"),
    ("/operation/ID?verbose=true", "verbose", "this address takes none"),
    ("/operation/ID/results?fromat=detailed", "fromat", "did you mean format?"),
])  # fmt: skip
async def test_a_parameter_that_is_not_documented_is_refused(
    sandbox: Stage, address: str, named: str, said: str
) -> None:
    started = await sandbox.start()
    refusal = await sandbox.ask("GET", address.replace("ID", started["operationId"]), status=422)
    assert (refusal["field"], refusal["detail"].partition(":")[0]) == (named, named)
    assert said in refusal["detail"]


@pytest.mark.slow
async def test_a_record_that_cannot_be_read_holds_up_no_other(sandbox: Stage, redis_server: RedisServer) -> None:
    async with Redis.from_url(redis_server.url) as redis:
        await redis.set(f"{PREFIX}operation:broken", "{")
        await redis.zadd(f"{PREFIX}due", {"operation:broken": 0, "of no kind": 0})
    started = await sandbox.start()
    sandbox.clock.advance(3)

    await sandbox.worker.turn()

    assert (await sandbox.get(started["operationId"]))["status"] == "Running"


@pytest.mark.slow
async def test_what_the_dead_had_claimed_is_due_again(sandbox: Stage) -> None:
    await sandbox.ask("POST", "/webhooks", {"webhookUrl": sandbox.receiver.url, "events": ["operation.started"]})
    await sandbox.start()
    sandbox.clock.advance(3)
    await sandbox.worker.turn()
    for queue in ("due", "outbox"):
        sandbox.clock.advance(200)
        claimed = await sandbox.state.claim(queue, sandbox.clock())
        assert claimed
        assert await sandbox.state.claim(queue, sandbox.clock() + LEASE / 2) == []

        await sandbox.state.release(sandbox.clock() + LEASE / 2)

        assert await sandbox.state.claim(queue, sandbox.clock() + LEASE / 2) == claimed


async def test_a_failed_run_says_why_and_where(sandbox: Stage) -> None:
    play = {"scenario": "failure", "code": "SOURCE_TIMEOUT", "message": "No <answer> for 300 s."}
    started = await sandbox.start(parameters={"sandbox": play}, operationName="Sales & <Data>")
    await sandbox.advance(3600)
    _, _, tenant, project, _, _, key = started["trackingUrl"].split("/")

    async with sandbox.session.get(f"{sandbox.url}/runs/{tenant}/{project}/{key}") as answer:  # without a token
        page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(await answer.text())

    assert (answer.status, answer.content_type) == (200, "text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    found = "".join(page.find("body").itertext())
    for shown in ("Sales & <Data>", "Failed", "No <answer> for 300 s.", "SOURCE_TIMEOUT"):
        assert shown in found
    assert "Results" not in found
