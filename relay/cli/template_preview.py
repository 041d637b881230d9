"""relay template preview: messages as files to look at, in a browser or a mail program."""

import contextlib
import re
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from relay.authoring.drawing import FORMS, Drawing, Told, View, drawn, stem
from relay.authoring.workspace import Workspace
from relay.channels import CHANNELS
from relay.cli.options import read_event, refuse, space_options, which_one
from relay.cli.preview.index import Page, write_index
from relay.cli.template import USUAL, read_workspace, workspace_options
from relay.configfile.validation import suggest
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.domain.spaces import Space
from relay.domain.strict_json import decode
from relay.errors import RelayError
from relay.policy.destinations import known_zone
from relay.rendering import IsolatedRenderer
from relay.rendering.checks import history_of, sample_events
from relay.rendering.fixtures import FIXTURES
from relay.rendering.translations import languages

ALL = "all"
PORT = 8095

Histories = dict[str, Told]


@click.command(short_help="Write messages to files, to look at.")
@click.argument("message", required=False, metavar="[MESSAGE]")
@workspace_options
@click.option(
    "--event", "event_file", metavar="FILE.json", help="Tell this event instead, as it would be sent; - reads it."
)
@click.option("--operation", metavar="ID", help="Tell what a running relay knows of this operation or batch.")
@space_options
@click.option("--channel", type=click.Choice([*CHANNELS]), help="One channel only.")
@click.option(
    "--lang",
    "language",
    metavar="CODE",
    help="The language, or all; else the destination's, and all where every message is written.",
)
@click.option("--timezone", metavar="ZONE", help="The reader's zone; else that of the destination.")
@click.option("--kind", type=click.Choice(FORMS), default="each", show_default=True,
              help="Slack's message that shows the present state, or the outcome in its thread; one more failure of a "
                   "cause; the end of a run that had failed and was begun again.")  # fmt: skip
@click.option(
    "--fixture",
    type=click.Choice([*FIXTURES, ALL]),
    help="How much the event says; typical, and all of them where every message is written.",
)
@click.option("--destination", default="", metavar="NAME", help="As this destination gets it; else as any would.")
@click.option("--profile", type=click.Choice(["classic", "rich"]), default="classic", show_default=True,
              help="Slack's blocks: those that every Slack shows, or the newer ones.")  # fmt: skip
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), default="preview", show_default=True,
              metavar="DIR", help="Where the files go.")  # fmt: skip
@click.option("--open", "show", is_flag=True, help="Open index.html in a browser.")
@click.option("--serve", is_flag=True, help="Serve one page instead, which shows what you save at once.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, metavar="N",
              help="Where to serve it, on this machine alone; 0 for any free one.")  # fmt: skip
def preview(
    *, message: str | None, config: Path | None, templates: Path | None, event_file: str | None, operation: str | None,
    channel: str | None, language: str | None, fixture: str | None, timezone: str | None, show: bool, serve: bool,
    port: int, **options: Any,
) -> None:  # fmt: skip
    """Write MESSAGE, for instance operation.failed, or every message, as Slack and as mail: the Slack message as JSON
    and as a page, the mail as HTML, as text and as an .eml file; index.html shows them all, light and dark, on a phone
    and on a desktop. Nothing is sent.

    With --serve they are shown on one page, anew whenever a file is saved, with their variables and what lint finds.
    """
    workspace = read_workspace(config, templates)
    if serve:
        _only_what_serves()
        from relay.cli.preview.serving import serve_page  # noqa: PLC0415 - files need no HTTP

        serve_page(config, templates, port)
        return
    whose = Space(*(options.pop(name) for name in ("platform", "tenant", "project")))
    folder: Path = options.pop("folder")
    real = event_file is not None or operation is not None  # told as relay would say it
    everything = message is None and not real
    fixtures = [*FIXTURES] if fixture == ALL or (everything and fixture is None) else [fixture or "typical"]
    codes = (
        [*languages(workspace.directories)]
        if language == ALL or (everything and language is None and not options["destination"])
        else [language]
    )
    views = [_view(workspace, code, timezone, options | {"fixture": name}) for name in fixtures for code in codes]

    def histories(view: View) -> Histories:
        if event_file is not None:
            return _from_file(event_file)
        if operation is not None:
            return _from_store(operation, whose, config or USUAL)
        return _from_samples(workspace, message, view.fixture)

    files: list[Path] = []
    pages: list[Page] = []
    try:
        with contextlib.closing(IsolatedRenderer(workspace.directories, workspace.options(real=real))) as renderer:
            for view in views:
                for name, last in histories(view).items():
                    for medium in [channel] if channel else [*CHANNELS]:
                        drawing = drawn(renderer, medium, last, view)
                        path = folder / stem(name, drawing.kind, view)
                        files += _write(path, drawing)
                        page = str(drawing.preview.documents[drawing.page])
                        pages.append(
                            Page(name, view.language, view.fixture, medium, f"{path.name}.{drawing.page}", page)
                        )
        index = write_index(folder, pages)
    except (RelayError, OSError) as error:
        refuse(error)
    for file in () if everything else files:
        click.echo(str(file))
    click.echo(f"{index}: {len(pages)} previews")
    if show:
        webbrowser.open(index.absolute().as_uri())


