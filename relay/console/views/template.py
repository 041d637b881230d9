"""The author's page of one message: as Slack and as a mail show it, with its variables, its files and what lint finds.

Nothing can be changed from here: templates are code, and their place is the operator's directory.
"""

import asyncio
from html import escape
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from relay.authoring.drawing import OF_STATUS, Drawing
from relay.authoring.framing import in_scheme
from relay.authoring.sources import places_for, sources_of
from relay.authoring.studio import Choice, Studio
from relay.console.desk import Desk
from relay.console.framed import Frame, scripted_frame
from relay.console.questions import Name
from relay.console.view import Facts, Question, Unknown
from relay.console.views.authors import FindingFacts, channel_of, channels_of, chosen, findings_in, renderer_of
from relay.console.views.variables import VariableGroup, groups_of
from relay.errors import TemplateError
from relay.policy.destinations import known_zone
from relay.policy.presentation import mentions_for
from relay.rendering.checks import kinds_of
from relay.rendering.fixtures import FIXTURES

MOST = 200_000  # characters of what is shown
FORMS = ("each", "live", "reply", "also", "healed")

Fixture = Literal["minimal", "typical", "maximal", "hostile", "empty"]
Kind = Literal["each", "live", "reply", "also", "healed"]


def _zone(name: str) -> str:
    return known_zone(name) if name else ""


class TemplateQuestion(Question):
    """`name` is the message's; `fixture` how much its sample says, `kind` its form in Slack. What is left out is as the
    destination reads it, or as relay's readers do. `source` names a file to show besides, and
    `group` the variables whose values its page shows.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    channel: Annotated[str, Field(max_length=100)] = ""
    language: Annotated[str, Field(max_length=20)] = ""
    destination: Name = ""
    fixture: Fixture = "typical"
    kind: Kind = "each"
    zone: Annotated[str, Field(max_length=100), AfterValidator(_zone)] = ""
    scheme: Literal["", "light", "dark"] = ""
    source: Annotated[str, Field(max_length=300)] = ""
    group: Annotated[str, Field(max_length=200)] = ""


class DrawnFacts(Facts):
    """One message in one channel. `subject`, `preheader` and `html` are a mail's, `sent` is what Slack is sent (JSON).

    fault      why it cannot be made, with file and line where these are known; '' if it can
    file       that says it, `own` if it is one of the operator's
    places     the files in the operator's directory that would change it
    mentions   whom the destination's Slack message calls
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


class TemplateFacts(Facts):
    """`labels` are what filters of mails may ask for; `checking`: lint still looks, and `findings` are none yet."""

    name: str
    directory: str
    language: str
    zone: str
    drawn: list[DrawnFacts]
    labels: dict[str, str]
    variables: list[VariableGroup]
    files: list[TemplateFile]
    checking: bool
    findings: list[FindingFacts]
    messages: list[str]
    channels: list[str]
    languages: list[str]
    destinations: list[str]
    fixtures: list[str]
    kinds: list[str]


async def template(desk: Desk, question: TemplateQuestion) -> TemplateFacts:
    studio, choice, channel = await _chosen(desk, question)
    event, _ = studio.told(choice)
    drawn, files = list[DrawnFacts](), dict[str, TemplateFile]()
    for name in [channel] if channel else channels_of(studio):
        drawing = await desk.gallery.drawing(studio, name, choice)
        parts = _files(studio, name, choice, drawing, question.source)
        drawn.append(_drawn(desk, studio, choice, (name, drawing), next(iter(parts), None)))
        files |= {part.name: part for part in parts}
    return TemplateFacts(
        name=choice.message,
        directory=str(studio.workspace.own or ""),
        language=choice.language,
        zone=choice.view.timezone,
        drawn=drawn,
        labels=event.labels,
        variables=await asyncio.to_thread(groups_of, studio, choice),
        files=list(files.values()),
        checking=studio.findings is None,
        findings=findings_in(studio, [part.path for part in files.values()]),
        messages=[*studio.messages(question.fixture)],
        channels=channels_of(studio),
        languages=[*studio.languages],
        destinations=[*desk.config().destinations],
        fixtures=[*FIXTURES],
        kinds=[*FORMS],
    )


