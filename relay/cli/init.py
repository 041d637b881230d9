"""relay init: a configuration from three answers, and the first message by it; relay config: its JSON Schema."""

import asyncio
import json
import os
import re
import secrets
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shutil import which

import click
from pydantic import TypeAdapter, ValidationError

from relay.channels import CHANNELS
from relay.cli.client import Group
from relay.cli.logs import configure
from relay.cli.options import CONFIG
from relay.config import load
from relay.config.json_schema import json_schema
from relay.configfile.validation import Name
from relay.coordinator import build_channels, build_renderer
from relay.errors import RelayError
from relay.operating.test_message import TriedAddress, send_test
from relay.rendering.translations import TEST_NOTE
from relay.resources import resource_dir

EXAMPLE, SCHEMA = "relay.yaml", "relay.schema.json"
# The head of the example names the variables that it needs: `#   NAME   what it is   (how to come by one)`.
VARIABLE_LINE = re.compile(r"^#   ([A-Z_]+) {2,}(.+?)(?: {2,}(\(make one: .+\)))?$", re.MULTILINE)
OWN_SECRET = ("RELAY_SECRET", "signs logins, unsubscribe links and buttons: the same for relays of one Redis", "made")
FIRST_EVENT = '{"event": "operation.failed", "operation": {"operationId": "run-1"}}'


@click.command()
@click.argument("path", envvar="RELAY_CONFIG", default=CONFIG, type=click.Path())
@click.pass_context
def init(ctx: click.Context, path: str) -> None:
    """Write a configuration to PATH, and print the next steps.

    At a terminal it asks how people are notified, where, and who sends, and sends a first message there; otherwise it
    writes the commented example.

    PATH is a file, or a folder if it is one or ends with a slash; default: RELAY_CONFIG, else config/relay.yaml. An
    existing file is not changed. Beside it are written its JSON Schema, with which editors complete and check it, and
    new secrets as variables, in a file that only its owner can read: relay.env beside relay.yaml.
    """
    folder = path.endswith(os.sep) or Path(path).is_dir()
    file = Path(path) / EXAMPLE if folder else Path(path)
    if file.exists():
        raise RelayError(f"{file} exists already: name another file, or remove it first")
    asks = sys.stdin.isatty() and sys.stdout.isatty()
    text = ask() if asks else (resource_dir("config") / EXAMPLE).read_text("utf-8")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    beside = _write_schema(file.with_name(SCHEMA))
    variables = file.with_suffix(".env")
    made = _write_variables(variables, text)
    named = ctx.get_parameter_source("path") is click.core.ParameterSource.COMMANDLINE
    click.echo(f"Wrote {file}, {beside}\n{made}\n")
    option = f" -c {shlex.quote(str(file))}" if named else ""
    arrived = not asks or _send_first(file)
    _print_next_steps(variables, option, edit=not asks)
    if not arrived:
        raise SystemExit(1)


def _send_first(file: Path) -> bool:
    """Send the team its first message, or say what is missing for it. False if it did not arrive."""
    configure(machine=False, level="error")  # failures are printed below
    try:
        rows = asyncio.run(_send(file))
    except (RelayError, OSError) as error:
        click.echo(f"No message was sent yet: {error}. Once relay serves: relay test-send {TEAM}\n")
        return True
    for row in rows:
        arrived = f"Your first message arrived: {row.address}, {row.answer}"
        click.echo(f"The first message to {row.address} did not arrive: {row.error}\n" if row.error else f"{arrived}\n")
    return not any(row.error for row in rows)


async def _send(file: Path) -> list[TriedAddress]:
    """Send a test message to each address of the team; sources need no secret for this."""
    config = load(file, env=os.environ, channels=CHANNELS, needed=("channels", "destinations"))
    renderer, channels = build_renderer(config), build_channels(config)
    rows: list[TriedAddress] = []
    try:
        for destination in map(config.destinations.__getitem__, config.destinations_of(TEAM)):
            trial = await send_test(
                destination, config, channels[destination.channel], renderer,
                note=TEST_NOTE, now=datetime.now(UTC), patience=PATIENCE,
            )  # fmt: skip
            rows += trial.sent
    finally:
        await renderer.aclose()
        for channel in channels.values():
            await channel.aclose()
    return rows


def _write_schema(file: Path) -> str:
    """Return what happened to the schema. Another one may be of a person, or of another relay."""
    shipped = (resource_dir("config") / SCHEMA).read_bytes()
    if file.exists() and file.read_bytes() != shipped:
        return f"and left the other {SCHEMA} beside it alone."
    file.write_bytes(shipped)
    return f"and {SCHEMA} beside it, by which editors complete and check it."


