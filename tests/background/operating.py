"""Processes of relay in a time of their own, with both channels and somebody who is told of relay itself."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from relay.background.self_monitor import SelfMonitor
from relay.channels import CHANNELS
from relay.config import parse_config
from relay.delivering.worker import Worker
from relay.domain.deliveries import Accepted, Delivery
from relay.ingest import Ingest
from relay.store import Store
from relay.store.queries.suppressions import Suppressions
from relay_sandbox.standins.inbox import Inbox, Mail
from relay_sandbox.standins.slack import SlackStandin
from tests.support.clock import Clock
from tests.support.events import body
from tests.support.flow import Flow

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


async def _link(_delivery: Delivery, _language: str) -> str:
    return "https://relay.example.com/unsubscribe/token"


@dataclass
class Operating(Flow):
    """Sends events and lets time pass; each process also looks at relay itself."""

    inbox: Inbox = field(default_factory=Inbox)
    lacks: dict[str, str] = field(default_factory=dict)  # of the store
    monitors: list[SelfMonitor] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        self.composing["unsubscribe"] = _link
        super().__post_init__()
        self.suppressions = Suppressions(self.store)

    def start(self) -> Worker:
        store = self.open_store()
        ingest = Ingest(store, lambda: self.config, CHANNELS).ingest
        self.monitors.append(SelfMonitor(store, lambda: self.config, CHANNELS, ingest, lacks=lambda: self.lacks,
                                         clock=self.clock, parts=("receive", "deliver")))  # fmt: skip
        return super().start()

    def restart(self) -> None:
        self.monitors.clear()
        super().restart()

    async def fails(self) -> Accepted:
        """Another run ends."""
        self.sent += 1
        document = body("operation.failed", 40, status="Failed", operationId=f"op-{self.sent}", timeoutAt=None)
        del document["timestamp"]
        return await self.send(document | {"eventId": f"evt-{self.sent}"})

    async def look(self) -> None:
        """What every process does once a minute, and what is told by that."""
        for monitor in self.monitors:
            await monitor.tick(self.clock())
        await self.deliver()

    async def passes(self, seconds: float, *, step: float = MINUTE) -> None:
        """Time passes, with the looks and deliveries that come along."""
        end = self.clock() + seconds
        while self.clock() < end:
            self.clock.advance(min(step, end - self.clock()))
            await self.deliver()
            await self.look()

    def mails(self, recipient: str = "oncall@example.com") -> list[Mail]:
        return [mail for mail in self.inbox.mails if mail.recipient == recipient]

    @property
    def subjects(self) -> list[str]:
        """Of the mails that the operators got."""
        return [mail.subject.partition(" relay: ")[2] for mail in self.mails()]

    @property
    def texts(self) -> list[str]:
        """Of the Slack messages that the operators got."""
        return [message.text for message in self.messages("#relay")]


@asynccontextmanager
async def operating(
    open_store: Callable[..., Store], clock: Clock, operators: str = "[on-call, relay-room]", **changes: str
) -> AsyncIterator[Operating]:
    """`changes` replace words of the configuration."""
    async with SlackStandin(clock=clock) as slack, Inbox() as inbox:
        text = CONFIG % (slack.base_url, inbox.smtp_port, operators)
        for old, new in changes.items():
            text = text.replace(old, new)
        relay = Operating(parse_config(text, env={}, channels=CHANNELS), slack, clock, open_store, inbox=inbox)
        yield relay
        for channel in relay.channels:
            await channel.aclose()
