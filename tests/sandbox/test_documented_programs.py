"""The two programs of the API's documentation, word for word, and what people see of their operations."""

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from relay.domain.events import BATCH_EVENTS, OPERATION_EVENTS
from tests.support import sandbox, stage
from tests.support.clock import Clock
from tests.support.events import SEED
from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.sandbox import TOKEN
from tests.support.stage import Surroundings

NODE = shutil.which("node") or ""
MINUTE = 60.0
pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]  # a whole relay at the pace that Slack allows
NAME = "Advanced Customer Journey Analysis"
CONFIG = """
server: {host: 127.0.0.1, port: 0}
retry: {max_retries: 5, retry_delay: 0.2}
sources:
  async-operations: {signature: {secrets: {current: "${STAGE_SECRET}"}}}
  progress: {event: operation.progress, signature: &token {scheme: token, secrets: {current: "${STAGE_TOKEN}"}}}
  completion: {event: operation.completed, signature: *token}
  error: {event: operation.failed, signature: *token}
channels:
  slack: {token: xoxb-the-token-of-the-stage, base_url: "${STAGE_SLACK}"}
  email: {host: 127.0.0.1, port: "${STAGE_SMTP}", tls: none, from: "Operations <relay@example.com>"}
destinations:
  team: {slack: "#operations", mode: live}
  desk: {email: desk@example.com}
dynamic_destinations: {email_domains: [company.com], slack: ["#process-mining"]}
rules:
  - events: [operation.started, operation.progress, operation.completed, operation.failed, operation.cancelled,
             batch.started, batch.completed]
    notify: [team, desk]
"""


class Between:
    """A sandbox whose clock goes on by a minute with each look, and a relay between it and people."""

    def __init__(self, platform: sandbox.Stage, around: Surroundings, url: str) -> None:
        self.platform, self.around, self.url = platform, around, url

    def program(self, name: str) -> str:
        """The program with real addresses and secrets in the places of those that stand for them."""
        text = (SEED / name).read_text("utf-8")
        text = re.sub(r"https://your-app\.com(/webhooks/[\w-]+)", rf"{self.url}\1?token={stage.TOKEN}", text)
        text = re.sub(r"'your-(webhook-)?secret(-key)?'", f"'{stage.SECRET}'", text)
        return text.replace("/api/{tenantId}/{projectId}", f"{self.platform.url}/api/tenant-1/project-1")

    async def mails(self, recipient: str) -> list[str]:
        """Return what is told in the end, without result or cause. A state between is mailed unless overtaken."""
        await self.platform.advance(1)
        ledger = await self.around.settled()
        assert ledger.imbalance == ledger.counts.get("dead", 0) == 0
        mails = (mail.subject.partition(" – ")[0] for mail in self.around.inbox.mails if mail.recipient == recipient)
        return [subject for subject in mails if not subject.startswith("● Running: ")]


@asynccontextmanager
async def between(redis_server: RedisServer, tmp_path: Path, clock: Clock) -> AsyncIterator[Between]:
    config = tmp_path / "relay.yaml"
    config.write_text(CONFIG)
    clock.now = time.time() - 60 * MINUTE
    with RedisServer() as redis:
        async with (
            stage.surroundings(redis_server.url) as around,
            stage.running(around, config) as relay,
            sandbox.stage(redis.url, clock, tick=MINUTE) as platform,
        ):
            host, port = relay.addresses[0]
            yield Between(platform, around, f"http://{host}:{port}")


async def run_workflow(there: Between, tmp_path: Path) -> str:
    """Return what the JavaScript program says; it looks each minute, and here without waiting for that."""
    text = there.program("workflow.js").replace("checkStatus(), 60000)", "checkStatus(), 0)")
    batch = "process.once('beforeExit', async () => console.log((await submitBatchOperations()).batchId))"
    (tmp_path / "workflow.js").write_text(f"const token = '{TOKEN}';\n{text}\n{batch};\n")
    process = await asyncio.create_subprocess_exec(
        NODE, tmp_path / "workflow.js", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), patience())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return out.decode()


