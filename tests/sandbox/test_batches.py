"""Batches keep their order, refuse circles, and do what their failure policy says in every combination."""

from typing import Any

import pytest

from tests.sandbox.documented import shape
from tests.support.events import seed
from tests.support.sandbox import Stage

MINUTE = 60.0


def member(key: str, *dependencies: str, **play: Any) -> dict[str, Any]:
    return {"operationKey": key, "operationName": key.title(), "operationType": "DataEnrichment",
            "dependencies": list(dependencies), "parameters": {"sandbox": {"duration": 600} | play}}  # fmt: skip


async def submit(sandbox: Stage, *members: Any, **fields: Any) -> Any:
    return await sandbox.ask("POST", "/batch", {"batchName": "Pipeline", "operations": members} | fields, status=202)


async def statuses(sandbox: Stage, batch: Any) -> tuple[str, dict[str, str]]:
    found = await sandbox.ask("GET", f"/batch/{batch['batchId']}", status=200)
    return found["status"], {row["operationKey"]: row["status"] for row in found["operations"]}


async def test_the_documented_batch_runs_in_its_order(sandbox: Stage) -> None:
    request = sandbox.example("submit-batch")
    request["batchCallbacks"] = {key: f"{sandbox.receiver.url}/{key}" for key in request["batchCallbacks"]}
    batch = await sandbox.ask("POST", "/batch", request, status=202)
    assert shape(seed("submit-batch.response"), batch) == []
    assert [row["status"] for row in batch["operations"]] == ["Running", "Pending", "Pending"]
    await sandbox.advance(20 * MINUTE)
    assert await statuses(sandbox, batch) == (
        "Running", {"data-prep": "Completed", "discovery": "Running", "performance": "Pending"},
    )  # fmt: skip
    found = await sandbox.get(batch["operations"][1]["operationId"])
    assert found["batchId"] == batch["batchId"]
    await sandbox.advance(90 * MINUTE)
    assert await statuses(sandbox, batch) == (
        "Completed", dict.fromkeys(("data-prep", "discovery", "performance"), "Completed"),
    )  # fmt: skip
    sent = [(request.path, request.event) for request in sandbox.receiver.requests]
    done = ("/onOperationComplete", "batch.operation.completed")
    assert sorted(sent) == sorted([("/onBatchStart", "batch.started"), done, done, done,
                                   ("/onBatchComplete", "batch.completed")])  # fmt: skip
    last = next(request.body for request in sandbox.receiver.requests if request.event == "batch.completed")
    assert last["batch"]["status"] == "Completed"
    assert last["batch"]["completedOperations"] == 3


@pytest.mark.parametrize(("members", "field", "said"), [
    ([member("a", "b"), member("b", "a")], "operations", "a → b → a"),
    ([member("a", "a")], "operations", "a → a"),
    ([member("a"), member("b", "x")], "operations.1.dependencies.0", "'x'"),
    ([member("a"), member("a")], "operations.1.operationKey", "twice"),
    ([], "operations", "at least 1"),
    ([member("a", scenario="x")], "operations.0.parameters.sandbox.scenario", "failure"),
])  # fmt: skip
async def test_a_batch_without_an_order_is_refused_whole(sandbox: Stage, members: Any, field: str, said: str) -> None:
    refusal = await sandbox.ask("POST", "/batch", {"batchName": "x", "operations": members}, status=422)
    assert refusal["field"] == field
    assert said in refusal["detail"] or "b → a → b" in refusal["detail"]
    assert (await sandbox.ask("GET", "/operations", status=200))["operations"] == []


# What a failure of `bad` makes of the others: `side` runs beside it, `after` depends on it, `later` on `side`.
OUTCOMES = {
    (False, True): {"bad": "Failed", "side": "Completed", "after": "Cancelled", "later": "Completed"},
    (False, False): {"bad": "Failed", "side": "Completed", "after": "Cancelled", "later": "Cancelled"},
    (True, True): {"bad": "Failed", "side": "Completed", "after": "Cancelled", "later": "Cancelled"},
    (True, False): {"bad": "Failed", "side": "Cancelled", "after": "Cancelled", "later": "Cancelled"},
}


@pytest.mark.parametrize(
    ("stop", "independent", "retried"), [*((*policy, False) for policy in OUTCOMES), (False, True, True)]
)
async def test_the_failure_policy_decides_what_goes_on(
    sandbox: Stage, stop: bool, independent: bool, retried: bool
) -> None:
    policy = {"stopOnFirstFailure": stop, "continueIndependentOperations": independent,
              "retryFailedOperations": retried}  # fmt: skip
    members = [member("bad", scenario="failure", failures=9 if retried else 1), member("side", duration=1800),
               member("after", "bad"), member("later", "side")]  # fmt: skip
    batch = await submit(sandbox, *members, failurePolicy=policy)
    await sandbox.advance(120 * MINUTE)
    assert await statuses(sandbox, batch) == ("Failed", OUTCOMES[stop, independent])
    found = await sandbox.ask("GET", f"/batch/{batch['batchId']}", status=200)
    assert found["operations"][0].get("retryNumber", 0) == int(retried)
    assert (found["failedOperations"], "batchEndTime" in found) == (1, True)


async def test_a_retry_saves_the_batch_and_knows_what_it_retries(sandbox: Stage) -> None:
    batch = await submit(
        sandbox, member("a", scenario="failure"), member("b", "a"), failurePolicy={"retryFailedOperations": True},
        batchCallbacks={"onOperationComplete": f"{sandbox.receiver.url}/done"},
    )  # fmt: skip
    await sandbox.advance(60 * MINUTE)
    assert (await statuses(sandbox, batch))[0] == "Completed"
    found = await sandbox.ask("GET", f"/batch/{batch['batchId']}", status=200)
    fresh = await sandbox.get(found["operations"][0]["operationId"])
    assert fresh["originalOperationId"] == batch["operations"][0]["operationId"]
    assert (fresh["retryNumber"], fresh["batchId"]) == (1, batch["batchId"])
    assert [request.body["operation"]["status"] for request in sandbox.receiver.requests] == ["Completed", "Completed"]


async def test_cancelling_a_member_cancels_what_depends_on_it(sandbox: Stage) -> None:
    batch = await submit(sandbox, member("a"), member("b", "a"), member("c", "b"), member("d"))
    await sandbox.ask("DELETE", f"/operation/{batch['operations'][0]['operationId']}", status=200)
    await sandbox.advance(60 * MINUTE)
    assert await statuses(sandbox, batch) == (
        "Cancelled", {"a": "Cancelled", "b": "Cancelled", "c": "Cancelled", "d": "Completed"},
    )  # fmt: skip
