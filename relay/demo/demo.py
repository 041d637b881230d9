"""The demo's stage: a Slack and a mail server that live here, a relay on a private Redis, and a platform that plays."""

import asyncio
import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from relay import signatures
from relay.app import Relay
from relay.demo.story import ANALYSIS, BATCH, ENRICHMENT, Step, story
from relay.share import share
from relay.standins.inbox import Inbox
from relay.standins.slack import Message, SlackStandin

ROOM = "#process-mining"
PACE = 0.7  # seconds between two events, so that a person can follow
PATIENCE = 60.0  # seconds that an expected message may take


@dataclass(frozen=True)
class Happening:
    """One line for the person who watches: who did what."""

    who: str  # platform, slack or mail
    what: str
    detail: str = ""
    expected: bool = True


@dataclass
class Demo:
    """`async with Demo.open() as demo`, then `play`; `tell` hears of everything as it happens."""

    slack: SlackStandin
    inbox: Inbox
    relay: Relay
    secret: str
    token: str
    tell: Callable[[Happening], None]
    failures: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def open(cls, env: Mapping[str, str], tell: Callable[[Happening], None]) -> AsyncIterator["Demo"]:
        """Start all of it on free ports; everything ends, and its data goes, with the context."""
        secret, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        async with AsyncExitStack() as stack:
            slack = await stack.enter_async_context(SlackStandin(channels=[ROOM.lstrip("#")], workspace="Acme"))
            inbox = await stack.enter_async_context(Inbox())
            data = stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-demo-"))
            variables = {
                **{
                    name: value
                    for name, value in env.items()
                    if not name.startswith("RELAY_") or name == "RELAY_DEMO_PORT"
                },
                "RELAY_DEMO_DATA": data,
                "RELAY_DEMO_SECRET": secret,
                "RELAY_DEMO_TOKEN": token,
                "RELAY_DEMO_SLACK_TOKEN": "xoxb-" + secrets.token_hex(16),
                "RELAY_DEMO_SLACK_URL": slack.base_url,
                "RELAY_DEMO_SMTP_PORT": str(inbox.smtp_port),
            }
            relay = Relay(share("config") / "demo.yaml", variables)
            running = asyncio.create_task(relay.run())
            stack.push_async_callback(_ended, relay, running)
            started = asyncio.create_task(relay.started.wait())
            await asyncio.wait([started, running], return_when=asyncio.FIRST_COMPLETED)
            started.cancel()
            if running.done():
                running.result()
            watchers = [asyncio.create_task(_watch_slack(slack, tell)), asyncio.create_task(_watch_inbox(inbox, tell))]
            stack.callback(lambda: [watcher.cancel() for watcher in watchers])
            yield cls(slack, inbox, relay, secret, token, tell)

    @property
    def url(self) -> str:
        host, port = self.relay.addresses[0]
        return f"http://{host}:{port}"

    async def play(self, pace: float = PACE, patience: float = PATIENCE) -> bool:
        """Send the story, then wait for every message it must lead to. False if one did not come, or one too many.

        `pace` is the seconds between two events, `patience` those that each message may take after the last one.
        """
        async with aiohttp.ClientSession() as session:
            for step in story(datetime.now(UTC)):
                await self._send(session, step)
                await asyncio.sleep(pace)
        for what, arrived in self.expectations().items():
            try:
                await self._wait_for(arrived, patience)
            except TimeoutError:
                self.failures.append(f"missing: {what}")
        roots = [one for one in self._messages() if not one.thread_ts]
        if len(roots) != len({ANALYSIS, ENRICHMENT, BATCH}):
            self.failures.append(f"expected one message per operation and batch, found {len(roots)}")
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
            "Slack: the analysis, completed": root("Customer Journey", "Completed"),
            "Slack: the analysis' outcome in its thread": reply("Customer Journey"),
            "Slack: the enrichment, failed": root("Sales Data", "Failed"),
            "Slack: the enrichment's outcome in its thread": reply("Sales Data"),
            "Slack: the batch, completed": root("Monthly Process Mining", "Completed"),
            "mail: the analysis to the analyst": mail("analyst@", "Customer Journey"),
            "mail: the failure to the analyst": mail("analyst@", "Sales Data"),
            "mail: the batch to the analyst": mail("analyst@", "Monthly Process Mining"),
            "mail: the critical failure to the team lead": mail("lead@", "Sales Data"),
        }

    def _messages(self) -> list[Message]:
        return self.slack.messages(ROOM)

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

    async def _send(self, session: aiohttp.ClientSession, step: Step) -> None:
        body = json.dumps(step.document).encode()
        url = f"{self.url}/webhooks/{step.source}"
        headers = {"Content-Type": "application/json"}
        if step.source == "async-operations":
            headers |= signatures.sign(
                "hmac-sha256", body, self.secret.encode(), message_id="", timestamp=int(datetime.now(UTC).timestamp())
            )
        else:
            headers["Authorization"] = f"Bearer {self.token}"
        async with session.post(url, data=body, headers=headers) as response:
            answer = await response.json()
        expected = answer.get("status") == step.answers
        if not expected:
            self.failures.append(f"{step.says}: expected {step.answers}, got {response.status} {answer}")
        event = step.document.get("event") or f"callback {step.source}"
        self.tell(Happening("platform", f"{event}  {step.says}", f"{response.status} {answer.get('status')}", expected))


async def _ended(relay: Relay, running: "asyncio.Task[None]") -> None:
    relay.stop()
    await running


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
                tell(Happening("slack", f"{what} {ROOM}", str(call.arguments.get("text", ""))))


async def _watch_inbox(inbox: Inbox, tell: Callable[[Happening], None]) -> None:
    seen = 0

    def more() -> bool:
        return len(inbox.mails) > seen

    while True:
        await inbox.wait_for(more, timeout=86_400)
        for mail in list(inbox.mails)[seen:]:
            seen += 1
            tell(Happening("mail", f"to {mail.recipient}", mail.subject))
