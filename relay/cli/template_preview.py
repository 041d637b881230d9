"""relay template preview: the messages on a page to look at."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from relay.authoring.drawing import Sample, page
from relay.authoring.workspace import Reader, Workspace
from relay.cli.options import read_event
from relay.cli.template import read_workspace, workspace_options
from relay.configfile.words import suggest
from relay.domain.documents import decode
from relay.domain.parsing import parse
from relay.errors import RelayError
from relay.rendering import Renderer
from relay.rendering.samples import bare_events, history_of, sample_events


@click.command()
@click.argument("message", required=False, metavar="[MESSAGE]")
@workspace_options
@click.option(
    "--event", "event_file", metavar="FILE.json", help="Use this event instead of a sample; - for standard input."
)
@click.option("--destination", default="", metavar="NAME", help="Render for this destination, in its language.")
@click.option("--to", "file", type=click.Path(dir_okay=False, path_type=Path), default="preview.html",
              show_default=True, metavar="FILE.html", help="The page to write.")  # fmt: skip
def preview(
    *, message: str | None, config: Path | None, templates: Path | None, event_file: str | None, destination: str,
    file: Path,
) -> None:  # fmt: skip
    """Write MESSAGE, for instance operation.failed, or every message, to one HTML page: as Slack message and as mail,
    in every form and language. Nothing is sent.
    """
    workspace = read_workspace(config, templates)
    renderer = Renderer(workspace.directories, workspace.options(real=event_file is not None))
    samples = _from_file(event_file) if event_file else _from_samples(workspace, renderer, message)
    shown = page(renderer, samples, _readers(workspace, renderer, destination), destination)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(shown, "utf-8")
    click.echo(f"{file}: {len(samples)} message{'s' * (len(samples) != 1)}")


def _readers(workspace: Workspace, renderer: Renderer, destination: str) -> Mapping[str, Reader]:
    """Return who reads the messages, by language: the destination's reader, else one for each language."""
    if not destination:
        return dict.fromkeys(renderer.languages, workspace.reader)
    if workspace.destinations and destination not in workspace.destinations:
        problem = f"there is no destination {destination}; {suggest(destination, workspace.destinations)}"
        raise click.BadParameter(problem, param_hint="--destination")
    reader = workspace.destinations.get(destination, workspace.reader)
    return {reader.language: reader}


def _from_file(file: str) -> dict[str, Sample]:
    """Return the event in this file; nothing was known before."""
    try:
        event = parse(decode(read_event(file)), source="preview", received_at=datetime.now(UTC))
    except RelayError as error:
        raise RelayError(f"{file}: {error}") from None
    return {event.name: (event, (event,))}


def _from_samples(workspace: Workspace, renderer: Renderer, message: str | None) -> dict[str, Sample]:
    """Return the sample events, each with what was known when it came, then messages without a sample."""
    samples = sample_events(workspace.directories, "typical")
    events = samples | bare_events(renderer.library, samples)
    if message is not None and message not in events:
        raise click.BadParameter(f"there is no message {message}; {suggest(message, events)}", param_hint="MESSAGE")
    selected = events if message is None else {message: events[message]}
    return {name: (event, history_of(event, samples.values())) for name, event in selected.items()}
