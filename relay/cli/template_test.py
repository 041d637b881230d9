"""relay template test: what the author's own templates say, compared with what was agreed."""

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from relay.authoring.workspace import Workspace
from relay.cli.options import refuse, visible
from relay.cli.template import read_workspace, workspace_options
from relay.errors import RelayError
from relay.rendering import Renderer
from relay.rendering.checks import cases
from relay.rendering.samples import FIXTURES

GOLDEN = "golden"
SHOWN = 40  # lines of each difference


@click.command(short_help="Compare every message with its golden file.")
@workspace_options
@click.option("--update", is_flag=True, help="Update the golden files; review the difference before you commit it.")
def test(*, config: Path | None, templates: Path | None, update: bool) -> None:
    """Compare every message that your own templates have a part in with the files in golden/ beside them: each event,
    from the shortest to the most hostile, in every language and channel.

    Exit status 1 if a message differs. --update writes the files.
    """
    workspace = read_workspace(config, templates)
    if workspace.own is None:
        raise click.UsageError("there are no templates of your own; name their directory with --templates")
    try:
        texts = {workspace.own / GOLDEN / name: text for name, text in _rendered(workspace)}
    except RelayError as error:
        refuse(error)
    before = {file: file.read_text("utf-8") for file in sorted((workspace.own / GOLDEN).rglob("*.*")) if file.is_file()}
    changed = [file for file in sorted({*texts, *before}) if texts.get(file) != before.get(file)]
    for file in changed:
        shown = _difference(file, before.get(file, ""), texts.get(file, "")) if file in before or not update else ""
        click.echo(visible(shown or f"{file} is new"))
    if update:
        _write(texts, before)
        click.echo(f"{workspace.own / GOLDEN}: {len(changed)} of {len(texts)} files written")
    elif changed:
        click.echo(f"{len(changed)} of {len(texts)} say something else than was agreed; --update agrees to it")
        raise SystemExit(1)
    else:
        click.echo(f"{workspace.own / GOLDEN}: {len(texts)} files, all as agreed")


def _rendered(workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Each golden file's name and content, as it would be now."""
    contents: dict[str, dict[str, Any]] = {}
    renderer = Renderer(workspace.directories, workspace.options())
    for case in cases(renderer.library, workspace.directories, renderer.languages, FIXTURES):
        if not renderer.overriding_file(case.channel, case.kind, case.event, case.destination, case.history):
            continue  # relay's own wording is relay's own to change
        name = f"{case.channel}/{case.name}.{case.fixture}.{case.language}"
        contents.setdefault(name, {})[case.kind] = case.rendered_by(renderer, workspace.reader.timezone)
    for name, kinds in contents.items():
        if all("html" in content for content in kinds.values()):
            yield f"{name}.txt", "\n".join(_mail(content) for content in kinds.values())
        else:
            yield f"{name}.json", json.dumps(kinds, ensure_ascii=False, indent=2) + "\n"


def _mail(content: dict[str, Any]) -> str:
    head = "".join(f"{name.title()}: {content[name]}\n" for name in ("subject", "preheader") if name in content)
    return f"{head}\n{content['text']}\n===== HTML =====\n{content['html']}\n"


def _difference(file: Path, before: str, now: str) -> str:
    lines = [
        *difflib.unified_diff(before.splitlines(), now.splitlines(), f"{file} agreed", f"{file} now", lineterm="", n=1)
    ]
    rest = [f"… and {len(lines) - SHOWN} more lines"] if len(lines) > SHOWN else []
    return "\n".join([*lines[:SHOWN], *rest])


def _write(texts: dict[Path, str], before: dict[Path, str]) -> None:
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    for file in before.keys() - texts.keys():
        file.unlink()
