"""A good configuration to spoil."""

from collections.abc import Mapping

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.errors import ConfigError

SECRETS = {"RELAY_WEBHOOK_SECRET": "kFv8-the-secret-of-the-platform", "SLACK_BOT_TOKEN": "xoxb-2048-abcdef"}

GOOD = """\
timezone: Europe/Berlin
sources:
  async-operations:
    signature:
      secrets:
        current: ${RELAY_WEBHOOK_SECRET}
  progress:
    event: operation.progress
    signature: {scheme: token, secrets: {current: 8c1d9f27b4e05a6372f1c8d4}}
channels:
  slack:
    token: ${SLACK_BOT_TOKEN}
  email: {host: localhost, from: relay@example.com}
destinations:
  team:
    slack: "#team"
    mode: live
  analysts:
    email: [analyst@example.com, lead@example.com]
rules:
  - name: follow important runs
    events: [operation.*]
    priorities: [High, Critical]
    min_progress_increment: 10
    notify: [team]
  - name: failures reach people
    events: [operation.failed]
    notify: [team, analysts]
"""
# Without which there are warnings.
OPERATORS = """\
operators: [team, analysts]
server: {public_url: "https://relay.example.com"}
platform: {link_hosts: "*", links: {operation: "https://app.example.com/{operationId}"}}
"""


def configured(text: str = GOOD, *changes: tuple[str, str], env: Mapping[str, str] | None = None) -> Config:
    """The configuration in this text, after each `old` in it became `new`; `env` adds to the secrets it needs."""
    for old, new in changes:
        assert old in text, f"{old!r} is not in the text, so nothing would change"
        text = text.replace(old, new, 1)
    return parse_config(text, file="relay.yaml", env=SECRETS | dict(env or {}), channels=CHANNELS)


def problems(*changes: tuple[str, str], env: dict[str, str] | None = None) -> list[str]:
    """Return what is said of the good configuration after these changes, a line for each fault."""
    with pytest.raises(ConfigError) as refusal:
        configured(GOOD, *changes, env=env)
    return str(refusal.value).split("\n")


def warnings(config: Config) -> list[str]:
    return [f"{problem.line}: {problem.path}: {problem.message}" for problem in config.warnings]
