"""The demo's stage: a sandbox of the platform, a Slack and a mail server that live here, and a relay between them."""

import asyncio
import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from relay.app import Relay
from relay.platform import OperationsClient
from relay.platform.models import Filters
from relay.platform.registration import register, request
from relay.platform.settings import REGISTERED
from relay.receiving import signatures
from relay.resources import resource_dir
from relay_sandbox.demo.story import (
    ANALYSIS,
    BATCH,
    BATCH_CALLBACKS,
    CALLBACKS,
    DIGEST,
    ENRICHMENT,
    FAILED,
    REPORT,
    ROOM,
    callback_addresses,
    expectations,
    repeated,
    unexpected,
)
from relay_sandbox.demo.watching import DemoEvent, link_into_console, send_now, watch_inbox, watch_platform, watch_slack
from relay_sandbox.service import sandbox
from relay_sandbox.standins.inbox import Inbox
from relay_sandbox.standins.slack import SlackStandin

TENANT, PROJECT = "acme", "order-to-cash"
SPEED = 180.0  # 45 minutes take 15 seconds
MAX_WAIT = 90.0  # seconds that an expected message may take
# A run that says nothing for so many seconds at the platform is stalled; the report does so for 40 minutes. Less than
# the second is too short to be seen.
SILENT, LEAST_SILENT = 900.0, 2.0
TICK = 0.5  # seconds between two looks of the watchdog, so that it is not late in a demo


