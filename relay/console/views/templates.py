"""Messages for their authors: the files of each, how it looks for a sample, and lint's findings. Read-only."""

import asyncio
import json
from collections.abc import Iterable
from hashlib import blake2b
from html import escape
from typing import Annotated, Literal

from pydantic import Field

from relay.authoring.drawing import FORMS, Drawing, Sample, kind_of
from relay.authoring.lint import Finding
from relay.authoring.studio import Choice, Studio, sources_of
from relay.channels import TEMPLATES, templates_of
from relay.console.context import Context
from relay.console.facts import N_, Facts, Name, NoQuestion, Question, Unknown
from relay.console.view import Frame, scripted_frame
from relay.console.views.messages import MOST, text_of
from relay.errors import TemplateError
from relay.rendering.checks import kinds_of
from relay.rendering.samples import FIXTURES

MOST_FINDINGS = 100


class MessageRow(Facts):
    """A message in a channel: its `file`, `own` if the operator's; `overridden`: the operator's file with a part."""

    name: str
    channel: str
    file: str = ""
    own: bool = False
    overridden: str = ""


class TemplatesFacts(Facts):
    """The operator's `directory` and its `fault`; `failing`: files that failed in a message, with why.

    checking  lint is still running; `more_findings` are left out
    """

    directory: str
    fault: str
    rows: list[MessageRow]
    failing: dict[str, str]
    checking: bool
    findings: list[Finding]
    more_findings: int


async def templates(context: Context, _question: NoQuestion) -> TemplatesFacts:
    studio, fault, rows = await context.gallery.studio(), "", list[MessageRow]()
    try:
        messages = await asyncio.to_thread(studio.messages)
        rows = [_row(studio, name, channel, last) for name, last in messages.items() for channel in _channels(studio)]
    except TemplateError as error:  # a sample is none
        fault = str(error)
    findings = studio.findings or []
    return TemplatesFacts(
        directory=str(studio.workspace.own or ""),
        fault=studio.fault or fault,
        rows=rows,
        failing=dict(context.faults),
        checking=studio.findings is None,
        findings=findings[:MOST_FINDINGS],
        more_findings=max(0, len(findings) - MOST_FINDINGS),
    )


def _row(studio: Studio, name: str, channel: str, last: Sample) -> MessageRow:
    event, history = last
    kind, renderer = kinds_of(channel, event)[0], studio.renderer
    if renderer is None:
        return MessageRow(name=name, channel=channel)
    try:
        file = renderer.file(channel, kind, event, "", history)
        overridden = renderer.overriding_file(channel, kind, event, "", history)
    except TemplateError:  # a channel of the operator's own that has no file for it
        return MessageRow(name=name, channel=channel)
    return MessageRow(name=name, channel=channel, file=file, own=file in renderer.library.own, overridden=overridden)