async def html(desk: Desk, question: TemplateQuestion) -> Frame:
    """What a frame shows: Slack's page, drawn by its own script alone, or the mail, which can do nothing."""
    studio, choice, channel = await _chosen(desk, question)
    channel = channel or channels_of(studio)[0]
    drawing = await desk.gallery.drawing(studio, channel, choice)
    if isinstance(drawing, str):
        return Frame(f"<!doctype html><pre>{escape(drawing)}</pre>")
    document = str(drawing.preview.documents[drawing.page])
    if question.scheme:
        document = in_scheme(document, question.scheme)
    return scripted_frame(document) if drawing.preview.scripted else Frame(document)


async def _chosen(desk: Desk, question: TemplateQuestion) -> tuple[Studio, Choice, str]:
    studio = await desk.gallery.studio()
    channel = channel_of(desk, studio, question.channel, "")
    try:
        choice = await chosen(
            desk, studio, message=question.name, language=question.language, destination=question.destination,
            fixture=question.fixture, kind=question.kind, timezone=question.zone,
            profile=next((its.profile for its in desk.config().channels.values() if hasattr(its, "profile")), ""),
        )  # fmt: skip
    except TemplateError as error:  # a sample is none
        raise Unknown(str(error)) from None
    return studio, choice, channel or channel_of(desk, studio, "", question.destination)


def _drawn(
    desk: Desk, studio: Studio, choice: Choice, drawn: tuple[str, Drawing | str], file: TemplateFile | None
) -> DrawnFacts:
    (channel, drawing), last = drawn, studio.told(choice)
    content = {} if isinstance(drawing, str) else drawing.content
    kind = _kind(channel, choice, studio) if isinstance(drawing, str) else drawing.kind
    its = desk.config().destinations.get(choice.view.destination)
    return DrawnFacts(
        channel=channel,
        kind=kind,
        fault=drawing if isinstance(drawing, str) else "",
        file=file.name if file else "",
        own=bool(file and file.own),
        places=places_for(channel, kind, last, choice.view),
        mentions=[*mentions_for(*last, its.mention)] if its and getattr(desk.kinds.get(channel), "calls", True) else [],
        subject=_text(content.get("subject")),
        preheader=_text(content.get("preheader")),
        text=_text(content.get("text")),
        html=_text(content.get("html")),
        sent=str(drawing.preview.documents.get(f"{channel}.json", ""))[:MOST] if isinstance(drawing, Drawing) else "",
    )


def _kind(channel: str, choice: Choice, studio: Studio) -> Kind:
    """The form that would be drawn."""
    event, _ = studio.told(choice)
    kinds = kinds_of(channel, event)
    fits = event.status in OF_STATUS.get(choice.view.kind, ())
    return choice.view.kind if choice.view.kind in kinds or fits else kinds[0]  # type: ignore[return-value]


def _files(studio: Studio, channel: str, choice: Choice, drawing: Drawing | str, source: str) -> list[TemplateFile]:
    renderer = renderer_of(studio)
    if renderer is None:
        return []
    kind = _kind(channel, choice, studio) if isinstance(drawing, str) else drawing.kind
    try:
        parts = [*sources_of(renderer, channel, kind, studio.told(choice), choice.view)]
    except TemplateError:  # there is none for it, as the drawing says
        return []
    return [
        TemplateFile(
            name=part.name,
            path=str(part.path),
            own=part.own,
            text=part.text[:MOST] if number == 0 or part.name == source else "",
        )
        for number, part in enumerate(parts)
    ]


def _text(value: object) -> str:
    return value[:MOST] if isinstance(value, str) else ""
