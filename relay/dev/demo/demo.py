"""The demo's stage: a sandbox of the platform, a Slack and a mail server that live here, and a relay between them."""

import asyncio
import contextlib
import json
import secrets
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import aiohttp

from relay.app import REGISTERED, Relay
from relay.dev.demo.story import ANALYSIS, BATCH, BATCH_CALLBACKS, CALLBACKS, ENRICHMENT, called_back
from relay.dev.standins.inbox import Inbox
from relay.dev.standins.slack import Message, SlackStandin
from relay.errors import PlatformError
from relay.platform import OperationsClient
from relay.platform.models import Filters
from relay.platform.registration import register, request
from relay.receiving import signatures
from relay.resources import resource_dir
from relay.sandbox.service import sandbox

ROOM = "#process-mining"
TENANT, PROJECT = "acme", "order-to-cash"
SPEED = 180.0  # 45 minutes take 15 seconds
PATIENCE = 90.0  # seconds that an expected message may take
LOOK = 0.3  # seconds between two looks at the platform
FAILED = "Slack: the enrichment, failed"


@dataclass(frozen=True)
class Happening:
    """One line for the person who watches: who did what."""

    who: str  # platform, sender, slack or mail
    what: str
    detail: str = ""
    expected: bool = True


@dataclass
class Demo:
    """`async with Demo.open(…) as demo`, then `play`; `tell` hears of everything as it happens."""

    slack: SlackStandin
    inbox: Inbox
    relay: Relay
    platform: OperationsClient
    page: str  # the sandbox's, for people
    secret: str
    token: str
    tell: Callable[[Happening], None]
    failures: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, env: Mapping[str, str], tell: Callable[[Happening], None], speed: float = SPEED
    ) -> AsyncIterator["Demo"]:
        """Start all of it on free ports; everything ends, and its data goes, with the context.

        `speed` divides the duration of every operation.
        """
        secret, token, key = (secrets.token_urlsafe(24) for _ in range(3))
        async with AsyncExitStack() as stack:
            data = stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-demo-"))
            slack = await stack.enter_async_context(SlackStandin(channels=[ROOM.lstrip("#")], workspace="Acme"))
            inbox = await stack.enter_async_context(Inbox())
            played = await stack.enter_async_context(AsyncExitStack())
            serving = await played.enter_async_context(
                sandbox(token=key, data_dir=Path(data) / "platform", speed=speed)
            )
            variables = {
                **{
                    name: value
                    for name, value in env.items()
                    if not name.startswith("RELAY_") or name == "RELAY_DEMO_PORT"
                },
                "RELAY_DEMO_DATA": f"{data}/relay",
                "RELAY_DEMO_SECRET": secret,
                "RELAY_DEMO_TOKEN": token,
                "RELAY_DEMO_PLATFORM": serving.address,
                "RELAY_DEMO_PLATFORM_TOKEN": key,
                "RELAY_DEMO_SLACK_TOKEN": "xoxb-" + secrets.token_hex(16),
                "RELAY_DEMO_SLACK_URL": slack.base_url,
                "RELAY_DEMO_SMTP_PORT": str(inbox.smtp_port),
            }
            relay = Relay(resource_dir("config") / "demo.yaml", variables)
            running = asyncio.create_task(relay.run())
            stack.push_async_callback(_ended, relay, running)
            started = asyncio.create_task(relay.started.wait())
            await asyncio.wait([started, running], return_when=asyncio.FIRST_COMPLETED)
            started.cancel()
            if running.done():
                running.result()
            stack.push_async_callback(played.aclose)  # before relay, which would refuse what it still has to say
            platform = await stack.enter_async_context(
                OperationsClient(serving.address, tenant=TENANT, project=PROJECT, token=key, timeout=PATIENCE)
            )
            page = f"{serving.address}/#token={key}"
            watchers = [
                asyncio.create_task(watch)
                for watch in (_watch_slack(slack, tell), _watch_inbox(inbox, tell), _watch_platform(platform, tell))
            ]
            stack.callback(lambda: [watcher.cancel() for watcher in watchers])
            yield cls(slack, inbox, relay, platform, page, secret, token, tell)

    @property
    def url(self) -> str:
        host, port = self.relay.addresses[0]
        return f"http://{host}:{port}"

    async def play(self, patience: float = PATIENCE) -> bool:
        """Start everything, then wait for every message it must lead to. False if one did not come, or one too many.

        `patience` is the seconds that each message may take after the one before it.
        """
        await register(self.platform, request(f"{self.url}/webhooks/{REGISTERED}", self.secret, Filters()))
        callbacks = called_back(CALLBACKS, self.url, self.token)
        batch_callbacks = called_back(BATCH_CALLBACKS, self.url, self.token)
        await self.platform.start(ANALYSIS.model_copy(update={"callbacks": callbacks}))
        failing = await self.platform.start(ENRICHMENT.model_copy(update={"callbacks": callbacks}))
        await self.platform.submit_batch(BATCH.model_copy(update={"batch_callbacks": batch_callbacks}))
        for what, arrived in self.expectations().items():
            try:
                await self._wait_for(arrived, patience)
            except TimeoutError:
                self.failures.append(f"missing: {what}")
            if what == FAILED:
                await self._send_again(failing.operation_id)
        self.failures += self._repeated()
        self.failures += [f"Slack would have refused: {violation}" for violation in self.slack.violations]
        return not self.failures

    def expectations(self) -> dict[str, Callable[[], bool]]:
        """Every message that must arrive, by what a person would call it."""

        def root(title: str, status: str) -> Callable[[], bool]:
            return lambda: any(
                title in one.text and status in one.text and not one.thread_ts for one in self._messages()
            )

        def reply(title: str) -> Callable[[], bool]:
            return lambda: any(title in one.text and one.thread_ts for one in self._messages())

        def mail(address: str, *words: str) -> Callable[[], bool]:
            return lambda: any(
                address in one.recipient and all(word in one.subject for word in words) for one in self.inbox.mails
            )

        return {
            FAILED: root("Sales Data", "Failed"),
            "Slack: the enrichment's outcome in its thread": reply("Sales Data"),
            "mail: the failure to the analyst": mail("analyst@", "Sales Data"),
            "mail: the critical failure to the team lead": mail("lead@", "Sales Data"),
            "Slack: the batch, completed": root("Monthly Process Mining", "Completed"),
            "mail: the batch to the analyst": mail("analyst@", "Monthly Process Mining"),
            "Slack: the analysis, completed": root("Customer Journey", "Completed"),
            "Slack: the analysis' outcome in its thread": reply("Customer Journey"),
            "mail: the analysis to the analyst": mail("analyst@", "Customer Journey"),
        }

    def _messages(self) -> list[Message]:
        return self.slack.messages(ROOM)

    def _repeated(self) -> list[str]:
        """What came more than once: a message of one operation, or a mail to one person about it."""
        titles = {ANALYSIS.operation_name, ENRICHMENT.operation_name, BATCH.batch_name}
        titles |= {member.operation_name or "" for member in BATCH.operations}
        roots = [one.text for one in self._messages() if not one.thread_ts]
        mails = Counter((one.recipient, one.subject) for one in self.inbox.mails)
        counts = {f"messages of {title} in {ROOM}": sum(title in text for text in roots) for title in titles}
        counts |= {f"mails to {recipient}: {subject}": count for (recipient, subject), count in mails.items()}
        return [f"expected one, found {count} {what}" for what, count in counts.items() if count > 1]

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
        """What platforms do after a lost answer: the same fact once more, and an old one much too late."""
        now = (await self.platform.status(operation)).sent()
        # The platform tells every fifth percent, so this one is new, and still older than the failure.
        earlier = now | {"status": "Running", "progress": {"percentage": 22, "currentPhase": "Data Cleaning"}}
        await self._send("the same failure again", "operation.failed", now, answers="duplicate")
        await self._send("an older event, late", "operation.progress", earlier, answers="late")

    async def _send(self, says: str, event: str, operation: Mapping[str, Any], *, answers: str) -> None:
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
            self.failures.append(f"{says}: expected {answers}, got {response.status} {answer}")
        self.tell(Happening("sender", f"{event}  {says}", f"{response.status} {answer.get('status')}", expected))


