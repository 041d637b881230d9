"""A good configuration to spoil, and two small channels to read it with."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from relay.config import Config, parse_config
from relay.domain.deliveries import Limit
from relay.errors import ConfigError
from relay.policy.presentation import MAILED_EVENTS

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
platform: {link_hosts: "*", links: {operation: "https://app.example.com/{operationId}"}}
"""


class Chat:
    """Has conversations, can edit, and needs a token."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        token: SecretStr
        base_url: str = "https://chat.example.com/"

    modes: ClassVar[tuple[str, ...]] = ("live", "each")

    @staticmethod
    def addresses(value: object) -> list[str]:
        if not isinstance(value, str) or not value.startswith(("#", "C")):
            raise ValueError("expected a conversation's name or id")
        return [value]

    @staticmethod
    def limits(address: str, settings: Any = None) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        return (Limit(f"post:{address}", 1.0, 3),), (Limit("edit", 1.5),)


class Mail:
    """Has recipients, cannot edit, and is content with its defaults."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        host: str = "localhost"
        port: Annotated[int, Field(ge=1, le=65535)] = 25
        tls: Literal["starttls", "tls", "none"] = "none"
        username: str = ""
        password: SecretStr = SecretStr("")
        sender: Annotated[str, Field(alias="from")] = "relay@localhost"

    modes: ClassVar[tuple[str, ...]] = ("each", "digest")
    default_events: ClassVar[frozenset[str]] = MAILED_EVENTS

    @staticmethod
    def addresses(value: object) -> list[str]:
        listed = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str) and "@" in one for one in listed):
            raise ValueError("expected one address or a list of them")
        return [str(one) for one in listed]

    @staticmethod
    def limits(address: str, settings: Any = None) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        return (Limit(f"mail:{address}", 1.0),), ()


CHANNELS: Mapping[str, Any] = {"slack": Chat, "email": Mail}


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
