"""relay template lint: everything that is wrong with the templates, found before an event finds it."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from relay.channels import CHANNELS
from relay.cli.options import json_option, visible
from relay.cli.template import Workspace, read_workspace, workspace_options
from relay.cli.template_names import misnamed
from relay.errors import TemplateError
from relay.rendering import IsolatedRenderer
from relay.rendering.checks import Case, problems, untranslated
from relay.rendering.fixtures import FIXTURES
from relay.rendering.message_names import message_of, operation_type
from relay.rendering.template_set import TemplateSet
from relay.rendering.translations import Catalogues
from relay.rendering.undefined_names import empty_values, file_of, unknown_names


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


def faults_of(workspace: Workspace, *, verbose: bool = False) -> list[str]:
    """One line per fault, with file and line where they are known."""
    faults: list[str] = []
    library = TemplateSet(workspace.directories, faults)
    try:
        catalogues = Catalogues(workspace.directories)
    except TemplateError as error:
        faults.append(str(error))
        catalogues = Catalogues(workspace.directories[-1:])
    usable = not faults
    faults += unknown_names(library, empty_values(catalogues))
    faults += misnamed(library, workspace)
    if not usable:  # the messages themselves can be tried once these faults are gone
        return [*faults, *untranslated(library, catalogues, all_of_them=verbose)]

    def judge(case: Case, content: dict[str, Any]) -> Iterator[str]:
        if refusals := getattr(CHANNELS.get(case.channel), "refusals", None):
            message = message_of(case.event, case.kind, case.history)
            type_ = operation_type(case.event, case.history)
            file = library.message(case.channel, message, case.kind, case.destination, type_).file
            yield from (f"{file}: {fault}" for fault in refusals(content))

    def concerns(case: Case) -> bool:
        """Messages that nothing of the author's has a part in are not theirs to mend."""
        message, type_ = message_of(case.event, case.kind, case.history), operation_type(case.event, case.history)
        own = library.overriding_file(case.channel, message, case.kind, case.destination, type_)
        return workspace.own is None or bool(own)

    with contextlib.closing(IsolatedRenderer(workspace.directories, workspace.options())) as renderer:
        shown = problems(
            renderer.render,
            library,
            catalogues,
            workspace.directories,
            fixtures=FIXTURES,
            concerns=concerns,
            judge=judge,
            all_of_them=verbose,
        )
    read = {fault.partition("; ")[0] for fault in faults}
    return faults + [fault for fault in shown if fault.partition("; ")[0] not in read]