@pytest.mark.skipif(not NODE, reason="there is no Node.js here")
async def test_the_workflow_runs_to_its_end_and_everybody_it_names_is_told(
    redis_server: RedisServer, tmp_path: Path, clock: Clock
) -> None:
    async with between(redis_server, tmp_path, clock) as there:
        said = await run_workflow(there, tmp_path)
        desk = await there.mails("desk@example.com")
        (operation,) = re.findall("^Operation gestartet: (.+)$", said, re.M)
        assert re.search(f"^Operation {operation}: Completed \\(100%\\)$", said, re.M)
        assert re.findall(r"^- (.+): http://127", said, re.M) == [
            "Process Mining Analysis Report (PDF)", "Process Model Visualization (SVG)",
            "Anomaly Detection Results (CSV)", "Predictive Models (ZIP)",
        ]  # fmt: skip
        assert "fehlgeschlagen" not in said
        assert desk == [f"✓ Completed: {NAME}"]
        assert 1 <= sum(mail.subject.startswith(f"● Running: {NAME}") for mail in there.around.inbox.mails) <= 20
        assert await there.mails("analyst@company.com") == [f"✓ Completed: {NAME}"]
        for conversation in ("#process-mining", "#operations"):
            (message,) = there.around.slack.messages(conversation)
            assert message.text.startswith(f"Completed: {NAME}")
        (webhook,) = (await there.platform.ask("GET", "/webhooks"))["webhooks"]
        assert counts(webhook["deliveryStats"]) == (8, 8, 0)  # started, six steps of 15 %, completed
        callbacks = (await there.platform.get(operation))["callbacks"]
        assert (callbacks["progressCallbacksSent"], callbacks["callbacksSuccessful"]) == (24, 25)
        assert there.around.slack.violations == []


async def test_the_manager_does_everything_it_can_and_people_see_it(
    redis_server: RedisServer, tmp_path: Path, clock: Clock
) -> None:
    async with between(redis_server, tmp_path, clock) as there:
        manager = manager_of(there)
        register = manager.register_webhook
        await asyncio.to_thread(register, f"{there.url}/webhooks/async-operations", [*OPERATION_EVENTS, *BATCH_EVENTS])
        await asyncio.to_thread(use, manager)
        assert sorted(await there.mails("desk@example.com")) == sorted(
            ("✓ Completed: Sales", "✕ Failed: Stock", "✓ Completed: Stock", "– Cancelled: Monthly",
             "○ Started: Pipeline", "✓ Completed: Cleaning", "✓ Completed: Report", "✓ Completed: Pipeline")
        )  # fmt: skip
        messages = there.around.slack.messages("#operations")
        assert {message.text.partition(" – ")[0] for message in messages if not message.thread_ts} == {
            "Completed: Sales", "Completed: Stock", "Cancelled: Monthly", "Completed: Pipeline",
        }  # fmt: skip
        (webhook,) = (await there.platform.ask("GET", "/webhooks"))["webhooks"]
        assert webhook["deliveryStats"]["failedDeliveries"] == 0
        assert there.around.slack.violations == []


def manager_of(there: Between) -> Any:
    """The Python program's class, ready for the sandbox."""
    pytest.importorskip("requests", reason="requests is not installed")
    module = ModuleType("async_operation_manager")
    exec(compile(there.program("async_operation_manager.py"), module.__name__, "exec"), module.__dict__)
    return module.AsyncOperationManager(there.platform.url, "tenant-1", "project-1", TOKEN)


def counts(stats: Mapping[str, Any]) -> tuple[int, int, int]:
    return stats["totalDeliveries"], stats["successfulDeliveries"], stats["failedDeliveries"]


def finished(manager: Any, operation: str) -> str:
    while (status := manager.get_operation_status(operation)["status"]) in ("Initiated", "Running"):
        pass
    return str(status)


def use(manager: Any) -> None:
    """One call of every method, and what comes of it."""
    good = manager.start_operation("DataEnrichment", "Sales", {"region": "EU"}, priority="High")["operationId"]
    assert finished(manager, good) == "Completed"
    results = manager.get_operation_results(good)
    assert (results["success"], results["parameters"], len(results["artifacts"])) == (True, {"region": "EU"}, 1)
    bad = manager.start_operation("DataEnrichment", "Stock", {"sandbox": {"scenario": "failure"}})["operationId"]
    assert finished(manager, bad) == "Failed"
    again = manager.retry_operation(bad, updated_params={"batchSize": 100})
    assert (again["resumeFromPhase"], finished(manager, again["newOperationId"])) == ("Enrichment", "Completed")
    dropped = manager.start_operation("ReportGeneration", "Monthly", {})["operationId"]
    assert manager.cancel_operation(dropped)["status"] == "Cancelled"
    batch = manager.submit_batch_operations("Pipeline", [
        {"operationKey": "clean", "operationName": "Cleaning", "operationType": "DataEnrichment"},
        {"operationKey": "report", "operationName": "Report", "operationType": "ReportGeneration",
         "dependencies": ["clean"]},
    ])  # fmt: skip
    assert finished(manager, batch["operations"][1]["operationId"]) == "Completed"
    listed = manager.list_operations(status="Completed", operation_type="DataEnrichment")
    assert [row["operationName"] for row in listed["operations"]] == ["Cleaning", "Stock", "Sales"]
    assert manager.list_operations()["summary"] == {
        "totalOperations": 6, "running": 0, "completed": 4, "failed": 1, "cancelled": 1,
    }  # fmt: skip
