"""A relay with something to show on each page of its console: a job, dead letters, a quarantine, and one operation for
each reason for which a message may stay away."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from relay.config import OPERATOR, Role
from relay.console.access.login_flow import make_link
from relay.store import Store
from relay.store.queries.reachability import OperatorPauses
from relay.store.queries.suppressions import Suppressions
from relay.store.sessions import Sessions
from tests.support import foreign
from tests.support.auth import TOKEN
from tests.support.redis_server import RedisServer
from tests.support.silences import added, silence
from tests.support.stage import SIGNING, Stage, post, running, surroundings
from tests.support.waiting import until

RETURNED = "returns@example.com"  # whose dead letters a test acts on
CONFIG = f"""\
server: {{host: 127.0.0.1, port: 0, drain: 0s, public_url: "https://relay.example.com"}}
data_dir: /nonexistent
timezone: Europe/Berlin
retry: {{max_retries: 3, retry_delay: 0.2, backoff_multiplier: 1, max_delay: 60}}
console: {{tokens: {{deploy: {{token: {TOKEN}, role: operator}}}}}}
platform: {{links: {{operation: "https://app.example.com/runs/{{operationId}}"}}}}
sources:
  async-operations: {{signature: {{secrets: {{current: "${{STAGE_SECRET}}"}}}}}}
  github: {{format: github-actions, signature: {{secrets: {{current: "${{STAGE_SECRET}}"}}}}}}
channels:
  slack: {{token: xoxb-the-token-of-the-stage, base_url: "${{STAGE_SLACK}}"}}
  email: {{host: 127.0.0.1, port: "${{STAGE_SMTP}}", tls: none, from: "Operations <relay@example.com>"}}
destinations:
  process-mining: {{slack: "#process-mining", mode: live, live: {{post_after: 0s, min_interval: 0s}}}}
  analysts: {{email: [analyst@example.com, lead@example.com]}}
  analysts-daily: {{email: [analyst@example.com], language: de, mode: digest, at: "08:30"}}
  data-team: {{slack: "#data-team", mode: each}}
  month-end: {{slack: "#month-end", mode: each}}
  customers: {{email: [reader@example.com, second@example.com]}}
  vendor: {{email: [vendor@example.com]}}
  compliance: {{email: [archive@example.com]}}
  returns: {{email: [{RETURNED}]}}
  partners: {{email: [partners@example.com]}}
rules:
  - {{events: ["operation.*", "batch.*"], projects: [finance], notify: [process-mining, analysts-daily]}}
  - {{events: [operation.failed], projects: [finance], notify: [analysts]}}
  - {{events: [operation.progress], projects: [steps], min_progress_increment: 10, notify: [data-team]}}
  - {{events: ["operation.*"], projects: [closing], notify: [month-end]}}
  - {{events: ["operation.*"], projects: [customers], notify: [customers]}}
  - {{events: ["operation.*"], projects: [vendor], notify: [vendor]}}
  - {{events: ["operation.*"], projects: [archive], notify: [compliance]}}
  - {{events: ["operation.*"], projects: [returns], notify: [returns]}}
  - {{events: ["operation.*"], projects: [partners], notify: [partners]}}
