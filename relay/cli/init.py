"""relay init: a configuration to start from, by three questions at a terminal, and the first message."""

import os
import re
import shlex
import sys
from pathlib import Path

import click

from relay.cli.options import CONFIG, refuse
from relay.errors import RelayError
from relay.resources import resource_dir

EXAMPLE, SCHEMA = "relay.yaml", "relay.schema.json"
# The head of the example names the variables that it needs: `#   NAME   what it is   (how to come by one)`.
VARIABLE = re.compile(r"^#   ([A-Z_]+) {2,}(.+?)(?: {2,}\(make one: (.+)\))?$", re.MULTILINE)
OPTIONAL = re.compile(r"^# (Optional, .+)$", re.MULTILINE)


@click.command(short_help="Ask three questions, write a configuration, send a first message.")
@click.argument("path", envvar="RELAY_CONFIG", default=CONFIG, type=click.Path())
@click.pass_context
def init(ctx: click.Context, path: str) -> None:
    """Write a configuration to PATH, and print the next steps.

    At a terminal it asks how people are notified, where, and who sends, and sends a first message there; otherwise it
    writes the commented example.

    PATH is a file, or a folder if it is one or ends with a slash; default: RELAY_CONFIG, else config/relay.yaml. An
    existing file is not changed. Its JSON Schema, with which editors complete and check it, is written beside it.
    """
    folder = path.endswith(os.sep) or Path(path).is_dir()
    file = Path(path) / EXAMPLE if folder else Path(path)
    if file.exists():
        refuse(RelayError(f"{file} exists already: name another file, or remove it first"))
    asks = sys.stdin.isatty() and sys.stdout.isatty()
    if asks:
        from relay.cli.first_message import ask  # noqa: PLC0415 - it brings the channels
    try:
        text = ask() if asks else (resource_dir("config") / EXAMPLE).read_text("utf-8")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        beside = _write_schema(file.with_name(SCHEMA))
    except OSError as error:
        refuse(RelayError(f"{error.filename}: cannot be written: {error.strerror}"))
    named = ctx.get_parameter_source("path") is click.core.ParameterSource.COMMANDLINE
    click.echo(f"Wrote {file}, {beside}\n")
    option = f" -c {shlex.quote(str(file))}" if named else ""
    if asks:
        _send_first(file)
    _print_next_steps(file, option, edit=not asks)


def _send_first(file: Path) -> None:
    """Send a first message, or say what is missing for it."""
    from relay.cli.first_message import TEAM, send_first  # noqa: PLC0415

    trial = send_first(file)
    if isinstance(trial, str):
        click.echo(f"No message was sent yet: {trial}. Once relay serves: relay test-send {TEAM}\n")
        return
    for row in trial.sent:
        if row.error:
            click.echo(f"The first message to {row.address} did not arrive: {row.error}\n")
        else:
            click.echo(f"Your first message arrived: {row.address}, {row.answer}\n")


def _write_schema(file: Path) -> str:
    """Return what happened to the schema. Another one may be of a person, or of another relay."""
    shipped = (resource_dir("config") / SCHEMA).read_bytes()
    if file.exists() and file.read_bytes() != shipped:
        return f"and left the other {SCHEMA} beside it alone."
    file.write_bytes(shipped)
    return f"and {SCHEMA} beside it, by which editors complete and check it."


def _print_next_steps(file: Path, option: str, *, edit: bool) -> None:
    text = file.read_text("utf-8")
    steps = [
        (f"export {name}={f'$({command})' if command else '…'}", meaning)
        for name, meaning, command in VARIABLE.findall(text)
    ]
    steps += [(f"relay check{option}", "says what is missing or wrong, with file and line"),
              (f"relay serve{option}", "receives and delivers, until Ctrl-C")]  # fmt: skip
    width = max(len(command) for command, _ in steps)
    click.echo(f"Next: {'edit its destinations and rules, and ' if edit else ''}set what it needs.\n")
    for command, meaning in steps:
        click.echo(f"  {command:<{width}}   # {meaning}")
    for line in OPTIONAL.findall(text):
        click.echo(f"\n{line}")