def _only_what_serves() -> None:
    """Refuse what choices the page itself offers, or what it cannot show, instead of leaving it out silently."""
    invocation = click.get_current_context()
    for parameter in invocation.command.params:
        name = parameter.name or ""
        stated = invocation.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if stated and name not in ("config", "templates", "serve", "port"):
            problem = "the page of --serve shows all samples, and what is to be seen is chosen on it; leave this out"
            raise click.BadParameter(problem, param=parameter)


def _write(path: Path, drawing: Drawing) -> list[Path]:
    """The documents of one message, written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files = []
    for ending, text in drawing.preview.documents.items():
        file = path.with_name(f"{path.name}.{ending}")
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        files.append(file)
    return files


def _view(workspace: Workspace, language: str | None, timezone: str | None, options: dict[str, Any]) -> View:
    """As the destination's readers read, unless it is asked for otherwise."""
    name = options["destination"]
    if name and workspace.destinations and name not in workspace.destinations:
        problem = f"there is no destination {name}; {suggest(name, workspace.destinations)}"
        raise click.BadParameter(problem, param_hint="--destination")
    reader = workspace.destinations.get(name, workspace.reader)
    language, timezone = language or reader.language, timezone or reader.timezone
    available = languages(workspace.directories)
    if not {language, re.split("[-_]", language)[0].lower()} & {*available}:
        raise click.BadParameter(f"there is no {language}; {suggest(language, available)}", param_hint="--lang")
    try:
        known_zone(timezone)
    except ValueError as error:
        raise click.BadParameter(f"{timezone}: {error}", param_hint="--timezone") from None
    return View(language=language, timezone=timezone, **options)


def _from_file(file: str) -> Histories:
    """The event in this file; nothing was known before."""
    try:
        event = parse(decode(read_event(file)), source="preview", received_at=datetime.now(UTC))
    except OSError as error:
        raise RelayError(f"{file}: cannot be read: {error.strerror}") from None
    except RelayError as error:
        raise RelayError(f"{file}: {error}") from None
    return {event.name: (event, (event,))}


def _from_store(operation: str, whose: Space, config: Path) -> Histories:
    """The newest event that a running relay keeps of this operation, with the others."""
    from relay.cli.session import StoreSession, with_store  # noqa: PLC0415 - the other ways need no store
    from relay.delivering.past import Past  # noqa: PLC0415
    from relay.store.jobs import Jobs  # noqa: PLC0415

    events: list[Event] = []

    async def work(session: StoreSession) -> None:
        with which_one():
            events.extend(await session.admin.events(operation, whose))
        if events:
            past = Past(Jobs(session.store), clock=session.clock, template=lambda: session.config.job)
            events[-1] = await past.of(events[-1], events)

    with_store(config, work)
    if not events:
        raise RelayError(f"relay knows of no operation or batch {operation}; ids are case-sensitive")
    return {events[-1].name: (events[-1], tuple(events))}


def _from_samples(workspace: Workspace, message: str | None, fixture: str) -> Histories:
    """The sample events, each with what was known when it came."""
    samples = sample_events(workspace.directories, fixture)
    if message is not None and message not in samples:
        raise click.BadParameter(f"there is no sample of {message}; {suggest(message, samples)}", param_hint="MESSAGE")
    selected = samples if message is None else {message: samples[message]}
    return {name: (event, history_of(event, samples.values())) for name, event in selected.items()}