"""
TRACE = (
    "Traceback (most recent call last):\n  File 'extract.py', line 14, in fetch\nsap.TimeoutError: SAP did not answer."
)
REFUSED = "554 5.7.1 Message refused by policy"
DEAD, ODD = 4, 3  # messages that the archive refuses, and bodies that are no event
# By reason: the operation that met it.
REASONS: Mapping[str, str] = {
    "bad signature": "op-fraud-scan", "no rule": "op-ad-hoc-extract", "increment": "op-profiles",
    "silenced": "op-accruals", "unsubscribed": "op-churn-report", "paused": "op-vendor-scores",
}  # fmt: skip


@dataclass
class Lived(Stage):
    """`admin_url` leads to its console."""

    sent: int = 0

    async def link(self, name: str = "jana", role: Role = OPERATOR) -> str:
        """Return a link into it that somebody of this name has made."""
        return await make_link(Sessions(self.around.store), SIGNING, self.admin_url, role, name, now=time.time())

    async def tell(self, name: str, operation: str, project: str, *, minutes: float = 0.0, **stated: Any) -> int:
        """Send an event of so many minutes ago; return the status. `secret`: signed with another one."""
        self.sent += 1
        knobs = {"secret": stated.pop("secret")} if "secret" in stated else {}
        parts = {key: stated.pop(key) for key in ("error", "batch") if key in stated}
        about = {"operationName": operation.removeprefix("op-"), "operationType": "DataEnrichment", **stated}
        at = datetime.fromtimestamp(time.time() - 60 * minutes + self.sent / 1000, UTC).isoformat()
        body: dict[str, Any] = {"eventId": f"evt-{self.sent}", "event": name, "timestamp": at, "tenantId": "acme",
                "projectId": project, **parts}  # fmt: skip
        if operation:
            body["operation"] = {"operationId": operation, **about}
        return (await self.post(body, **knobs)).status


@asynccontextmanager
async def lived() -> AsyncIterator[Lived]:
    with RedisServer() as redis, TemporaryDirectory(prefix="lived-") as folder:
        path = Path(folder) / "relay.yaml"
        path.write_text(CONFIG, "utf-8")
        async with surroundings(redis.url) as around:
            around.slack.workspace.url = "https://acme.slack.com/"
            for address in ("archive@example.com", RETURNED, "partners@example.com"):
                around.inbox.answer(address, *[REFUSED] * DEAD)
            async with aclosing(Store.open(redis.url, process="before")) as store:
                await store.prepare()
                await Suppressions(store).add("reader@example.com", "customers", reason="unsubscribed")
                await OperatorPauses(store).pause("vendor", "Their server moves", "ada")
                closing = {"id": "s-closing", "author": "ada", "reason": "The books are closed"}
                await added(store, silence(time.time(), destinations=("month-end",), **closing))
            async with running(around, path, period=1.0) as relay:
                world = Lived(around, relay)
                await live(world)
                yield world


async def live(world: Lived) -> None:
    """Send all of it, and return once nothing is due."""
    for number in range(7):
        run = {"operationName": f"Invoices {number}", "startTime": None, "duration": 300 + number}
        failed = {"error": {"code": "SOURCE_TIMEOUT", "message": TRACE}} if number == 4 else {}
        name, status = ("operation.failed", "Failed") if failed else ("operation.completed", "Completed")
        await world.tell(name, f"op-inv-{number}", "finance", minutes=60 - number, status=status, **run, **failed)
    batch = {"batchId": "batch-1", "batchName": "Month", "status": "Running", "totalOperations": 2,
             "operations": [{"operationId": "op-inv-7", "status": "Running"}]}  # fmt: skip
    await world.tell("batch.started", "", "finance", batch=batch)
    going = {"status": "Running", "progress": {"percentage": 64, "currentPhase": "Process Discovery"}}
    await world.tell("operation.progress", "op-inv-7", "finance", operationName="Invoices 7", **going)
    for reason, project in (("silenced", "closing"), ("unsubscribed", "customers"), ("paused", "vendor"),
                            ("no rule", "nobody")):  # fmt: skip
        await world.tell("operation.completed", REASONS[reason], project, status="Completed")
    for number in range(DEAD):
        for project in ("archive", "returns", "partners"):
            await world.tell("operation.completed", f"op-{project}-{number}", project, status="Completed")
    for percentage in (60, 67):
        stated = {"status": "Running", "progress": {"percentage": percentage}}
        await world.tell("operation.progress", REASONS["increment"], "steps", **stated)
        await calm(world)
    unknown = {"status": "Completed", "secret": "the-secret-of-another-platform"}
    assert await world.tell("operation.completed", REASONS["bad signature"], "finance", **unknown) == 401
    for number in range(ODD):
        assert (await world.post({"hello": number, "tenantId": "acme"})).status == 422
    for document in (foreign.PING, foreign.workflow_run("completed", "melted")):
        await post(world.url, document, "github")
    await calm(world)


async def calm(world: Lived) -> None:
    """Wait until nothing is due: what still waits, waits for something."""

    async def is_calm() -> bool:
        oldest = await world.around.admin.oldest_due(["slack", "email"])
        return not any(due <= time.time() for due in oldest.values())

    await until(is_calm)
