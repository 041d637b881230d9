"""Processes of relay in a time of their own, with both channels and somebody who is told of relay itself."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from relay.background.self_monitor import SelfMonitor
from relay.channels import CHANNELS
from relay.channels.email.channel import Email
from relay.channels.slack.channel import Slack
from relay.config import Config, parse_config
from relay.delivering.composer import Composer
from relay.delivering.worker import Worker
from relay.domain.deliveries import Accepted, Delivery
from relay.domain.parsing import parse
from relay.ingest import Ingest
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.suppressions import Suppressions
from relay_sandbox.standins.inbox import Inbox, Mail
from relay_sandbox.standins.slack import Message, SlackStandin
from tests.support.clock import Clock
from tests.support.events import body

RENDERER = IsolatedRenderer([Path(__file__).parents[2] / "templates"])
MINUTE, HOUR = 60.0, 3600.0

CONFIG = """
server: {public_url: "https://relay.example.com"}
timezone: Europe/Berlin
sources: {async-operations: {signature: {secrets: {current: "the-secret-of-the-platform"}}}}
channels:
  slack: {token: xoxb-1-operating, base_url: "%s", new_message_limit: off}
  email: {host: 127.0.0.1, port: %d, tls: none, from: "Operations <relay@example.com>"}
destinations:
  team: {slack: "#team", mode: each}
  analysts: {email: analyst@example.com}
  on-call: {email: oncall@example.com}
  relay-room: {slack: "#relay"}
operators: %s
rules:
  - {name: all, events: ["operation.*"], notify: [team, analysts]}
"""


@dataclass
class Process:
    """One of them: what it delivers with, and its look at relay itself."""

    worker: Worker
    monitor: SelfMonitor


@dataclass
class Operating:
    """Sends events and lets time pass. Several processes share the store."""

    config: Config
    slack: SlackStandin
    inbox: Inbox
    clock: Clock
    open_store: Callable[..., Store]
    channels: dict[str, Any]
    lacks: dict[str, str] = field(default_factory=dict)  # of the store
    processes: list[Process] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        self.store = self.open_store()
        self.admin = Admin(self.store)
        self.suppressions = Suppressions(self.store)
        self.intake = Ingest(self.store, lambda: self.config, CHANNELS)
        self.start()

    def start(self) -> Process:
        """One more process, with nothing in its memory."""
        store = self.open_store()

        async def link(_delivery: Delivery, _language: str) -> str:
            return f"{self.config.server.public_url}/unsubscribe/token"

        composer = Composer(lambda: self.config, lambda: RENDERER, clock=self.clock, unsubscribe=link)
        worker = Worker(
            store, self.channels, composer, config=lambda: self.config, clock=self.clock, jitter=lambda: 0.0
        )
        monitor = SelfMonitor(
            store,
            lambda: self.config,
            CHANNELS,
            Ingest(store, lambda: self.config, CHANNELS).ingest,
            lacks=lambda: self.lacks,
            clock=self.clock,
            parts=("receive", "deliver"),
        )
        self.processes.append(Process(worker, monitor))
        return self.processes[-1]

    def restart(self) -> None:
        """Every process is gone, and a fresh one comes."""
        self.processes.clear()
        self.start()

    async def send(self, status: str = "Failed") -> Accepted:
        """Another run ends."""
        self.sent += 1
        now = datetime.fromtimestamp(self.clock(), UTC)
        document = body("operation.failed", 40, status=status, operationId=f"op-{self.sent}", timeoutAt=None)
        document |= {"timestamp": now.isoformat(), "eventId": f"evt-{self.sent}"}
        return await self.intake.ingest(parse(document, source="async-operations", received_at=now))

    async def deliver(self) -> None:
        for process in self.processes:
            for channel in self.channels:
                while await process.worker.run_once(channel):
                    pass

    async def look(self) -> None:
        """What every process does once a minute, and what is told by that."""
        for process in self.processes:
            await process.monitor.tick(self.clock())
        await self.deliver()

    async def passes(self, seconds: float, *, step: float = MINUTE, every: float = 0.0) -> None:
        """Time passes, with the looks and deliveries that come along, and a run that ends `every` so often."""
        end, due = self.clock() + seconds, self.clock() + every
        while self.clock() < end:
            self.clock.advance(min(step, end - self.clock()))
            if every and self.clock() >= due:
                due += every
                await self.send()
            await self.deliver()
            await self.look()

    def mails(self, recipient: str = "oncall@example.com") -> list[Mail]:
        return [mail for mail in self.inbox.mails if mail.recipient == recipient]

    @property
    def subjects(self) -> list[str]:
        """Of the mails that the operators got."""
        return [mail.subject.partition(" relay: ")[2] for mail in self.mails()]

    def posts(self, conversation: str = "#relay") -> list[Message]:
        return self.slack.messages(conversation)

    @property
    def texts(self) -> list[str]:
        """Of the Slack messages that the operators got."""
        return [message.text for message in self.posts()]


@asynccontextmanager
async def operating(
    open_store: Callable[..., Store], clock: Clock, operators: str = "[on-call, relay-room]", **changes: str
) -> AsyncIterator[Operating]:
    """`changes` replace words of the configuration."""
    async with SlackStandin(clock=clock) as slack, Inbox() as inbox:
        text = CONFIG % (slack.base_url, inbox.smtp_port, operators)
        for old, new in changes.items():
            text = text.replace(old, new)
        config = parse_config(text, env={}, channels=CHANNELS)
        channels: Mapping[str, Any] = {
            "slack": Slack(config.channels["slack"], clock=clock),  # type: ignore[arg-type]
            "email": Email(config.channels["email"]),  # type: ignore[arg-type]
        }
        yield Operating(config, slack, inbox, clock, open_store, dict(channels))
        for channel in channels.values():
            await channel.aclose()
