"""relay template lint: everything that is wrong with the templates, found before an event finds it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from relay.cli.options import json_option, print_json, visible
from relay.cli.template import Workspace, read_workspace, workspace_options
from relay.cli.template_looks import LOOKS
from relay.configfile.words import suggest
from relay.errors import TemplateError
from relay.rendering import Renderer
from relay.rendering.checks import Case, file_of, problems, unknown_names
from relay.rendering.template_files import parsed
from relay.rendering.template_set import TemplateSet
from relay.rendering.translatable import untranslated
from relay.rendering.translations import Catalogues


def faults_of(workspace: Workspace) -> list[str]:
    """Return a line for each fault, with file and line where they are known."""
    faults: list[str] = []
    library = TemplateSet(workspace.directories, faults)
    try:
        catalogues = Catalogues(workspace.directories)
    except TemplateError as error:
        faults.append(str(error))
        catalogues = Catalogues(workspace.directories[-1:])
    usable = not faults
    faults += unknown_names(library, catalogues)
    faults += misnamed(library, workspace)
    if not usable:  # the messages themselves can be tried once these faults are gone
        return [*faults, *untranslated(library, catalogues)]

    def judge(case: Case, content: dict[str, Any]) -> Iterator[str]:
        if look := LOOKS.get(case.channel):
            _, file = library.source(library.message_file(*case.request))
            yield from (f"{file}: {fault}" for fault in look.refusals(content))

    def concerns(case: Case) -> bool:
        """Leave out messages that no file of the author's has a part in."""
        return workspace.own is None or bool(library.overriding_file(*case.request))

    renderer = Renderer(workspace.directories, workspace.options())
    more = problems(renderer, concerns=concerns, judge=judge)
    reported = {file_of(fault)[:2] for fault in faults}
    return faults + [fault for fault in more if file_of(fault)[:2] not in reported]


def misnamed(library: TemplateSet, workspace: Workspace) -> Iterator[str]:
    """Report each file for a destination that does not exist."""
    names = workspace.destinations
    for channel, stems in library.messages.items():
        for stem in stems:
            _, destination = parsed(stem)
            if destination and names and destination not in names:
                file = library.source(f"{channel}/{stem}.yaml")[1]
                yield f"{file}:1: {destination} is no destination; {suggest(destination, names)}"


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
