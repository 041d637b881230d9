"""A relay in a time of its own: the real store, worker, templates and channels, before a Slack that runs here."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from relay.channels import CHANNELS, Channel
from relay.channels.slack.channel import Slack
from relay.config import Config, parse_config
from relay.delivering.composer import Composer
from relay.delivering.enrichment import JobHistory
from relay.delivering.worker import Worker
from relay.domain.deliveries import Accepted
from relay.domain.parsing import parse
from relay.ingest import Ingest
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.queries.admin import Admin, Ledger
from relay.store.queries.jobs import Jobs
from relay_sandbox.standins.slack import Message, SlackStandin
from tests.support.clock import Clock

TEMPLATES = Path(__file__).parents[2] / "templates"
POST, UPDATE = "chat.postMessage", "chat.update"
RENDERER = IsolatedRenderer([TEMPLATES])

CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "the-secret-of-the-platform"}}}}
channels: {slack: {token: xoxb-1-flow, base_url: "%s", new_message_limit: off}}
destinations:
  team: {slack: "#team", mode: live, live: {%s}, mention: {%s}%s}
  room: {slack: "#room", mode: each}
rules:
  - {name: live, events: ["operation.*", "batch.*"], notify: [team]}
  - {name: rooms, events: [operation.audited], notify: [room]}
"""


@dataclass
class Flow:
    """Sends events and lets time pass. Several workers may share the store, as several processes would."""

    config: Config
    slack: SlackStandin
    clock: Clock
    open_store: Callable[..., Store]
    workers: list[Worker] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    composing: dict[str, Any] = field(default_factory=dict)  # what else the composers get
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = self.open_store()
        self.admin = Admin(self.store)
        self.intake = Ingest(self.store, lambda: self.config, CHANNELS)
        self.start()

    def start(self) -> Worker:
        """One more worker, with nothing in its memory."""
        channels = {name: self._open(name) for name in self.config.channels}
        self.channels += channels.values()
        history = JobHistory(Jobs(self.store), clock=self.clock).complete
        composer = Composer(lambda: self.config, lambda: RENDERER, clock=self.clock, job_history=history,
                            calls=self.store.claim_mentions, **self.composing)  # fmt: skip
        worker = Worker(self.open_store(), channels, composer, config=lambda: self.config, clock=self.clock,
                        jitter=lambda: 0.0)  # fmt: skip
        self.workers.append(worker)
        return worker

    def _open(self, name: str) -> Channel:
        settings = self.config.channels[name]
        return Slack(settings, clock=self.clock) if name == "slack" else CHANNELS[name](settings)

    def restart(self) -> None:
        """Every worker is gone, and a fresh one comes."""
        self.workers.clear()
        self.start()

    async def send(self, document: dict[str, Any], source: str = "async-operations") -> Accepted:
        """The event as the platform would send it now."""
        now = datetime.fromtimestamp(self.clock(), UTC)
        stamped = {"timestamp": now.isoformat()} | document
        return await self.intake.ingest(parse(stamped, source=source, received_at=now))

    async def tell(self, *documents: dict[str, Any], wait: float) -> None:
        """Send each, and let so many seconds pass after it."""
        for document in documents:
            await self.send(document)
            await self.wait(wait)

    async def deliver(self) -> None:
        """Everything that is due now."""
        while sum([await worker.run_once(name) for worker in self.workers for name in self.config.channels]):
            pass

    async def wait(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass, and what comes due in it go out."""
        await self.deliver()
        end = self.clock() + seconds
        while self.clock() < end:
            self.clock.advance(min(step, end - self.clock()))
            await self.deliver()

    async def ledger(self) -> Ledger:
        return await self.admin.ledger()

    async def held(self) -> dict[str, int]:
        """Return how many were held, by reason."""
        counts = (await self.ledger()).counts
        return {name.removeprefix("held:"): count for name, count in counts.items() if name.startswith("held:")}

    def messages(self, conversation: str = "#team") -> list[Message]:
        return self.slack.messages(conversation)

    def roots(self, conversation: str = "#team") -> list[Message]:
        return [message for message in self.messages(conversation) if not message.thread_ts]

    def replies(self, conversation: str = "#team") -> list[Message]:
        return [message for message in self.messages(conversation) if message.thread_ts]

    def calls(self, method: str) -> list[tuple[float, dict[str, Any]]]:
        """When the method was called, and with what."""
        return [(call.at, call.arguments) for call in self.slack.calls if call.method == method]


@asynccontextmanager
async def flowing(
    open_store: Callable[..., Store], clock: Clock, *, live: str = "", mention: str = "", more: str = ""
) -> AsyncIterator[Flow]:
    """`live`, `mention` and `more` are those of the destination `team`, as YAML writes them between its braces."""
    async with SlackStandin(clock=clock) as slack:
        config = parse_config(CONFIG % (slack.base_url, live, mention, more and f", {more}"), env={}, channels=CHANNELS)
        flow = Flow(config, slack, clock, open_store)
        yield flow
        for channel in flow.channels:
            await channel.aclose()
