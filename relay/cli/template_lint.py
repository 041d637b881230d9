"""relay template lint, vars and translate."""

import re
from pathlib import Path

import click

from relay.authoring.lint import faults_of
from relay.authoring.variables import variables
from relay.cli.options import json_option, print_json, visible
from relay.cli.screen import rows_table, show
from relay.cli.template import read_workspace, workspace_options
from relay.errors import TemplateError
from relay.rendering.checks import file_of
from relay.rendering.template_set import TemplateSet
from relay.rendering.translatable import merged, translatable
from relay.rendering.translations import SOURCE, Catalogues

EXAMPLE = 60  # characters
CODE = re.compile(r"[a-z]{2,3}([-_][A-Z0-9][A-Za-z0-9]{1,7})*")  # it becomes a folder: `FR` would be a second one


@click.command()
@workspace_options
@json_option
def lint(*, config: Path | None, templates: Path | None, as_json: bool) -> None:
    """Check the templates: syntax, unknown names, missing translations and fields, and what Slack or a mail program
    would not take. Every message is tried in every language, with a usual event and with the shortest there can be.

    Exit status 1 if there is an error.
    """
    workspace = read_workspace(config, templates)
    faults = faults_of(workspace)
    if as_json:
        rows = [dict(zip(("file", "line", "message"), file_of(fault), strict=True)) for fault in faults]
        print_json({"ok": not faults, "faults": rows})
    else:
        for fault in faults:
            click.echo(visible(fault))
        where = ", ".join(str(folder) for folder in workspace.directories)
        click.echo(f"{where}: {len(faults)} fault{'s' * (len(faults) > 1)}" if faults else f"{where}: OK")
    if faults:
        raise SystemExit(1)


@click.command()
@workspace_options
@json_option
def vars(*, config: Path | None, templates: Path | None, as_json: bool) -> None:  # noqa: A001 - the command's name
    """List what templates can say: each name with its type and an example, from the sample events.

    `[]` stands for each of a list. Every other field of your platform's documents is there too, under its own name,
    and `doc` is the whole body as it came.
    """
    listed = [*variables(read_workspace(config, templates))]
    if as_json:
        print_json(listed)
        return
    show(rows_table(listed, {
        "name": "path",
        "type": "type",
        "": lambda row: "optional" if row["optional"] else "",
        "example": lambda row: "" if row["example"] is None or isinstance(row["example"], list | dict) else
                   " ".join(str(row["example"]).split())[:EXAMPLE],
    }))  # fmt: skip


@click.command()
@click.argument("language", metavar="LANG")
@workspace_options
def translate(*, language: str, config: Path | None, templates: Path | None) -> None:
    """Write every text that LANG, for instance fr, lacks into locales/LANG/messages.po of your own templates. What is
    translated there stays as it is; what no template says any more is kept at the end, marked #~.

    Exit status 1 if the file cannot be read.
    """
    workspace = read_workspace(config, templates)
    if workspace.own is None:
        raise click.UsageError("there are no templates of your own; name their directory with --templates")
    if language == SOURCE:
        problem = "the templates are written in English; change a sentence where it stands"
        raise click.BadParameter(problem, param_hint="LANG")
    if not CODE.fullmatch(language):
        raise TemplateError(f"{language} is no language; expected its code, for instance fr or pt-BR")
    file = workspace.own / "locales" / language / "messages.po"
    others = Catalogues(workspace.directories[1:])
    sources = [*translatable(TemplateSet(workspace.directories))]
    own = Catalogues(workspace.directories[:1])
    # What comes with relay in this language is repeated here only where the author has another wording.
    needed = [row for row in sources if others.lacks(language, row.texts[0], row.context)
              or not own.lacks(language, row.texts[0], row.context)]  # fmt: skip
    text, catalogue = merged(file, needed, folders=workspace.directories)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    strings = [message.string for message in catalogue if message.id]
    missing = sum(not all([text] if isinstance(text, str) else text or [""]) for text in strings)
    obsolete = f", {len(catalogue.obsolete)} obsolete" if catalogue.obsolete else ""
    click.echo(visible(f"{file}: {len(catalogue)} texts, {missing} to be translated{obsolete}"))
