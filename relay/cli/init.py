"""relay init: a commented configuration to start from, and what to do with it."""

import re
from pathlib import Path

import click

from relay.cli.options import CONFIG, refuse
from relay.errors import RelayError
from relay.share import share

EXAMPLE, SCHEMA = "relay.yaml", "relay.schema.json"
# The head of the example names the variables that it needs: `#   NAME   what it is   (how to come by one)`.
VARIABLE = re.compile(r"^#   ([A-Z_]+) {2,}(.+?)(?: {2,}\(make one: (.+)\))?$", re.MULTILINE)


@click.command(short_help="Write a commented configuration to start from.")
@click.argument("path", envvar="RELAY_CONFIG", default=CONFIG, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if there is one.")
@click.pass_context
def init(ctx: click.Context, path: Path, *, force: bool) -> None:
    """Write a commented configuration to PATH, and say what to do next.

    PATH is a file or a folder; without it, the place where every command looks: RELAY_CONFIG, else config/relay.yaml. A
    file that is there already is left alone. Beside it comes its JSON Schema, by which editors complete and check it.
    """
    file = path / EXAMPLE if path.is_dir() else path
    if file.exists() and not force:
        refuse(RelayError(f"{file} exists already: name another file, or replace it with --force"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        for name, target in ((EXAMPLE, file), (SCHEMA, file.with_name(SCHEMA))):
            target.write_bytes((share("config") / name).read_bytes())
    except OSError as error:
        refuse(RelayError(f"{error.filename}: cannot be written: {error.strerror}"))
    named = ctx.get_parameter_source("path") is click.core.ParameterSource.COMMANDLINE
    _say_what_is_next(file, f" -c {file}" if named else "")


def _say_what_is_next(file: Path, option: str) -> None:
    steps = [
        (f"export {name}={f'$({command})' if command else '…'}", meaning)
        for name, meaning, command in VARIABLE.findall(file.read_text("utf-8"))
    ]
    steps += [(f"relay check{option}", "says what is missing or wrong, with file and line"),
              (f"relay serve{option}", "receives and delivers, until Ctrl-C")]  # fmt: skip
    width = max(len(command) for command, _ in steps)
    click.echo(f"Wrote {file}, and {SCHEMA} beside it, by which editors complete and check it.\n")
    click.echo("Next: say in it who is told of what, and set what it needs.\n")
    for command, meaning in steps:
        click.echo(f"  {command:<{width}}   # {meaning}")
