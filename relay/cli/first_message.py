"""A configuration from three answers, and the first message by it."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError

from relay.channels import CHANNELS
from relay.config import load
from relay.configfile.validation import Name
from relay.coordinator import build_channels, build_renderer
from relay.errors import RelayError
from relay.operating.test_message import Trial, send_test
from relay.rendering.translations import TEST_NOTE

TEAM = "team"
SOURCE: TypeAdapter[str] = TypeAdapter(Name)
PATIENCE = 20.0  # seconds for Slack or the mail server
CALLBACKS = """\
callbacks:                        # of the Async Operations API, at /webhooks/progress, /webhooks/completion …
  token: "${RELAY_CALLBACK_TOKEN}"
"""
CHANNEL = {
    "slack": '  slack: {token: "${SLACK_BOT_TOKEN}"}\n',
    "email": """\
  email:
    host: "${SMTP_HOST:-localhost}"
    port: "${SMTP_PORT:-25}"
    tls: "${SMTP_TLS:-none}"      # starttls, tls or none
    username: "${SMTP_USERNAME:-}"
    password: "${SMTP_PASSWORD:-}"
    from: "${SMTP_FROM:-Operations <relay@example.com>}"
""",
}
VARIABLES = {
    "RELAY_WEBHOOK_SECRET": "what the sender signs with               (make one: openssl rand -hex 32)",
    "RELAY_CALLBACK_TOKEN": "what it sends along with callbacks       (make one: openssl rand -hex 32)",
    "SLACK_BOT_TOKEN": "xoxb-…, of the app that `relay slack manifest` describes",
}
SMTP = "SMTP_HOST, SMTP_PORT, SMTP_TLS, SMTP_USERNAME, SMTP_PASSWORD, SMTP_FROM"
OPTIONAL = {"email": f"# Optional, for another mail server than localhost:25: {SMTP}\n"}
PLATFORM = "async-operations"  # the source of registered webhooks; it has callbacks besides
TEXT = """\
# yaml-language-server: $schema=relay.schema.json
# Every key: docs/configuration.md. Set these before the start; `relay check` names the ones that are missing:
{variables}
sources:                          # who may send: POST /webhooks/{source}
  {source}:
    signature: {{scheme: hmac-sha256, secrets: {{current: "${{RELAY_WEBHOOK_SECRET}}"}}}}
{callbacks}
channels:
{channel}
destinations:
  {team}:
    {kind}: {address}

rules:                            # every rule whose conditions hold notifies its destinations
  - name: everything
    events: ["operation.*", "batch.*"]
    notify: [{team}]

operators: [{team}]               # who hears that relay itself is in trouble
"""


def ask() -> str:
    """Ask how, where and who sends; return the configuration."""
    kind = click.prompt("How are people notified?", type=click.Choice([*CHANNEL]), default="slack")
    where = "Where? A conversation" if kind == "slack" else "Where? An e-mail address"
    address = click.prompt(where, default="#operations" if kind == "slack" else None, type=Address(kind))
    source = click.prompt("Who sends? A name; it becomes POST /webhooks/NAME", default=PLATFORM, value_proc=_source)
    callbacks = CALLBACKS if source == PLATFORM else ""
    text = TEXT.format(
        source=source, callbacks=callbacks, channel=CHANNEL[kind], kind=kind, address=f'"{address}"', team=TEAM,
        variables="",
    )  # fmt: skip
    needed = "\n".join(f"#   {name}   {meaning}" for name, meaning in VARIABLES.items() if f"${{{name}}}" in text)
    optional = OPTIONAL.get(kind, "")
    return text.replace("missing:\n\n", f"missing:\n{needed}\n{optional}\n", 1)


def send_first(file: Path) -> Trial | str:
    """Send the team its first message by this configuration; a text says why that cannot be tried yet."""
    if not os.environ.get("SLACK_BOT_TOKEN") and "SLACK_BOT_TOKEN" in file.read_text("utf-8"):
        return "SLACK_BOT_TOKEN is not set"
    try:
        return asyncio.run(_send(file))
    except (RelayError, OSError) as error:
        return str(error)


async def _send(file: Path) -> Trial:
    config = load(file, env=os.environ, channels=CHANNELS, placeholders=True)  # sources need no secret for this
    destination, renderer, channels = config.destinations[TEAM], build_renderer(config), build_channels(config)
    try:
        return await send_test(
            destination, config, channels[destination.channel], renderer,
            note=TEST_NOTE, now=datetime.now(UTC), patience=PATIENCE,
        )  # fmt: skip
    finally:
        await renderer.aclose()
        for channel in channels.values():
            await channel.aclose()


def _source(text: str) -> str:
    """Return the name as sources of the configuration may have it; UsageError is asked again."""
    try:
        return SOURCE.validate_python(text)
    except ValidationError as error:
        raise click.UsageError(str(error.errors()[0]["ctx"]["error"])) from None


class Address(click.ParamType[str]):
    """An address of a channel, as its destinations have it."""

    name = "address"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            [address] = CHANNELS[self._kind].addresses(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(address)
