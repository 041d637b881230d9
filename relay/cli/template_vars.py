"""relay template vars: what templates can say, found by looking at what they are given."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from relay.authoring.variables import variables
from relay.cli.options import json_option, visible
from relay.cli.template import read_workspace, workspace_options

EXAMPLE = 60  # characters


@click.command(short_help="List what templates can say.")
@workspace_options
@json_option
def vars(*, config: Path | None, templates: Path | None, as_json: bool) -> None:  # noqa: A001 - the command's name
    """List what templates can say: each name with its type and an example, from the sample events.

    `[]` stands for each of a list. Every other field of your platform's documents is there too, under its own name,
    and `doc` is the whole body as it came.
    """
    workspace = read_workspace(config, templates)
    listed = [*variables(workspace)]
    if as_json:
        click.echo(json.dumps([asdict(variable) for variable in listed], ensure_ascii=False, indent=2))
        return
    width = max(len(variable.path) for variable in listed)
    for variable in listed:
        shown = "" if variable.example is None or isinstance(variable.example, list | dict) else str(variable.example)
        example = " ".join(visible(shown).split())[:EXAMPLE]
        optional = "optional" if variable.optional else ""
        click.echo(f"{variable.path:<{width}}  {variable.type:<9}  {optional:<8}  {example}".rstrip())