async def _ended(relay: Relay, running: "asyncio.Task[None]") -> None:
    relay.stop()
    await running


async def _watch_platform(platform: OperationsClient, tell: Callable[[Happening], None]) -> None:
    """Every state and phase that an operation comes to, as anybody sees it who asks."""
    seen: dict[str, tuple[str, str]] = {}
    while True:
        with contextlib.suppress(PlatformError):
            for one in reversed((await platform.operations(page_size=20)).operations):
                now = one.status, one.phase
                if seen.get(one.operation_id) != now:
                    seen[one.operation_id] = now
                    at = f"{one.progress.percentage or 0:.0f} %  {one.phase}" if one.status == "Running" else ""
                    tell(Happening("platform", f"{one.operation_name or one.operation_id}  {one.status}", at))
        await asyncio.sleep(LOOK)


async def _watch_slack(slack: SlackStandin, tell: Callable[[Happening], None]) -> None:
    kinds = {"chat.postMessage": "new message in", "chat.update": "edited in place in"}
    seen = 0

    def more() -> bool:
        return len(slack.calls) > seen

    while True:
        await slack.wait_for(more, timeout=86_400)
        for call in list(slack.calls)[seen:]:
            seen += 1
            if call.method in kinds:
                what = "reply in the thread in" if call.arguments.get("thread_ts") else kinds[call.method]
                tell(Happening("slack", f"{what} {ROOM}", unescape(str(call.arguments.get("text", "")))))


async def _watch_inbox(inbox: Inbox, tell: Callable[[Happening], None]) -> None:
    seen = 0

    def more() -> bool:
        return len(inbox.mails) > seen

    while True:
        await inbox.wait_for(more, timeout=86_400)
        for mail in list(inbox.mails)[seen:]:
            seen += 1
            tell(Happening("mail", f"to {mail.recipient}", mail.subject))
