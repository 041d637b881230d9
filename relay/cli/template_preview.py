"""relay template preview: the messages on a page to look at."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import click

from relay.channels import CHANNELS, TEMPLATES
from relay.cli.options import read_event
from relay.cli.template import Reader, Workspace, read_workspace, workspace_options
from relay.cli.template_looks import LOOKS
from relay.configfile.words import suggest
from relay.domain.deliveries import Form
from relay.domain.documents import decode
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.errors import RelayError
from relay.rendering import Renderer
from relay.rendering.checks import kinds_of, values_of
from relay.rendering.samples import bare_events, history_of, sample_events
from relay.rendering.translations import Catalogues

OF_STATUS: Mapping[Form, tuple[str, ...]] = {"also": ("Failed", "Timeout"), "healed": ("Completed",)}
MISHAP = "SAP extractor did not answer for 300 s."  # that a healed run had had
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color-scheme: light dark; }
iframe { width: 100%; height: 30rem; resize: vertical; border: 1px solid #8888; border-radius: 8px; background: #fff; }
section > div { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(32rem, 100%), 1fr)); gap: 1rem; }
"""

Sample = tuple[Event, tuple[Event, ...]]
"""An event, and what was known when it came, itself included."""


def page(
    workspace: Workspace, renderer: Renderer, samples: Mapping[str, Sample], readers: Mapping[str, Reader],
    destination: str,
) -> str:  # fmt: skip
    """Return the page of these messages. TemplateError names file and line."""
    sections = [
        f'<section id="{escape(name)}"><h2>{escape(name)}</h2><div>\n'
        + "".join(_drawn(renderer, sample, language, reader, destination)
                  for language, reader in readers.items())
        + f"</div>{_variables(workspace, sample)}</section>\n"
        for name, sample in samples.items()
    ]  # fmt: skip
    links = " · ".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in samples)
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Messages</title><style>{STYLE}</style>'
    return f"{head}\n<h1>Messages</h1>\n<p>{links}</p>\n{''.join(sections)}"


def _drawn(renderer: Renderer, sample: Sample, language: str, reader: Reader, destination: str) -> str:
    """Return the message in every channel and form."""
    event, history = sample
    frames = ""
    for channel in TEMPLATES:
        for form in _forms(channel, event):
            content = renderer.render(
                channel, form, event, history, language=language, timezone=reader.timezone, now=event.occurred_at,
                destination=destination, healed=MISHAP if form == "healed" else "",
            )  # fmt: skip
            title = escape(" · ".join([getattr(CHANNELS.get(channel), "title", channel.capitalize()), form, language]))
            document = escape(_document(channel, content, event.occurred_at.timestamp()))
            frame = f'<iframe loading="lazy" sandbox="allow-scripts" title="{title}" srcdoc="{document}"></iframe>'
            frames += f"<article><h3>{title}</h3><p>{escape(str(content.get('subject', '')))}</p>{frame}</article>\n"
    return frames


def _variables(workspace: Workspace, sample: Sample) -> str:
    """Return what templates can say of this event. `doc` has the body as it came, and `formats` no values."""
    options: dict[str, Any] = {"links": workspace.sample_links, "brand": workspace.brand}
    values = values_of(*sample, Catalogues(workspace.directories), workspace.sample_url, **options)
    shown = {name: value for name, value in values.items() if name not in ("formats", "doc")}
    text = json.dumps(shown, ensure_ascii=False, indent=2, default=_plain)
    return f"<details><summary>Variables</summary><pre>{escape(text)}</pre></details>"


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _forms(channel: str, event: Event) -> Iterator[Form]:
    kinds = kinds_of(channel, event)
    yield from kinds
    if "reply" in kinds and not event.about_batch:
        yield from (form for form, statuses in OF_STATUS.items() if event.status in statuses)


def _document(channel: str, content: dict[str, Any], at: float) -> str:
    if look := LOOKS.get(channel):
        return look.page(content, at)
    text = content.get("text", json.dumps(content, ensure_ascii=False, indent=2))
    return f'<!doctype html><meta charset="utf-8"><pre style="white-space: pre-wrap">{escape(str(text))}</pre>'


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
    in every form and language, with the variables that its template can use. Nothing is sent.
    """
    workspace = read_workspace(config, templates)
    renderer = Renderer(workspace.directories, workspace.options(real=event_file is not None))
    samples = _from_file(event_file) if event_file else _from_samples(workspace, renderer, message)
    shown = page(workspace, renderer, samples, _readers(workspace, renderer, destination), destination)
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
    samples = sample_events(workspace.directories)
    events = samples | bare_events(renderer.library, samples)
    if message is not None and message not in events:
        raise click.BadParameter(f"there is no message {message}; {suggest(message, events)}", param_hint="MESSAGE")
    selected = events if message is None else {message: events[message]}
    return {name: (event, history_of(event, samples.values())) for name, event in selected.items()}
