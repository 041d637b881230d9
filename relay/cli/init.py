"""relay init: a commented configuration to start from, and what to do with it."""

import os
import re
import shlex
from pathlib import Path

import click

from relay.cli.options import CONFIG, refuse
from relay.errors import RelayError
from relay.resources import resource_dir

EXAMPLE, SCHEMA = "relay.yaml", "relay.schema.json"
# The head of the example names the variables that it needs: `#   NAME   what it is   (how to come by one)`.
VARIABLE = re.compile(r"^#   ([A-Z_]+) {2,}(.+?)(?: {2,}\(make one: (.+)\))?$", re.MULTILINE)


@click.command(short_help="Write a commented configuration to start from.")
@click.argument("path", envvar="RELAY_CONFIG", default=CONFIG, type=click.Path())
@click.pass_context
def init(ctx: click.Context, path: str) -> None:
    """Write a commented configuration to PATH, and say what to do next.

    PATH is a file, or a folder if it is one or ends with a slash; without it, the place where every command looks:
    RELAY_CONFIG, else config/relay.yaml. A file that is there already is left alone. Beside it comes its JSON Schema,
    by which editors complete and check it.
    """
    folder = path.endswith(os.sep) or Path(path).is_dir()
    file = Path(path) / EXAMPLE if folder else Path(path)
    if file.exists():
        refuse(RelayError(f"{file} exists already: name another file, or remove it first"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((resource_dir("config") / EXAMPLE).read_bytes())
        beside = _write_schema(file.with_name(SCHEMA))
    except OSError as error:
        refuse(RelayError(f"{error.filename}: cannot be written: {error.strerror}"))
    named = ctx.get_parameter_source("path") is click.core.ParameterSource.COMMANDLINE
    click.echo(f"Wrote {file}, {beside}\n")
    _print_next_steps(file, f" -c {shlex.quote(str(file))}" if named else "")


def _write_schema(file: Path) -> str:
    """Return what happened to the schema. Another one may be of a person, or of another relay."""
    shipped = (resource_dir("config") / SCHEMA).read_bytes()
    if file.exists() and file.read_bytes() != shipped:
        return f"and left the other {SCHEMA} beside it alone."
    file.write_bytes(shipped)
    return f"and {SCHEMA} beside it, by which editors complete and check it."


def _print_next_steps(file: Path, option: str) -> None:
    steps = [
        (f"export {name}={f'$({command})' if command else '…'}", meaning)
        for name, meaning, command in VARIABLE.findall(file.read_text("utf-8"))
    ]
    steps += [(f"relay check{option}", "says what is missing or wrong, with file and line"),
              (f"relay serve{option}", "receives and delivers, until Ctrl-C")]  # fmt: skip
    width = max(len(command) for command, _ in steps)
    click.echo("Next: edit its destinations and rules, and set what it needs.\n")
    for command, meaning in steps:
        click.echo(f"  {command:<{width}}   # {meaning}")