@dataclass
class Demo:
    """`async with Demo.open(…) as demo`, then `play`; `show` gets everything as it happens."""

    slack: SlackStandin
    inbox: Inbox
    relay: Relay
    platform: OperationsClient
    page: str  # the sandbox's, for people
    secret: str
    token: str
    show: Callable[[DemoEvent], None]
    failures: list[str] = field(default_factory=list)
    console: str = ""  # a link that lets one person in, once

    @classmethod
    @asynccontextmanager
    async def open(
        cls, env: Mapping[str, str], show: Callable[[DemoEvent], None], speed: float = SPEED
    ) -> AsyncIterator["Demo"]:
        """Start all of it on free ports; everything ends, and its data goes, with the context.

        `speed` divides the duration of every operation.
        """
        secret, token, key, own = (secrets.token_urlsafe(24) for _ in range(4))
        async with AsyncExitStack() as stack:
            data = stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-demo-", ignore_cleanup_errors=True))
            slack = await stack.enter_async_context(SlackStandin(channels=[ROOM.lstrip("#")], workspace="Acme"))
            inbox = await stack.enter_async_context(Inbox())
            platform_stack = await stack.enter_async_context(AsyncExitStack())
            serving = await platform_stack.enter_async_context(
                sandbox(token=key, data_dir=Path(data) / "platform", speed=speed)
            )
            variables = {
                **{
                    name: value
                    for name, value in env.items()
                    if not name.startswith("RELAY_") or name == "RELAY_DEMO_PORT"
                },
                "RELAY_DEMO_DATA": f"{data}/relay",
                "RELAY_DEMO_SILENT": f"{max(LEAST_SILENT, SILENT / speed)}s",
                "RELAY_SECRET": own,
                "RELAY_DEMO_SECRET": secret,
                "RELAY_DEMO_TOKEN": token,
                "RELAY_DEMO_CONSOLE_TOKEN": secrets.token_urlsafe(24),
                "RELAY_DEMO_PLATFORM": serving.address,
                "RELAY_DEMO_PLATFORM_TOKEN": key,
                "RELAY_DEMO_SLACK_TOKEN": "xoxb-" + secrets.token_hex(16),
                "RELAY_DEMO_SLACK_URL": slack.base_url,
                "RELAY_DEMO_SMTP_PORT": str(inbox.smtp_port),
            }
            relay = Relay(resource_dir("config") / "demo.yaml", variables, period=TICK)
            running = asyncio.create_task(relay.run())
            stack.push_async_callback(_stop, relay, running)
            started = asyncio.create_task(relay.started.wait())
            await asyncio.wait([started, running], return_when=asyncio.FIRST_COMPLETED)
            started.cancel()
            if running.done():
                running.result()
            stack.push_async_callback(
                platform_stack.aclose
            )  # before relay, which would refuse what it still has to say
            platform = await stack.enter_async_context(
                OperationsClient(serving.address, tenant=TENANT, project=PROJECT, token=key, timeout=MAX_WAIT)
            )
            page = f"{serving.address}/#token={key}&tenant={TENANT}&project={PROJECT}"
            watchers = [
                asyncio.create_task(watch)
                for watch in (watch_slack(slack, show), watch_inbox(inbox, show), watch_platform(platform, show))
            ]
            stack.callback(lambda: [watcher.cancel() for watcher in watchers])
            demo = cls(slack, inbox, relay, platform, page, secret, token, show)
            demo.console = await link_into_console(relay.config, demo.admin_url)
            yield demo

    @property
    def url(self) -> str:
        host, port = self.relay.addresses[0]
        return f"http://{host}:{port}"

    @property
    def admin_url(self) -> str:
        host, port = self.relay.admin_addresses[0]
        return f"http://{host}:{port}"

    @property
    def example(self) -> str:
        """A shell command that sends an event of the reader's own, and so makes a message."""
        event = {"event": "operation.failed", "operationId": "run-1", "operationName": "Nightly load",
                 "error": {"message": "disk full"}}  # fmt: skip
        address = f"{self.url}/webhooks/try?token={self.token}"
        return f"curl -H 'Content-Type: application/json' -d '{json.dumps(event)}' '{address}'"

    @property
    def ping(self) -> str:
        """A shell command that reports the start of a cron job."""
        return f"curl '{self.url}/webhooks/cron/backup/start?token={self.token}'"

    async def play(self, patience: float = MAX_WAIT) -> bool:
        """Start everything, then wait for every message it must lead to. False if one did not come, or one too many.

        `patience` is the seconds that each message may take after the one before it.
        """
        await register(self.platform, request(f"{self.url}/webhooks/{REGISTERED}", self.secret, Filters()))
        callbacks = callback_addresses(CALLBACKS, self.url, self.token)
        batch_callbacks = callback_addresses(BATCH_CALLBACKS, self.url, self.token)
        await self.platform.start(ANALYSIS.model_copy(update={"callbacks": callbacks}))
        failing = await self.platform.start(ENRICHMENT.model_copy(update={"callbacks": callbacks}))
        await self.platform.start(REPORT.model_copy(update={"callbacks": callbacks}))
        await self.platform.submit_batch(BATCH.model_copy(update={"batch_callbacks": batch_callbacks}))
        for expectation, arrived in self.expectations().items():
            if expectation == DIGEST:
                await send_now(self.relay.config)
            try:
                await self._wait_for(arrived, patience)
            except TimeoutError:
                self.failures.append(f"missing: {expectation}")
            if expectation == FAILED:
                await self._send_again(failing.operation_id)
        self.failures += repeated(self.slack.messages(ROOM), self.inbox.mails)
        self.failures += unexpected(self.slack.messages(ROOM))
        self.failures += [f"Slack would have refused: {violation}" for violation in self.slack.violations]
        return not self.failures

    def expectations(self) -> dict[str, Callable[[], bool]]:
        return expectations(lambda: self.slack.messages(ROOM), lambda: self.inbox.mails)

    async def _wait_for(self, arrived: Callable[[], bool], patience: float) -> None:
        async with asyncio.timeout(patience):
            slack = asyncio.create_task(self.slack.wait_for(arrived, patience))
            inbox = asyncio.create_task(self.inbox.wait_for(arrived, patience))
            try:
                await asyncio.wait([slack, inbox], return_when=asyncio.FIRST_COMPLETED)
            finally:
                slack.cancel()
                inbox.cancel()
        if not arrived():
            raise TimeoutError

    async def _send_again(self, operation: str) -> None:
        """Repeat a fact, and send an old one much too late, as platforms do after a lost answer."""
        now = (await self.platform.status(operation)).sent()
        # The platform reports every fifth percent, so this one is new, and still older than the failure.
        earlier = now | {"status": "Running", "progress": {"percentage": 22, "currentPhase": "Data Cleaning"}}
        await self._send("the same failure again", "operation.failed", now, answers="duplicate")
        await self._send("an older event, late", "operation.progress", earlier, answers="late")

    async def _send(self, description: str, event: str, operation: Mapping[str, Any], *, answers: str) -> None:
        sent = datetime.now(UTC)
        document = {"event": event, "timestamp": sent.isoformat(), "tenantId": TENANT, "projectId": PROJECT}
        body = json.dumps(document | {"operation": operation}).encode()
        headers = {"Content-Type": "application/json"} | signatures.sign(
            "hmac-sha256", body, self.secret.encode(), message_id="", timestamp=int(sent.timestamp())
        )
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/webhooks/{REGISTERED}", data=body, headers=headers) as response,
        ):
            answer = await response.json()
        expected = answer.get("status") == answers
        if not expected:
            self.failures.append(f"{description}: expected {answers}, got {response.status} {answer}")
        self.show(DemoEvent("sender", f"{event}  {description}", f"{response.status} {answer.get('status')}", expected))


async def _stop(relay: Relay, running: "asyncio.Task[None]") -> None:
    relay.stop()
    await running
