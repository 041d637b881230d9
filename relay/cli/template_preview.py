"""relay template preview: messages as files to look at, or as pages that follow what the author saves."""

import re
from datetime import UTC, datetime
from functools import partial
from html import escape
from pathlib import Path

import click

from relay.authoring.drawing import Sample, View, drawn
from relay.authoring.workspace import Workspace
from relay.channels import TEMPLATES
from relay.cli.options import read_event
from relay.cli.template import read_workspace, workspace_options
from relay.configfile.words import suggest
from relay.domain.documents import decode
from relay.domain.parsing import parse
from relay.errors import RelayError
from relay.rendering import Renderer
from relay.rendering.samples import history_of, sample_events
from relay.rendering.translations import languages

ALL = "all"


@click.command()
@click.argument("message", required=False, metavar="[MESSAGE]")
@workspace_options
@click.option(
    "--event", "event_file", metavar="FILE.json", help="Use this event instead of a sample; - for standard input."
)
@click.option("--lang", "language", metavar="CODE",
              help="The language, or all; default: the destination's, or all for every message.")  # fmt: skip
@click.option("--destination", default="", metavar="NAME", help="Render for this destination.")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), default="preview", show_default=True,
              metavar="DIR", help="The output directory.")  # fmt: skip
@click.option("--serve", is_flag=True, help="Serve every message as pages on this machine, until Ctrl-C.")
def preview(
    *, message: str | None, config: Path | None, templates: Path | None, event_file: str | None, language: str | None,
    destination: str, folder: Path, serve: bool,
) -> None:  # fmt: skip
    """Write MESSAGE, for instance operation.failed, or every message, as Slack and as mail: the Slack message as JSON
    and as a page, the mail as HTML, as text and as an .eml file; index.html lists them all. Nothing is sent.

    --serve opens the console's pages of templates by themselves: every message in every form, with its variables, its
    files and what lint finds. A page shows what you save, within a second.
    """
    workspace = read_workspace(config, templates)
    if serve:
        from relay.cli.serve import run_loop  # noqa: PLC0415 - files need no HTTP
        from relay.cli.template_serve import serve as serve_pages  # noqa: PLC0415

        run_loop(serve_pages(partial(read_workspace, config, templates)))
        return
    everything = message is None and event_file is None
    every_language = language == ALL or (everything and language is None and not destination)
    codes = [*languages(workspace.directories)] if every_language else [language]
    files: list[Path] = []
    renderer = Renderer(workspace.directories, workspace.options(real=event_file is not None))
    samples = _from_file(event_file) if event_file else _from_samples(workspace, message)
    for view in [_view(workspace, code, destination) for code in codes]:
        for name, last in samples.items():
            for channel in TEMPLATES:
                stem = folder / ".".join(filter(None, (name, view.destination, view.language)))
                stem.parent.mkdir(parents=True, exist_ok=True)
                for ending, text in drawn(renderer, channel, last, view).preview.documents.items():
                    files.append(stem.with_name(f"{stem.name}.{ending}"))
                    files[-1].write_bytes(text if isinstance(text, bytes) else text.encode())
    rows = "".join(f'<li><a href="{escape(file.name)}">{escape(file.name)}</a>\n' for file in files)
    index = folder / "index.html"
    index.write_text(f'<!doctype html><meta charset="utf-8"><title>Templates</title>\n<ul>\n{rows}</ul>\n', "utf-8")
    for file in () if everything else files:
        click.echo(str(file))
    click.echo(f"{index}: {len(files)} files")


def _view(workspace: Workspace, language: str | None, destination: str) -> View:
    """Return it as the destination's readers read, unless another language is asked for."""
    if destination and workspace.destinations and destination not in workspace.destinations:
        problem = f"there is no destination {destination}; {suggest(destination, workspace.destinations)}"
        raise click.BadParameter(problem, param_hint="--destination")
    reader = workspace.destinations.get(destination, workspace.reader)
    language = language or reader.language
    available = languages(workspace.directories)
    if not {language, re.split("[-_]", language)[0].lower()} & {*available}:
        raise click.BadParameter(f"there is no {language}; {suggest(language, available)}", param_hint="--lang")
    return View(destination=destination, language=language, timezone=reader.timezone)


def _from_file(file: str) -> dict[str, Sample]:
    """Return the event in this file; nothing was known before."""
    try:
        event = parse(decode(read_event(file)), source="preview", received_at=datetime.now(UTC))
    except RelayError as error:
        raise RelayError(f"{file}: {error}") from None
    return {event.name: (event, (event,))}


def _from_samples(workspace: Workspace, message: str | None) -> dict[str, Sample]:
    """Return the sample events, each with what was known when it came."""
    samples = sample_events(workspace.directories, "typical")
    if message is not None and message not in samples:
        raise click.BadParameter(f"there is no sample of {message}; {suggest(message, samples)}", param_hint="MESSAGE")
    selected = samples if message is None else {message: samples[message]}
    return {name: (event, history_of(event, samples.values())) for name, event in selected.items()}
