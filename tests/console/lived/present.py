"""What came today, over HTTP: one operation for each reason for which a message may stay away."""

import json
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import ClientSession

from relay.store.suppressions import Suppressions
from relay_sandbox.standins.slack import Fault
from tests.console.lived.events import event
from tests.console.lived.settings import API_TOKEN
from tests.support.silences import added, silence
from tests.support.stage import Stage, Surroundings
from tests.support.waiting import until

# For each reason the operation that met it.
OPERATION = {
    "bad signature": "op-fraud-scan", "duplicate": "op-fixed-assets", "late": "op-ledger-check",
    "no rule": "op-ad-hoc-extract", "increment": "op-customer-profiles", "quiet hours": "op-warehouse-plan",
    "silenced": "op-accruals", "unsubscribed": "op-churn-report", "rate-limited": "op-stock-levels",
    "paused": "op-vendor-scores", "dead": "op-audit-file",
}  # fmt: skip
REASONS = tuple(name for name in OPERATION if name != "duplicate")  # that was delivered once, as it should be
PROJECTS = {"quiet hours": "night", "silenced": "closing", "unsubscribed": "customers", "paused": "vendor",
            "dead": "archive", "rate-limited": "busy"}  # fmt: skip
REFUSED = "554 5.7.1 Message refused by policy"
ODD = 3  # bodies that are no event
DEAD = 6  # messages that the archive refuses, beside the one of the reason


async def live_now(stage: Stage) -> None:
    """All of it, once nothing moves any more."""
    await _act(stage, "/destinations/pause", {"name": "vendor", "reason": "Their server moves"})
    now = time.time()
    for reason in ("quiet hours", "silenced", "unsubscribed", "paused", "dead"):
        await _send(stage, event("operation.completed", now, OPERATION[reason], PROJECTS[reason], status="Completed"))
    for number in range(DEAD):
        await _send(
            stage, event("operation.completed", now, f"op-audit-file-{number + 1}", "archive", status="Completed")
        )
    await _send(stage, event("operation.completed", now, OPERATION["no rule"], "nobody", status="Completed"))
    for percentage in (60, 67):
        moment, stated = now + percentage / 1000, {"status": "Running", "percentage": percentage}
        await _send(stage, event("operation.progress", moment, OPERATION["increment"], "steps", **stated))
        await _calm(stage)
    told = event("operation.completed", now, OPERATION["duplicate"], "finance", status="Completed")
    await _send(stage, told)
    await _send(stage, told, status=200)
    await _send(stage, event("operation.completed", now, OPERATION["late"], "finance", status="Completed"))
    await _send(
        stage,
        event("operation.progress", now - 60, OPERATION["late"], "finance", status="Running", percentage=50),
        status=200,
    )
    await _refused(stage, now)
    await _calm(stage)
    stage.around.slack.outages["chat.postMessage #busy"] = Fault("ratelimited", 429, {"Retry-After": "7200"})
    await _send(stage, event("operation.completed", now, OPERATION["rate-limited"], "busy", status="Completed"))
    await until(lambda: stage.around.admin.paused(["limit:slack:post:#busy"]))


async def decide(around: Surroundings, now: float) -> None:
    """What people have decided before relay starts, and what the archive's server says."""
    await Suppressions(around.store).add("reader@example.com", "customers", reason="unsubscribed")
    around.inbox.answer("archive@example.com", *[REFUSED] * (DEAD + 1))
    closing = silence(
        now, id="s-closing", author="ada", reason="The books are being closed", destinations=("month-end",)
    )
    await added(around.store, closing)


async def _refused(stage: Stage, now: float) -> None:
    """What is not taken: signed by somebody else, no event, too early, to an address that is none."""
    unknown = event("operation.completed", now, OPERATION["bad signature"], "finance", status="Completed")
    await _send(stage, unknown, status=401, secret="the-secret-of-another-platform")
    for number in range(ODD):
        await _send(stage, {"hello": number, "tenantId": "acme"}, status=422)
    early = event("operation.progress", now, "op-early", "finance", status="Running", percentage=10)
    await stage.post(early, "progress")
    await stage.post(unknown, "no-such-source")


async def _send(stage: Stage, document: Mapping[str, Any], *, status: int = 202, **knobs: Any) -> None:
    reply = await stage.post(document, **knobs)
    assert reply.status == status, (document, reply)


async def _act(stage: Stage, path: str, fields: Mapping[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {API_TOKEN}", "Content-Type": "application/json"}
    async with (
        ClientSession() as session,
        session.post(f"{stage.admin_url}/api/v1{path}", data=json.dumps(fields), headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def _calm(stage: Stage) -> None:
    """Once nothing is due: what still waits, waits for something."""

    async def calm() -> bool:
        oldest = await stage.around.admin.oldest_due(["slack", "email"])
        return not any(due <= time.time() for due in oldest.values())

    await until(calm)
