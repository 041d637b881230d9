"""One policy's day through relay's own code, second by second on a simulated clock."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.noise.day import Report
from relay.channels import CHANNELS
from relay.config import parse_config
from relay.coordinator import build_channels, build_renderer
from relay.delivering.composer import Composer
from relay.delivering.worker import Worker
from relay.dev.standins.slack import SlackStandin
from relay.domain.parsing import parse
from relay.ingest import Ingest
from relay.store import Store
from relay.store.admin import Admin

CONFIG = """
sources: {{platform: {{signature: {{scheme: none, allow_unsigned: true}}}}}}
channels: {{slack: {{token: xoxb-1-simulation, base_url: "{slack}"}}}}
destinations: {{team: {{slack: "#team", {destination}}}}}
rules: [{{name: everything, events: [{events}], notify: [team]{rule}}}]
timezone: UTC
"""
CALLS = ("chat.postMessage", "chat.update")


@dataclass(frozen=True)
class Policy:
    """A row of the table: what the configuration says."""

    name: str
    destination: str = "mode: each"
    events: str = '"operation.*", "batch.*"'
    rule: str = ""
    batch_of: int = 0
    late: bool = False


@dataclass
class Counted:
    """What reached Slack."""

    events: int = 0
    messages: int = 0
    replies: int = 0
    edits: int = 0
    minutes: Counter[int] = field(default_factory=Counter)  # calls in each minute of the day
    violations: int = 0  # what a real Slack would not have stood for
    imbalance: int = 0  # of the ledger: what was accepted and is nowhere

    @property
    def peak(self) -> int:
        """The most calls in a minute."""
        return max(self.minutes.values(), default=0)


class Clock:
    """Seconds since the epoch, moved by the simulation."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def simulate(redis_url: str, policy: Policy, day: Iterable[Report]) -> Counted:
    """Send the day's reports at their times, deliver what becomes due, and count what Slack got."""
    reports = sorted(day, key=lambda report: report[0])
    clock = Clock(reports[0][0])
    counted = Counted(events=len(reports))
    async with SlackStandin(clock=clock) as slack:
        text = CONFIG.format(
            slack=slack.base_url, destination=policy.destination, events=policy.events, rule=policy.rule
        )
        config = parse_config(text, file=policy.name, env={}, channels=CHANNELS)
        store = Store.open(redis_url, worker="simulation", clock=clock)
        await store.redis.flushall()
        channels, renderer = build_channels(config), build_renderer(config)
        intake = Ingest(store, lambda: config, CHANNELS)
        composer = Composer(lambda: config, lambda: renderer, clock=clock, calls=store.causes.call)
        worker = Worker(store, channels, composer, config=lambda: config, clock=clock)
        try:
            position = 0
            while position < len(reports) or await _pending(store):
                due = position
                while due < len(reports) and reports[due][0] <= clock.now:
                    due += 1
                arrived = [
                    parse(body, source="platform", received_at=datetime.fromtimestamp(clock.now, UTC))
                    for _, body in reports[position:due]
                ]
                position = due
                await asyncio.gather(*(intake.ingest(event) for event in arrived))
                while await worker.run_once("slack"):
                    pass
                _count(slack, clock.now, counted)
                clock.now += 1
            counted.violations = len(slack.violations)
            counted.imbalance = (await Admin(store).ledger()).imbalance
        finally:
            for channel in channels.values():
                await channel.aclose()
            await store.aclose()
    return counted


async def _pending(store: Store) -> int:
    return (await Admin(store).ledger()).counts.get("pending", 0)


def _count(slack: SlackStandin, now: float, counted: Counted) -> None:
    for call in slack.calls:
        if call.method not in CALLS:
            continue
        counted.minutes[int(now // 60)] += 1
        if call.method == "chat.update":
            counted.edits += 1
        elif call.arguments.get("thread_ts") and not call.arguments.get("reply_broadcast"):
            counted.replies += 1
        elif call.arguments.get("thread_ts"):
            counted.replies += 1
            counted.messages += 1  # a broadcast reply stands in the conversation as well
        else:
            counted.messages += 1
    slack.calls.clear()