class TemplateQuestion(Question):
    """`name` of the message, `fixture` of its sample, `kind` of its Slack form."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    channel: Annotated[str, Field(max_length=100)] = ""
    language: Annotated[str, Field(max_length=20)] = ""
    destination: Name = ""
    fixture: Literal["minimal", "typical", "maximal", "hostile", "empty"] = "typical"
    kind: Literal["each", "live", "reply", "also", "healed"] = "each"


class DrawnFacts(Facts):
    """One message in one channel. `subject`, `preheader` and `html` of a mail, `sent` to Slack (JSON).

    fault  why it cannot be made, with file and line if known
    file   with its wording; `own` if it is the operator's
    version  of all that is shown
    """

    channel: str
    version: str
    fault: str
    file: str
    own: bool
    subject: str
    preheader: str
    text: str
    html: str
    sent: str


class TemplateFile(Facts):
    """A file that has a part in the message."""

    name: str
    path: str
    own: bool
    text: str


class TemplateFacts(Facts):
    """`checking`: lint is still running. The last six are what the question may name."""

    name: str
    directory: str
    drawn: list[DrawnFacts]
    files: list[TemplateFile]
    checking: bool
    findings: list[Finding]
    messages: list[str]
    channels: list[str]
    languages: list[str]
    destinations: list[str]
    fixtures: list[str] = Field([*FIXTURES])
    kinds: list[str] = Field([*FORMS])


async def template(context: Context, question: TemplateQuestion) -> TemplateFacts:
    studio, choice, channels = await _chosen(context, question)
    drawn, files = list[DrawnFacts](), dict[str, TemplateFile]()
    for channel in channels:
        parts = _files(studio, channel, choice)
        drawn.append(_drawn(channel, await context.gallery.drawing(studio, channel, choice), parts))
        files |= {part.name: part for part in parts}
    paths = {part.path for part in files.values()}
    return TemplateFacts(
        name=choice.message,
        directory=str(studio.workspace.own or ""),
        drawn=drawn,
        files=list(files.values()),
        checking=studio.findings is None,
        findings=[row for row in studio.findings or () if row.file in paths],
        messages=[*studio.messages(question.fixture)],
        channels=_channels(studio),
        languages=[*studio.languages],
        destinations=[*studio.workspace.destinations],
    )


async def html(context: Context, question: TemplateQuestion) -> Frame:
    """Return what a frame shows: Slack's page, drawn by its own script alone, or the mail, which can do nothing."""
    studio, choice, channels = await _chosen(context, question)
    drawing = await context.gallery.drawing(studio, channels[0], choice)
    if isinstance(drawing, str):
        return Frame(f"<!doctype html><pre>{escape(drawing)}</pre>")
    document = str(drawing.preview.documents[drawing.page])
    return scripted_frame(document) if drawing.preview.scripted else Frame(document)


async def _chosen(context: Context, question: TemplateQuestion) -> tuple[Studio, Choice, list[str]]:
    """Return also the channels to show. Unknown for a name that does not exist."""
    studio = await context.gallery.studio()
    messages = await asyncio.to_thread(studio.messages, question.fixture)
    _check(N_("relay has no message %(name)s."), question.name, messages)
    _check(N_("There are no messages for %(name)s."), question.channel, _channels(studio))
    _check(N_("There are no messages in %(name)s."), question.language, studio.languages)
    _check(N_("There is no destination %(name)s."), question.destination, studio.workspace.destinations)
    choice = studio.choice(
        question.name, fixture=question.fixture, language=question.language, destination=question.destination,
        kind=question.kind,
    )  # fmt: skip
    reader = studio.workspace.destinations.get(question.destination)
    channel = question.channel or (templates_of(reader.channel) if reader else "")
    return studio, choice, [channel] if channel else _channels(studio)


def _check(text: str, name: str, names: Iterable[str]) -> None:
    if name and name not in names:
        raise Unknown(text, name=name)


def _channels(studio: Studio) -> list[str]:
    """Return the channels of relay, then others that there are templates for."""
    renderer = studio.renderer
    return list(dict.fromkeys([*TEMPLATES, *(renderer.library.channels if renderer else ())]))


def _drawn(channel: str, drawing: Drawing | str, files: list[TemplateFile]) -> DrawnFacts:
    content = {} if isinstance(drawing, str) else drawing.content
    shown = json.dumps(content, default=str).encode()
    return DrawnFacts.merged(
        channel=channel,
        version=blake2b(shown, digest_size=6).hexdigest(),
        fault=drawing if isinstance(drawing, str) else "",
        file=files[0].name if files else "",
        own=bool(files and files[0].own),
        **{key: text_of(content.get(key)) for key in ("subject", "preheader", "text", "html")},
        sent=str(drawing.preview.documents.get(f"{channel}.json", ""))[:MOST] if isinstance(drawing, Drawing) else "",
    )


def _files(studio: Studio, channel: str, choice: Choice) -> list[TemplateFile]:
    """Return the message's own file first."""
    renderer, last = studio.renderer, studio.sample(choice)
    if renderer is None:
        return []
    try:
        parts = [*sources_of(renderer, channel, kind_of(channel, last[0], choice.view.kind), last, choice.view)]
    except TemplateError:  # there is none for it, as the drawing says
        return []
    return [
        TemplateFile(
            name=name, path=str(path), own=name in renderer.library.own, text=renderer.library.source(name)[0][:MOST]
        )
        for name, path in parts
    ]
