"""The gallery of all that relay says: small facts of each message; its pictures are made when somebody sees them."""

import asyncio
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated

from pydantic import Field

from relay.authoring.drawing import Sample
from relay.authoring.lint import Finding
from relay.authoring.studio import Choice, Studio
from relay.channels import CHANNELS
from relay.console.context import Context
from relay.console.facts import N_, Facts, Name, Near, Question, Unknown, phrase
from relay.errors import TemplateError
from relay.rendering.checks import kinds_of

MOST = 100  # findings
MOST_NEAR = 5


class TemplatesQuestion(Question):
    """`language` is that of the messages; as the destination reads them, where it is left out."""

    channel: Annotated[str, Field(max_length=100)] = ""
    language: Annotated[str, Field(max_length=20)] = ""
    destination: Name = ""


class MessageRow(Facts):
    """A message in a channel: its `file`, `own` if the operator's; `overridden`: the operator's file of a part."""

    name: str
    channel: str
    kind: str
    file: str = ""
    own: bool = False
    overridden: str = ""
    findings: int = 0


class FailingFacts(Facts):
    """A file of the operator's that failed when a message was made with it: relay's own wording goes out instead."""

    file: str
    fault: str


class TemplatesFacts(Facts):
    """The operator's `directory` and its `fault`; `checking`: lint is running. `failing` templates of sent messages."""

    directory: str
    fault: str
    language: str
    rows: list[MessageRow]
    checking: bool
    findings: list[Finding]
    more_findings: int
    failing: list[FailingFacts]
    channels: list[str]
    languages: list[str]
    destinations: list[str]


async def templates(context: Context, question: TemplatesQuestion) -> TemplatesFacts:
    studio, fault = await context.gallery.studio(), ""
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
        checking=studio.findings is None,
        findings=findings[:MOST],
        more_findings=max(0, len(findings) - MOST),
        failing=[FailingFacts(file=file, fault=why) for file, why in context.faults.items()],
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
    kind, renderer = kinds_of(channel, event)[0], studio.renderer
    if renderer is None:
        return MessageRow(name=name, channel=channel, kind=kind)
    try:
        file = renderer.file(channel, kind, event, destination, history)
        overridden = renderer.overriding_file(channel, kind, event, destination, history)
    except TemplateError:  # a channel of the operator's own that has no file for it
        return MessageRow(name=name, channel=channel, kind=kind)
    own = file in renderer.library.own
    findings = _count(studio, file) if own else 0
    return MessageRow(
        name=name, channel=channel, kind=kind, file=file, own=own, overridden=overridden, findings=findings
    )


def _count(studio: Studio, name: str) -> int:
    """Return the number of findings in this file of the operator's."""
    return len(findings_in(studio, [str(studio.workspace.own / name)])) if studio.workspace.own else 0


def findings_in(studio: Studio, files: Iterable[str] | None = None) -> list[Finding]:
    """Return the findings in these files, or all."""
    some = None if files is None else set(files)
    return [row for row in studio.findings or () if some is None or row.file in some]


def channels_of(studio: Studio) -> list[str]:
    """Return the channels of relay, then others that there are templates for."""
    renderer = studio.renderer
    return list(dict.fromkeys([*CHANNELS, *(renderer.library.channels if renderer else ())]))


async def chosen(studio: Studio, name: str = "", *, fixture: str = "typical", **query: str) -> Choice:
    """Return what an address asks for. Unknown where it names what does not exist."""
    messages = await asyncio.to_thread(studio.messages, fixture)
    _check(N_("There is no destination %(name)s."), query.get("destination", ""), studio.workspace.destinations)
    _check(N_("There are no messages in %(name)s."), query.get("language", ""), studio.languages, "templates?language")
    _check(N_("relay has no message %(name)s."), name, messages, "template?name")
    return studio.choice(name or next(iter(messages)), fixture=fixture, **query)


def channel_of(studio: Studio, channel: str, destination: str) -> str:
    """Return the one that is asked for, else that of the destination; '' for all."""
    _check(N_("There are no messages for %(name)s."), channel, channels_of(studio), "templates?channel")
    return channel or (studio.workspace.destinations[destination].channel if destination else "")


def _check(text: str, name: str, names: Iterable[str], page: str = "templates?destination") -> None:
    """Raise Unknown, with what is near, unless there is one of this name."""
    names = [*names]
    if name and name not in names:
        near = get_close_matches(name, names, MOST_NEAR, 0.4) or names[:MOST_NEAR]
        links = [Near(page=f"/console/{page}={other}", text=phrase("%(name)s", name=other)) for other in near]
        raise Unknown(text, near=links, name=name)
