"""relay template preview: messages as files to look at, in a browser or a mail program."""

import contextlib
import json
import re
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from relay.channels import CHANNELS
from relay.channels.email.messages import Mailbox, compose
from relay.channels.slack.page import page_of
from relay.cli.options import read_event, refuse, space_options, which_one
from relay.cli.template import USUAL, Workspace, read_workspace, workspace_options
from relay.configfile.validation import suggest
from relay.domain.deliveries import Kind, Notification, labels_of
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.domain.spaces import Space
from relay.domain.strict_json import decode
from relay.errors import RelayError
from relay.policy.destinations import known_zone
from relay.rendering import IsolatedRenderer
from relay.rendering.checks import history_of, kinds_of, sample_events
from relay.rendering.fixtures import FIXTURES
from relay.rendering.translations import languages

SENDER = Mailbox("relay@example.com", "relay")
READER = "you@example.com"

Histories = dict[str, tuple[Event, tuple[Event, ...]]]
Documents = dict[str, str | bytes]  # by the endings of their files


@dataclass(frozen=True)
class View:
    """How it is shown, and where the files go."""

    kind: Kind
    fixture: str
    destination: str
    profile: str
    folder: Path
    language: str
    timezone: str


@click.command(short_help="Write messages to files, to look at.")
@click.argument("message", required=False, metavar="[MESSAGE]")
@workspace_options
@click.option(
    "--event", "event_file", metavar="FILE.json", help="Tell this event instead, as it would be sent; - reads it."
)
@click.option("--operation", metavar="ID", help="Tell what a running relay knows of this operation or batch.")
@space_options
@click.option("--channel", type=click.Choice([*CHANNELS]), help="One channel only.")
@click.option("--lang", "language", metavar="CODE", help="The language; else that of the destination.")
@click.option("--timezone", metavar="ZONE", help="The reader's zone; else that of the destination.")
@click.option("--kind", type=click.Choice(["each", "live", "reply"]), default="each", show_default=True,
              help="Slack's message that shows the present state, or the outcome in its thread.")  # fmt: skip
@click.option("--fixture", type=click.Choice(list(FIXTURES)), default="typical", show_default=True,
              help="How much the event says.")  # fmt: skip
@click.option("--destination", default="", metavar="NAME", help="As this destination gets it; else as any would.")
@click.option("--profile", type=click.Choice(["classic", "rich"]), default="classic", show_default=True,
              help="Slack's blocks: those that every Slack shows, or the newer ones.")  # fmt: skip
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), default="preview", show_default=True,
              metavar="DIR", help="Where the files go.")  # fmt: skip
@click.option("--open", "show", is_flag=True, help="Open the first page in a browser.")
def preview(
    *, message: str | None, config: Path | None, templates: Path | None, event_file: str | None, operation: str | None,
    channel: str | None, language: str | None, timezone: str | None, show: bool, **options: Any,
) -> None:  # fmt: skip
    """Write MESSAGE, for instance operation.failed, or every message, as Slack and as mail: the Slack message as JSON
    and as a page, the mail as HTML, as text and as an .eml file. Nothing is sent.
    """
    workspace = read_workspace(config, templates)
    whose = Space(*(options.pop(name) for name in ("platform", "tenant", "project")))
    view = _view(workspace, language, timezone, options)
    real = event_file is not None or operation is not None  # told as relay would say it
    channels = [channel] if channel else [*CHANNELS]
    try:
        if event_file is not None:
            histories = _from_file(event_file)
        elif operation is not None:
            histories = _from_store(operation, whose, config or USUAL)
        else:
            histories = _from_samples(workspace, message, view.fixture)
        with contextlib.closing(IsolatedRenderer(workspace.directories, workspace.options(real=real))) as renderer:
            files = [
                file
                for name in histories
                for channel in channels
                for file in _write(renderer, channel, name, histories[name], view)
            ]
    except (RelayError, OSError) as error:
        refuse(error)
    for file in files:
        click.echo(str(file))
    pages = [file for file in files if file.suffix == ".html"]
    if show and pages:
        webbrowser.open(pages[0].absolute().as_uri())


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


def _write(
    renderer: IsolatedRenderer, channel: str, name: str, last: tuple[Event, tuple[Event, ...]], view: View
) -> Iterator[Path]:
    """The files of one message, written."""
    event, history = last
    kinds = kinds_of(channel, event)
    kind = view.kind if view.kind in kinds else kinds[0]
    content = renderer.render(
        channel, kind, event, history, language=view.language, timezone=view.timezone, now=event.occurred_at,
        destination=view.destination,
    )  # fmt: skip
    shown = (
        "" if kind in ("each", name) else kind,
        "" if view.fixture == "typical" else view.fixture,
        view.destination,
    )
    stem = ".".join(part for part in (name, *shown, view.language) if part)
    view.folder.mkdir(parents=True, exist_ok=True)
    make = DOCUMENTS.get(channel)
    documents = make(content, event, kind, view) if make else {f"{channel}.json": _json(content)}
    for ending, text in documents.items():
        file = view.folder / f"{stem}.{ending}"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        yield file


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _slack(content: dict[str, Any], event: Event, _kind: Kind, view: View) -> Documents:
    rich = content.get("rich") if view.profile == "rich" else None
    message = {"text": content["text"], "blocks": rich or content["blocks"]}
    return {
        "slack.json": _json(message),
        "slack.html": page_of([message], at=event.occurred_at.timestamp()),
    }


def _mail(content: dict[str, Any], event: Event, kind: Kind, view: View) -> Documents:
    notification = Notification(
        delivery="preview", destination=view.destination or "preview", address=READER, kind=kind, content=content,
        subject=event.subject, event=event.name, created_at=event.occurred_at, language=view.language,
        labels=labels_of(event),
    )  # fmt: skip
    return {"mail.html": content["html"], "mail.txt": content["text"], "eml": compose(notification, SENDER)}


DOCUMENTS: Mapping[str, Callable[[dict[str, Any], Event, Kind, View], Documents]] = {
    "slack": _slack,
    "email": _mail,
}  # of any other channel it is the content as JSON
