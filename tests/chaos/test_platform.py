"""relay is killed while runs start, progress and end, and the platform gives up on what it could not deliver."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from relay.platform import OperationsClient
from relay.platform.models import Filters, RetryPolicy, StartOperation
from relay.platform.registration import register, request
from tests.chaos.load import DURABLE
from tests.support.patience import busyness, patience
from tests.support.ports import free_place
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.sandbox import TOKEN, SandboxProcess
from tests.support.stage import CONFIG, SECRET, Surroundings, surroundings

pytestmark = pytest.mark.soak

SPEED = 60  # of a machine at rest; the runs last longer on a busy one, so that relay can show them before they end
MINUTE = 60.0
# name → minutes until it starts, minutes that it takes, what becomes of it. relay is away from about minute 2 to 9.
BEFORE = {
    "progresses meanwhile": (0, 20, "success"),
    "completes meanwhile": (0, 7, "success"),
    "fails meanwhile": (0, 8, "failure"),
    "is cancelled meanwhile": (0, 60, "success"),
    "fails afterwards": (0, 24, "failure"),
}
MEANWHILE = {
    "starts and completes": (0, 2, "success"),
    "starts and fails": (0, 3, "failure"),
    "starts and goes on": (0.5, 16, "success"),
}


def configured(folder: Path, url: str) -> Path:
    file = folder / "relay.yaml"
    rule = '  - {name: watched, events: ["operation.*"], tenants: [t], notify: [team, english]}'
    platform = {"base_url": url, "tenant": "t", "project": "p", "token": TOKEN}
    file.write_text(f"{CONFIG.read_text()}\n{rule}\nplatform: {platform}\n")
    return file


async def start(client: OperationsClient, plays: dict[str, tuple[float, float, str]]) -> dict[str, str]:
    """Their ids by their names."""
    started = {}
    for name, (delay, minutes, scenario) in plays.items():
        sandbox = {
            "delay": delay * MINUTE,
            "duration": minutes * MINUTE,
            "scenario": scenario,
            "message": f"No answer: {name}.",  # each has a cause of its own, and so a mail of its own
        }
        operation = StartOperation(
            operation_type="DataEnrichment", operation_name=name, parameters={"sandbox": sandbox}
        )
        started[name] = (await client.start(operation)).operation_id
    return started


async def ended(client: OperationsClient, operations: list[str]) -> dict[str, str]:
    """Return how each ended, once all have."""
    states = {}
    for operation in operations:
        async with asyncio.timeout(patience(90)):
            while not (now := await client.status(operation)).terminal:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.2)
            states[operation] = now.status
    return states


def roots(around: Surroundings, name: str) -> list[Any]:
    return [one for one in around.slack.messages("#team") if not one.thread_ts and name in one.text]


def shown(lines: list[dict[str, Any]]) -> set[str]:
    """The operations whose message stands, as far as relay knows: a crash before that may repeat it."""
    return {line["subject"] for line in lines if (line.get("kind"), line.get("outcome")) == ("live", "delivered")}


@pytest.mark.timeout(240)
async def test_after_five_minutes_without_relay_everything_that_matters_has_been_told_once(tmp_path: Path) -> None:
    host, port = free_place()  # where no other test's server takes the port while relay is away
    with (
        RedisServer(**DURABLE) as server,
        SandboxProcess("--speed", f"{SPEED / busyness():.0f}", "--data-dir", str(tmp_path / "sandbox")) as sandbox,
    ):
        async with (
            surroundings(server.url, RELAY_HOST=host, RELAY_ADMIN_HOST=host, RELAY_PORT=port) as around,
            OperationsClient(sandbox.url, tenant="t", project="p", token=TOKEN) as client,
            RunningRelay(configured(tmp_path, sandbox.url), around.env) as relay,
        ):
            await relay.wait_for_line("reconciliation.finished")
            wanted = request(f"{relay.url}/webhooks/async-operations", SECRET, Filters())
            await register(client, wanted.model_copy(update={"retry_policy": RetryPolicy(max_retries=0)}))
            names = await start(client, BEFORE)
            await relay.wait_until(lambda lines: {*names.values()} <= shown(lines))
            await relay.kill()
            # A run that ended before its first message has no other, and so nothing that could be missing below.
            assert {(await client.status(names[name])).status for name in BEFORE} == {"Running"}

            names |= await start(client, MEANWHILE)
            await client.cancel(names["is cancelled meanwhile"], reason="no longer needed")
            await ended(client, [names[name] for name in names if "meanwhile" in name and "progresses" not in name])
            await ended(client, [names["starts and completes"], names["starts and fails"]])
            [hook] = await client.webhooks()
            assert hook.sent()["deliveryStats"]["failedDeliveries"] > 5  # given up, each at once
            await relay.start()

            states = await ended(client, [*names.values()])
            final = {name: states[operation] for name, operation in names.items()}
            await around.messages(
                "#team", lambda _: all(any(final[name] in one.text for one in roots(around, name)) for name in names)
            )
            ledger = await around.settled()

    assert Counter(final.values()) == {"Completed": 4, "Failed": 3, "Cancelled": 1}
    repeats = 0
    for name, state in final.items():
        standing = roots(around, name)
        assert state in standing[-1].text, name
        replies = [one for one in around.slack.messages("#team") if one.thread_ts in {root.ts for root in standing}]
        mails = [mail for mail in around.inbox.mails if name in mail.subject + mail.text]
        assert len(mails) >= (state != "Cancelled"), name
        assert len(replies) >= (name in BEFORE and state != "Cancelled"), name
        repeats += len(standing) - 1 + max(0, len(replies) - 1) + max(0, len(mails) - 1)
    assert repeats <= ledger.counts.get("unknown_outcomes", 0)
    assert ledger.imbalance == 0
    assert ledger.counts.get("dead", 0) == 0
    assert around.slack.violations == []
