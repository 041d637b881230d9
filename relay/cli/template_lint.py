"""relay template lint: everything that is wrong with the templates, found before an event finds it."""

import json
from pathlib import Path

import click

from relay.authoring.lint import faults_of
from relay.cli.options import json_option, visible
from relay.cli.template import read_workspace, workspace_options
from relay.rendering.undefined_names import file_of


@click.command(short_help="Say what is wrong with the templates.")
@workspace_options
@click.option("--verbose", is_flag=True, help="List every text that a language lacks.")
@json_option
def lint(*, config: Path | None, templates: Path | None, verbose: bool, as_json: bool) -> None:
    """Say what is wrong with the templates: syntax, names that mean nothing, missing translations and fields, and what
    Slack or a mail program would not take. Every message is tried in every language, with the shortest, the longest
    and the most hostile event there can be.

    Leaves with 1 if anything is wrong.
    """
    workspace = read_workspace(config, templates)
    faults = faults_of(workspace, verbose=verbose)
    if as_json:
        rows = [dict(zip(("file", "line", "message"), file_of(fault), strict=True)) for fault in faults]
        click.echo(json.dumps({"ok": not faults, "faults": rows}, ensure_ascii=False, indent=2))
    else:
        for fault in faults:
            click.echo(visible(fault))
        where = ", ".join(str(folder) for folder in workspace.directories)
        click.echo(f"{where}: right" if not faults else f"{where}: {len(faults)} fault{'s' * (len(faults) > 1)}")
    if faults:
        raise SystemExit(1)