def _write_variables(file: Path, config: str) -> str:
    """Write a secret for each variable that needs one, and the names of the others; return what happened."""
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return f"Left {file} as it is."
    with os.fdopen(number, "w", encoding="utf-8") as to:
        to.writelines(_variables(config))
    return f"Wrote {file}, with new secrets: only you can read it."


def _variables(config: str) -> Iterator[str]:
    """Yield the lines of those that are not set here."""
    for name, meaning, made in (OWN_SECRET, *VARIABLE_LINE.findall(config)):
        if not os.environ.get(name):
            yield f"# {meaning}\n{f'{name}={secrets.token_hex(32)}' if made else f'# {name}='}\n"


def _print_next_steps(variables: Path, option: str, *, edit: bool) -> None:
    called = Path(sys.argv[0])
    relay = shlex.quote(str(called)) if called.name == "relay" and not which("relay") else "relay"
    source = shlex.quote(str(variables if len(variables.parts) > 1 else f"./{variables}"))
    steps = ((f"set -a; . {source}; set +a", "reads the variables; add the values that it lacks"),
             (f"{relay} check{option}", "says what is missing or wrong, with file and line"),
             (f"{relay} serve{option}", "receives and delivers, until Ctrl-C"),
             (f"echo '{FIRST_EVENT}' | {relay} send --now -{option}", "a first event, signed"))  # fmt: skip
    click.echo(f"Next{': edit its destinations and rules, then' if edit else ''}:\n")
    for command, meaning in steps:
        click.echo(f"  # {meaning}\n  {command}\n")


TEAM, BOTH = "team", "both"
WHERE = {"slack": "A conversation", "email": "An e-mail address"}
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
server: {{public_url: ""}}          # relay's address on the internet, https://…, with which mails offer to unsubscribe
platform: {{links: {{operation: ""}}}}  # page of a run: https://app.example.com/{{tenantId}}/{{projectId}}/runs/{{operationId}}
sources:                          # who may send: POST /webhooks/{source}
  {source}:
    signature: {{scheme: hmac-sha256, secrets: {{current: "${{RELAY_WEBHOOK_SECRET}}"}}}}
{callbacks}
channels:
{channels}
destinations:
  {team}:
{addresses}

rules:                            # every rule whose conditions hold notifies its destinations
  - name: everything
    events: ["operation.*", "batch.*"]
    notify: [{team}]

operators: [{team}]               # who hears that relay itself is in trouble
"""


def ask() -> str:
    """Ask how, where and who sends; return the configuration."""
    how = click.prompt("How are people notified?", type=click.Choice([*CHANNEL, BOTH]), default="slack")
    kinds = [*CHANNEL] if how == BOTH else [how]
    addresses = {
        kind: click.prompt(f"Where? {WHERE[kind]}", default="#operations" if kind == "slack" else None,
                           value_proc=partial(_address, kind)) for kind in kinds
    }  # fmt: skip
    source = click.prompt("Who sends? A name; it becomes POST /webhooks/NAME", default=PLATFORM, value_proc=_source)
    text = TEXT.format(
        source=source, callbacks=CALLBACKS if source == PLATFORM else "", team=TEAM, variables="",
        channels="".join(CHANNEL[kind] for kind in kinds),
        addresses="\n".join(f'    {kind}: "{address}"' for kind, address in addresses.items()),
    )  # fmt: skip
    needed = "\n".join(f"#   {name}   {meaning}" for name, meaning in VARIABLES.items() if f"${{{name}}}" in text)
    optional = "".join(OPTIONAL.get(kind, "") for kind in kinds)
    return text.replace("missing:\n\n", f"missing:\n{needed}\n{optional}\n", 1)


def _source(text: str) -> str:
    """Return the name as sources of the configuration may have it; UsageError is asked again."""
    try:
        return SOURCE.validate_python(text)
    except ValidationError as error:
        raise click.UsageError(str(error.errors()[0]["ctx"]["error"])) from None


def _address(kind: str, text: str) -> str:
    """Return the address as destinations of this channel may have it; UsageError is asked again."""
    try:
        [address] = CHANNELS[kind].addresses(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return str(address)


@click.group(cls=Group)
def config() -> None:
    """Describe the configuration file."""


@config.command(short_help="Print the JSON Schema of the configuration file.")
def schema() -> None:
    """Print the JSON Schema of the configuration file, with which editors complete and check it.

    It is shipped beside config/relay.yaml as relay.schema.json; the first line of that file refers to it.
    """
    click.echo(json.dumps(json_schema(CHANNELS), ensure_ascii=False, indent=2))
