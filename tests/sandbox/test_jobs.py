"""A real job can stand where a simulated one stands: told alike, cancelled alike, begun again after a crash."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from relay_sandbox.jobs.profile import EventLogProfile
from relay_sandbox.jobs.sample_log import sample
from relay_sandbox.runner import Job, JobResult, Report
from tests.support.clock import Clock
from tests.support.redis_server import RedisServer
from tests.support.sandbox import Stage, stage

LOG = """case;step;when
1;Register;2024-01-01T08:00:00Z
1;Approve;2024-01-01T10:00:00Z
2;Register;2024-01-02T08:00:00Z
2;Approve;2024-01-02T09:00:00Z
3;Register;2024-01-03T08:00:00Z
3;Reject;2024-01-03T08:30:00Z
"""
COLUMNS = {"case": "case", "activity": "step", "timestamp": "when"}


async def profile(sandbox: Stage, **parameters: Any) -> Any:
    hook = {
        "webhookUrl": f"{sandbox.receiver.url}/hook",
        "webhookName": "x",
        "events": [
            "operation.started",
            "operation.progress",
            "operation.phase.completed",
            "operation.completed",
            "operation.failed",
        ],
    }
    await sandbox.ask("POST", "/webhooks", hook, status=201)  # fmt: skip
    return await sandbox.start(operationType="EventLogProfile", operationName="Loans", parameters=parameters)


async def test_the_profile_of_a_log_counts_what_is_in_it(sandbox: Stage) -> None:
    started = await profile(sandbox, csv=LOG, columns=COLUMNS)
    await sandbox.advance(1)
    found = await sandbox.get(started["operationId"])
    assert (found["status"], found["progress"]["percentage"]) == ("Completed", 100)
    assert found["execution"]["processedRecords"] == 6
    results = await sandbox.ask("GET", f"/operation/{started['operationId']}/results", status=200)
    assert results["summary"] == {
        "recordsAnalyzed": 6, "cases": 3, "activities": 3, "processVariants": 2, "medianThroughputTime": "1 hour",
        "reportsCreated": 2,
    }  # fmt: skip
    files = {}
    for artifact in results["artifacts"]:
        async with sandbox.session.get(artifact["downloadUrl"]) as answer:
            files[artifact["format"]] = await answer.text()
    data = json.loads(files["JSON"])
    assert data["variants"][0] == {"steps": ["Register", "Approve"], "cases": 2, "share": 66.7}
    assert data["throughput"] == {"shortest": "30 minutes", "median": "1 hour", "mean": "1 hour 10 minutes",
                                  "longest": "2 hours"}  # fmt: skip
    assert "<title>Loans</title>" in files["HTML"]
    assert "Register → Approve" in files["HTML"]
    events = sandbox.receiver.events()
    assert (events[0], events[-1], events.count("operation.phase.completed")) == (
        "operation.started",
        "operation.completed",
        4,
    )


@pytest.mark.parametrize(
    ("csv", "said"),
    [("case_id,activity\n1,a\n", "no column timestamp"), ("case_id,activity,timestamp\n1,a,soon\n", "line 2"),
     ("case_id,activity,timestamp\n", "no rows"),
     (f"case_id,activity,timestamp\n1,{'a' * 140_000},2024-01-20\n", "line 2: field larger than")],
)  # fmt: skip
async def test_a_log_that_cannot_be_read_fails_with_the_reason(sandbox: Stage, csv: str, said: str) -> None:
    started = await profile(sandbox, csv=csv)
    await sandbox.advance(1)
    found = await sandbox.get(started["operationId"])
    assert (found["status"], found["error"]["code"]) == ("Failed", "INVALID_DATA")
    assert said in found["error"]["message"]
    assert sandbox.receiver.events()[-1] == "operation.failed"


def test_a_dataset_is_a_name_and_no_path(tmp_path: Any) -> None:
    (tmp_path / "secret.csv").write_text("x")
    folder = tmp_path / "datasets"
    folder.mkdir()
    for name in ("../secret.csv", "/etc/passwd", "missing.csv", 7):
        with pytest.raises(ValueError, match="dataset"):
            EventLogProfile(folder).check({"dataset": name})


async def test_the_server_goes_on_answering_while_a_log_is_worked_on() -> None:
    """Between two reports others have their turn."""
    turns, seen = 0, []

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def report(phase: str, fraction: float, **_: Any) -> None:
        seen.append((phase, turns))

    other = asyncio.create_task(others())
    log = {"csv": sample(cases=1500), "dataset": "sample"}
    await EventLogProfile().run(Job("op", "Loans", log), report)
    other.cancel()
    begun = dict(reversed(seen))
    ended = dict(seen)
    assert len([phase for phase, _ in seen if phase == "Reading"]) > 3
    assert 0 < begun["Reading"] < ended["Reading"] < ended["Variants"] < ended["Throughput Times"]


class Slow:
    """Goes one phase, and then waits until it is let go."""

    phases = ("Begin", "End")

    def __init__(self) -> None:
        self.runs = 0
        self.steps = 0  # finished after it was let go
        self.waiting = asyncio.Event()
        self.go = asyncio.Event()

    def check(self, parameters: Mapping[str, Any]) -> None:
        pass

    async def run(self, operation: Job, report: Report) -> JobResult:
        self.runs += 1
        await report("Begin", 1.0)
        self.waiting.set()
        await self.go.wait()
        self.steps += 1
        await report("End", 1.0)
        return JobResult({"answer": 42})


@pytest.mark.parametrize("force", [False, True])
async def test_a_cancelled_job_finishes_its_step_unless_it_is_forced(
    sandbox: Stage, redis_server: RedisServer, clock: Clock, force: bool
) -> None:
    slow = Slow()
    async with stage(redis_server.url, clock, runners={"Slow": slow}) as opened:
        opened.worker.jobs._beat = 0.01
        started = await opened.start(operationType="Slow")
        await opened.worker.turn()
        await slow.waiting.wait()
        path = f"/operation/{started['operationId']}"
        answer = await opened.ask("DELETE", path, {"forceTermination": force}, status=200)
        assert (answer["progressAtCancellation"], answer["phaseAtCancellation"]) == (50, "Begin")
        if force:  # it ends although nobody lets it go
            await opened.worker.jobs.idle()
        else:
            (keeping,) = opened.worker.jobs._tasks.values()
            assert not (await asyncio.wait([keeping], timeout=0.2))[0]
            slow.go.set()
            await opened.worker.jobs.idle()
        assert slow.steps == int(not force)
        assert (await opened.get(started["operationId"]))["status"] == "Cancelled"


async def test_a_job_is_begun_again_when_its_process_is_gone(
    sandbox: Stage, redis_server: RedisServer, clock: Clock
) -> None:
    slow = Slow()
    async with stage(redis_server.url, clock, runners={"Slow": slow}) as first:
        started = await first.start(operationType="Slow", callbacks={"onProgress": f"{sandbox.receiver.url}/progress"})
        await first.worker.turn()
        await slow.waiting.wait()
    slow.go.set()
    async with stage(redis_server.url, clock, runners={"Slow": slow}) as second:
        assert await second.worker.turn() == 0
        clock.advance(31)
        await second.advance(0)
        found = await second.get(started["operationId"])
    assert (slow.runs, found["status"]) == (2, "Completed")
    assert sandbox.receiver.events().count("operation.phase.completed") == 2
