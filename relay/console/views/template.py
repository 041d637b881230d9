"""A message for its author: as Slack and mail show it, with its variables, files and lint findings. Read-only."""

import asyncio
from html import escape
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from relay.authoring.drawing import FORMS, Drawing, in_scheme, kind_of
from relay.authoring.lint import Finding
from relay.authoring.studio import Choice, Studio, places_for, sources_of
from relay.authoring.variables import DEPTH, paths, shown, type_of
from relay.channels import CHANNELS
from relay.console.context import Context
from relay.console.facts import Facts, Name, Question
from relay.console.view import Frame, scripted_frame
from relay.console.views.messages import MOST, text_of
from relay.console.views.templates import channel_of, channels_of, chosen, findings_in
from relay.errors import TemplateError
from relay.policy.presentation import mentions_for
from relay.policy.schedules import known_zone
from relay.rendering.samples import FIXTURES

Fixture = Literal["minimal", "typical", "maximal", "hostile", "empty"]
Kind = Literal["each", "live", "reply", "also", "healed"]


class TemplateQuestion(Question):
    """`name` of the message, `fixture` of its sample, `kind` of its Slack form; `source`: a file to show."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    channel: Annotated[str, Field(max_length=100)] = ""
    language: Annotated[str, Field(max_length=20)] = ""
    destination: Name = ""
    fixture: Fixture = "typical"
    kind: Kind = "each"
    zone: Annotated[str, Field(max_length=100), AfterValidator(lambda name: name and known_zone(name))] = ""
    scheme: Literal["", "light", "dark"] = ""
    source: Annotated[str, Field(max_length=300)] = ""


class DrawnFacts(Facts):
    """One message in one channel. `subject`, `preheader` and `html` of a mail, `sent` to Slack (JSON).

    fault     why it cannot be made, with file and line if known
    file      with its wording; `own` if it is the operator's
    places    files in the operator's directory that would change it
    """

    channel: str
    kind: str
    fault: str
    file: str
    own: bool
    places: list[str]
    mentions: list[str]
    subject: str
    preheader: str
    text: str
    html: str
    sent: str


class TemplateFile(Facts):
    """A file that has a part in the message. `text` is there of the message's own file, and of the one asked for."""

    name: str
    path: str
    own: bool
    text: str


class VariableFacts(Facts):
    """`optional`: an event may leave it out, and it is empty then. `value` is what it has here, as text."""

    group: str
    path: str
    type: str
    optional: bool
    value: str


class TemplateFacts(Facts):
    """`labels` are what filters of mails may ask for; `checking`: lint still looks, and `findings` are none yet."""

    name: str
    directory: str
    language: str
    zone: str
    drawn: list[DrawnFacts]
    labels: dict[str, str]
    variables: list[VariableFacts]
    files: list[TemplateFile]
    checking: bool
    findings: list[Finding]
    messages: list[str]
    channels: list[str]
    languages: list[str]
    destinations: list[str]
    fixtures: list[str]
    kinds: list[str]


async def template(context: Context, question: TemplateQuestion) -> TemplateFacts:
    studio, choice, channel = await _chosen(context, question)
    event, _ = studio.sample(choice)
    drawn, files = list[DrawnFacts](), dict[str, TemplateFile]()
    for name in [channel] if channel else channels_of(studio):
        drawing = await context.gallery.drawing(studio, name, choice)
        parts = _files(studio, name, choice, question.source)
        drawn.append(_drawn(studio, choice, (name, drawing), next(iter(parts), None)))
        files |= {part.name: part for part in parts}
    return TemplateFacts(
        name=choice.message,
        directory=str(studio.workspace.own or ""),
        language=choice.view.language,
        zone=choice.view.timezone,
        drawn=drawn,
        labels=event.labels,
        variables=await asyncio.to_thread(_variables, studio, choice),
        files=list(files.values()),
        checking=studio.findings is None,
        findings=findings_in(studio, [part.path for part in files.values()]),
        messages=[*studio.messages(question.fixture)],
        channels=channels_of(studio),
        languages=[*studio.languages],
        destinations=[*studio.workspace.destinations],
        fixtures=[*FIXTURES],
        kinds=[*FORMS],
    )


async def html(context: Context, question: TemplateQuestion) -> Frame:
    """Return what a frame shows: Slack's page, drawn by its own script alone, or the mail, which can do nothing."""
    studio, choice, channel = await _chosen(context, question)
    channel = channel or channels_of(studio)[0]
    drawing = await context.gallery.drawing(studio, channel, choice)
    if isinstance(drawing, str):
        return Frame(f"<!doctype html><pre>{escape(drawing)}</pre>")
    document = str(drawing.preview.documents[drawing.page])
    if question.scheme:
        document = in_scheme(document, question.scheme)
    return scripted_frame(document) if drawing.preview.scripted else Frame(document)


async def _chosen(context: Context, question: TemplateQuestion) -> tuple[Studio, Choice, str]:
    studio = await context.gallery.studio()
    channel = channel_of(studio, question.channel, "")
    choice = await chosen(
        studio, question.name, fixture=question.fixture, language=question.language,
        destination=question.destination, kind=question.kind, zone=question.zone,
    )  # fmt: skip
    return studio, choice, channel or channel_of(studio, "", question.destination)


def _drawn(studio: Studio, choice: Choice, drawn: tuple[str, Drawing | str], file: TemplateFile | None) -> DrawnFacts:
    (channel, drawing), last = drawn, studio.sample(choice)
    content = {} if isinstance(drawing, str) else drawing.content
    kind = kind_of(channel, last[0], choice.view.kind)
    its = studio.workspace.destinations.get(choice.view.destination)
    return DrawnFacts(
        channel=channel,
        kind=kind,
        fault=drawing if isinstance(drawing, str) else "",
        file=file.name if file else "",
        own=bool(file and file.own),
        places=places_for(channel, kind, last, choice.view),
        mentions=[*mentions_for(*last, its.mention)] if its and getattr(CHANNELS.get(channel), "calls", True) else [],
        subject=text_of(content.get("subject")),
        preheader=text_of(content.get("preheader")),
        text=text_of(content.get("text")),
        html=text_of(content.get("html")),
        sent=str(drawing.preview.documents.get(f"{channel}.json", ""))[:MOST] if isinstance(drawing, Drawing) else "",
    )


def _files(studio: Studio, channel: str, choice: Choice, source: str) -> list[TemplateFile]:
    renderer = studio.renderer
    if renderer is None:
        return []
    last = studio.sample(choice)
    try:
        parts = [*sources_of(renderer, channel, kind_of(channel, last[0], choice.view.kind), last, choice.view)]
    except TemplateError:  # there is none for it, as the drawing says
        return []
    return [
        TemplateFile(
            name=name,
            path=str(path),
            own=name in renderer.library.own,
            text=renderer.library.source(name)[0][:MOST] if number == 0 or name == source else "",
        )
        for number, (name, path) in enumerate(parts)
    ]


def _variables(studio: Studio, choice: Choice) -> list[VariableFacts]:
    """Return all variables that always exist, and those of this event; none if the files have a fault."""
    if studio.renderer is None:
        return []
    here = dict(paths(studio.values(choice), "", DEPTH))
    listed = {variable.path: variable for variable in studio.variables()}
    rows = []
    for path in sorted({*here, *listed}):
        variable, value = listed.get(path), here.get(path)
        type_, optional = (variable.type, variable.optional) if variable else (type_of(value), True)
        group = path.partition(".")[0].removesuffix("[]")
        rows.append(VariableFacts(group=group, path=path, type=type_, optional=optional, value=shown(value)))
    return rows
