"""The gallery of all that relay says: small facts of each message; its pictures are made when somebody sees them."""

from typing import Annotated

from pydantic import Field

from relay.authoring.drawing import Sample
from relay.authoring.studio import Choice, Studio
from relay.console.desk import TemplateDesk
from relay.console.questions import Name
from relay.console.view import Facts, Question
from relay.console.views.authors import FindingFacts, channel_of, channels_of, chosen, findings_in, renderer_of
from relay.errors import TemplateError
from relay.rendering.checks import kinds_of
from relay.rendering.template_files import parsed

MOST = 100  # findings


class TemplatesQuestion(Question):
    """`language` is that of the messages; as the destination reads them, where it is left out."""

    channel: Annotated[str, Field(max_length=100)] = ""
    language: Annotated[str, Field(max_length=20)] = ""
    destination: Name = ""


class MessageRow(Facts):
    """One message in one channel: `file` says it, and is one of the operator's `own` or comes with relay.

    `overridden`: the operator's file that has a part in it, such as a layout; '' if all of it comes with relay.
    """

    name: str
    channel: str
    kind: str
    file: str
    own: bool
    overridden: str
    findings: int


class OwnFile(Facts):
    """A file of the operator's. `message` is whom it serves, '' of what several messages share."""

    name: str
    message: str
    kind: str
    destination: str
    operation_type: str
    findings: int


class FailingFacts(Facts):
    """A file of the operator's that failed when a message was made with it: relay's own wording goes out instead."""

    file: str
    fault: str


class TemplatesFacts(Facts):
    """`directory` is the operator's own, '' without one; `fault` why its files cannot be used as they are now.

    `checking`: lint still looks, and `findings` are none yet. `failing` are of the messages that were sent.
    """

    directory: str
    fault: str
    language: str
    rows: list[MessageRow]
    own_files: list[OwnFile]
    checking: bool
    findings: list[FindingFacts]
    more_findings: int
    failing: list[FailingFacts]
    channels: list[str]
    languages: list[str]
    destinations: list[str]


async def templates(desk: TemplateDesk, question: TemplatesQuestion) -> TemplatesFacts:
    studio, fault = await desk.gallery.studio(), ""
    rows, language = list[MessageRow](), question.language
    try:
        choice = await chosen(studio, language=question.language, destination=question.destination)
        channel = channel_of(studio, question.channel, question.destination)
        language, rows = choice.view.language, _rows(studio, choice, [channel] if channel else channels_of(studio))
    except TemplateError as error:  # a sample is none
        fault = str(error)
    findings = findings_in(studio)
    return TemplatesFacts(
        directory=str(studio.workspace.own or ""),
        fault=studio.fault or fault,
        language=language,
        rows=rows,
        own_files=_own_files(studio),
        checking=studio.findings is None,
        findings=findings[:MOST],
        more_findings=max(0, len(findings) - MOST),
        failing=[FailingFacts(file=file, fault=why) for file, why in desk.faults.items()],
        channels=channels_of(studio),
        languages=[*studio.languages],
        destinations=[*studio.workspace.destinations],
    )


def _rows(studio: Studio, choice: Choice, channels: list[str]) -> list[MessageRow]:
    return [
        _row(studio, name, channel, last, choice.view.destination)
        for name, last in studio.messages().items()
        for channel in channels
    ]


def _row(studio: Studio, name: str, channel: str, last: Sample, destination: str) -> MessageRow:
    event, history = last
    kind = kinds_of(channel, event)[0]
    row = MessageRow(name=name, channel=channel, kind=kind, file="", own=False, overridden="", findings=0)
    renderer = renderer_of(studio)
    if renderer is None:
        return row
    try:
        file = renderer.file(channel, kind, event, destination, history)
        overridden = renderer.overriding_file(channel, kind, event, destination, history)
    except TemplateError:  # a channel of the operator's own that has no file for it
        return row
    own = file in renderer.library.own
    findings = _findings(studio, file) if own else 0
    return row.model_copy(update={"file": file, "own": own, "overridden": overridden, "findings": findings})


def _own_files(studio: Studio) -> list[OwnFile]:
    renderer = renderer_of(studio)
    return [_own_file(studio, name) for name in sorted(renderer.library.own if renderer else ())]


def _own_file(studio: Studio, name: str) -> OwnFile:
    _, _, file = name.partition("/")
    serves = parsed(file.removesuffix(".yaml")) if file.endswith(".yaml") else parsed("")
    return OwnFile(
        name=name,
        message=serves.message,
        kind=serves.kind,
        destination=serves.destination,
        operation_type=serves.operation_type,
        findings=_findings(studio, name),
    )


def _findings(studio: Studio, name: str) -> int:
    """Return the number of findings in this file of the operator's."""
    return len(findings_in(studio, [str(studio.workspace.own / name)])) if studio.workspace.own else 0
