"""Configurations of a life: one that is in force at its beginning and its end, and what it is changed to meanwhile."""

from collections.abc import Mapping, Sequence
from functools import cache

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.deliveries import Target
from relay.domain.events import Event
from relay.interactivity import executor as platform
from relay.policy.targets import Targets

QUEUES = ("slack", "email", platform.CHANNEL)
READER, ASKING, BOUNCING = "analyst@example.com", "boss@example.com", "gone@example.com"
_CONFIGURATION = """\
timezone: UTC
job: "{job}"
sources:
  async-operations: {{signature: {{secrets: {{current: "the-secret-of-the-platform"}}}}}}
  callbacks: {{signature: {{secrets: {{current: "the-secret-of-the-platform"}}}}}}
channels:
  slack: {{token: xoxb-1-life, new_message_limit: {{count: {cap}, per: 10m}}}}
  email: {{host: localhost, from: relay@example.com}}
dynamic_destinations: {{email_domains: [example.com], message_limit: {{count: 2, per: 30m}}}}
destinations:
  team: {{slack: "#team", mode: live, live: {{post_after: 30s}}, escalate: [{{after: 1m, to: room}}, {{after: 3m, to: analysts}}, {{after: 4m, to: team}}]}}
  night: {{slack: "#night", mode: live, quiet_hours: {{from: "11:25", to: "12:30"}}, hold_failure: 2m}}
  guild: {{slack: "{guild}", mode: live, group_errors: off}}
  room: {{slack: "#room", mode: each, group_errors: {group}}}
  analysts: {{email: analyst@example.com, hold_failure: 1m}}
  leavers: {{email: gone@example.com, group_errors: off}}
  daily: {{email: daily@example.com, mode: digest, at: "12:00"}}
watchdog: {{silent: 5m, remind: [10m], startup_grace: 0s}}
rules:
  - {{name: live, events: ["operation.*", "batch.*"], notify: [team, night]}}
  - {{name: guild, events: ["operation.*", "batch.*"], priorities: {guild_of}, notify: [guild]}}
  - {{name: room, events: ["operation.*"], priorities: [Normal, High], min_progress_increment: {increment}, notify: [room]}}
  - {{name: mails, events: ["operation.*"], priorities: [High, Critical], notify: [analysts, leavers]}}
  - {{name: daily, events: ["operation.*", "batch.*"], notify: [daily]}}
"""  # noqa: E501 - a rule is a line


class LifeSettings:
    """A configuration as `relay.engine.draft.Settings`. `asked`: of which events a step asked for the targets."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.rules = Targets(config, CHANNELS)
        self.asked: list[tuple[Event, Sequence[Target]]] = []

    @property
    def job(self) -> str:
        return self.config.job

    @property
    def max_jobs(self) -> int:
        return 10_000

    def targets(self, event: Event) -> Sequence[Target]:
        targets = self.rules.of(event)
        self.asked.append((event, targets))
        return targets

    def targets_at(self, name: str, event: Event) -> Sequence[Target]:
        return self.rules.to([name], event)

    def brings_files(self, source: str) -> bool:
        return source in self.config.sources

    def asks(self, condition: str) -> bool:
        return self.rules.matcher.asks(condition)

    @property
    def addresses(self) -> dict[str, dict[str, Sequence[str]]]:
        """Return what a process announces of it."""
        destinations: dict[str, dict[str, Sequence[str]]] = {
            name: {destination.channel: destination.addresses} for name, destination in self.config.destinations.items()
        }
        return {**destinations, "dynamic": {"email": ("*",)}, platform.CHANNEL: {platform.CHANNEL: ("*",)}}


def _settings(**values: object) -> LifeSettings:
    return LifeSettings(parse_config(_CONFIGURATION.format(**values), env={}, channels=CHANNELS))


USUAL: Mapping[str, object] = {
    "cap": 4, "guild": "#guild", "group": "off", "guild_of": "[Low, Normal, High, Critical]", "increment": 10,
    "job": "",
}  # fmt: skip
CHANGED: Sequence[Mapping[str, object]] = (
    {"cap": 1, "group": "5m"},
    {"guild": "#crew", "increment": 30},
    {"guild_of": "[Critical]", "group": "10m", "cap": 2, "job": "{operationName}"},
)


@cache
def usual() -> LifeSettings:
    return _settings(**USUAL)


@cache
def changed() -> tuple[LifeSettings, ...]:
    return tuple(_settings(**{**USUAL, **change}) for change in CHANGED)
