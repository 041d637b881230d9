"""Buttons from end to end: pressed in Slack, done by a real sandbox, told by what it then sends."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from relay.domain.events import OPERATION_EVENTS
from relay.interactivity.endpoint import PATH
from relay.rendering.translations import FORBIDDEN, TAKEN
from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.sandbox import TOKEN, SandboxProcess
from tests.support.stage import SECRET, running, surroundings
from tests.support.waiting import until

pytestmark = pytest.mark.slow

ANALYST, LEAD = "U0ANALYST1", "U0LEAD0001"
SCOPE = "tenant-1/project-1"
CONFIG = """
server: {host: 127.0.0.1, port: 0}
retry: {max_retries: 5, retry_delay: 0.2}
platform: {base_url: "${STAGE_PLATFORM}", tenant: tenant-1, project: project-1, token: "${STAGE_PLATFORM_TOKEN}"}
sources: {async-operations: {signature: {secrets: {current: "${STAGE_SECRET}"}}}}
channels:
  slack:
    token: xoxb-the-token-of-the-stage
    base_url: "${STAGE_SLACK}"
    interactivity: http
    signing_secret: the-signing-secret-of-the-app
    actions: {retry: [lead@example.com], cancel: ["@data-team"]}
  email: {host: 127.0.0.1, port: "${STAGE_SMTP}", tls: none, from: "Operations <relay@example.com>"}
destinations:
  team: {slack: "#team", mode: live, live: {post_after: 0s, min_step: 0, min_interval: 0s}}
  desk: {email: desk@example.com}
rules:
  - {events: ["operation.*"], notify: [team]}
  - {events: [operation.cancelled], notify: [desk]}
"""


async def test_a_cancel_and_a_retry_of_a_real_platform_name_who_pressed(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text(CONFIG, "utf-8")
    with SandboxProcess("--data-dir", str(tmp_path / "sandbox")) as sandbox:
        env = {"STAGE_PLATFORM": sandbox.url, "STAGE_PLATFORM_TOKEN": TOKEN}
        ask: Any = partial(asyncio.to_thread, sandbox.ask, scope=SCOPE)
        async with surroundings(redis_server.url, **env) as around, running(around, config) as relay:
            slack, url = around.slack, "http://{}:{}".format(*relay.addresses[0])
            slack.interact(f"{url}{PATH}", "the-signing-secret-of-the-app")
            webhook = {"webhookUrl": f"{url}/webhooks/async-operations", "events": [*OPERATION_EVENTS],
                       "authentication": {"type": "hmac-sha256", "secret": SECRET}}  # fmt: skip
            await ask("/webhooks", webhook)
            started = await ask("/operation", {
                "operationType": "DataEnrichment", "operationName": "Order-to-Cash", "timeout": 604_800,
                "parameters": {"sandbox": {"duration": 604_000, "delay": 0}},
            })  # fmt: skip
            operation = started["operationId"]

            async def state() -> str:
                return str((await ask(f"/operation/{operation}"))["status"])

            [root] = await around.messages("#team", bool)
            assert await slack.press(root, "cancel", LEAD) == 200
            await slack.wait_for(lambda: bool(slack.workspace.whispers), patience())
            await around.settled()
            assert await state() in ("Initiated", "Running")  # the sandbox was not asked

            assert await slack.press(root, "cancel", ANALYST) == 200
            await around.messages("#team", lambda messages: messages[0].text.startswith("Cancelled: "))
            assert await state() == "Cancelled"

            assert root.text.startswith("Cancelled: Order-to-Cash – By Jana Müller (Slack). ")
            shown = root.blocks[0]["text"]["text"]
            assert shown == "⏹️ *Order-to-Cash* was cancelled by Jana Müller (Slack)."
            [mail] = await around.mails(1)
            assert "Cancelled by Jana Müller (Slack)" in mail.text
            assert [one["text"] for one in slack.workspace.whispers] == [FORBIDDEN, TAKEN]

            await ask("/operation", {
                "operationType": "DataEnrichment", "operationName": "Purchase-to-Pay", "timeout": 3_600,
                "parameters": {"sandbox": {"scenario": "failure", "duration": 0.2, "delay": 0, "failures": 50}},
            })  # fmt: skip

            def failed() -> Any:
                return next((one for one in slack.messages("#team") if one.text.startswith("Failed: Purchase")), None)

            run = await until(failed)
            assert await slack.press(run, "retry", LEAD) == 200
            await around.messages(
                "#team", lambda messages: any("Retry asked for by @lead" in one.text for one in messages)
            )
        assert slack.violations == []
