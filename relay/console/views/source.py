"""A source with a format: its last bodies, and how one of them, or a pasted one, is read."""

import asyncio
import json
import re
from datetime import UTC, datetime

from pydantic import Field

from relay.console.context import Context
from relay.console.facts import N_, Facts, Name, Question, Time, Unknown
from relay.console.views.dead import laid_out
from relay.console.views.quarantine import GONE
from relay.formats.explaining import Line, Missed
from relay.formats.mapping import Format
from relay.operating.acts import quarantined_named
from relay.operating.reading import Account, account
from relay.receiving.reading import SourceReader, of_format, readers
from relay.store.last_bodies import LastBodies, LastBody

TOP = re.compile(r"""(?:^|\{|, )"?([\w-]+)""")  # the first step of each of a line's paths


class SourceQuestion(Question):
    """A source, and which body: of the last ones by its number, else the newest; or one in the quarantine."""

    name: Name
    body: int = Field(0, ge=0, le=10**15)
    quarantined: Name = ""


class BodyRow(Facts):
    """One of the last bodies: the event that it is, or `ignored` or `refused`."""

    number: int
    at: Time
    size: int
    outcome: str


class SourceFacts(Facts):
    """The body that is shown, if there is one: `number` of the last ones, `quarantined`, or pasted.

    `event`, `ignored` or `refused` says what it is to relay; `lines` are the fields of the case that holds, `missed`
    the cases before it, `unknown` fields with words that no row has. `document` is relay's own, as JSON.
    """

    name: str
    format: str
    keeps: bool
    bodies: list[BodyRow]
    shown: bool = False
    number: int = 0
    quarantined: str = ""
    at: Time = None
    size: int = 0
    body: str = ""
    cut: bool = False
    event: str = ""
    ignored: str = ""
    refused: str = ""
    case: int = 0
    cases: int = 0
    missed: list[Missed] = Field(default_factory=list)
    lines: list[Line] = Field(default_factory=list)
    unknown: list[tuple[str, str]] = Field(default_factory=list)
    document: str = ""

    @property
    def tops(self) -> set[str]:
        """Return the members at the top of the body that fields are read from."""
        return {step for line in self.lines for step in TOP.findall(line.path)}


async def source(context: Context, question: SourceQuestion) -> SourceFacts:
    reader, form = _reader(context, question.name)
    bodies = await LastBodies(context.store).of(question.name)
    if question.quarantined:
        entry = await quarantined_named(context.admin, question.quarantined)
        if entry is None or entry.source != question.name:
            raise Unknown(GONE, name=question.quarantined)
        chosen: LastBody | None = LastBody(entry.at.timestamp(), of_format(entry.headers), entry.body)
    else:
        chosen = next((body for body in bodies if question.body in (0, body.number)), None)
        if question.body and chosen is None:
            text = N_("body %(number)s of %(name)s is not there any more: relay keeps the last ones for a week")
            raise Unknown(text, number=f"{question.body}", name=question.name)
    return await asyncio.to_thread(_facts, reader, form, bodies, chosen, question.quarantined)


async def pasted(context: Context, name: str, document: str) -> SourceFacts:
    """Read a body that is kept nowhere."""
    reader, form = _reader(context, name)
    bodies = await LastBodies(context.store).of(name)
    return await asyncio.to_thread(_facts, reader, form, bodies, LastBody(context.clock(), {}, document.encode()))


def _reader(context: Context, name: str) -> tuple[SourceReader, Format]:
    reader = readers(context.config().sources).get(name)
    if reader is None or reader.source.reader is None:
        raise Unknown(N_("there is no source %(name)s with a format that reads documents"), name=name)
    return reader, reader.source.reader


def _facts(
    reader: SourceReader, form: Format, bodies: list[LastBody], chosen: LastBody | None, quarantined: str = ""
) -> SourceFacts:
    """In a thread: reading twenty bodies takes longer than events should wait."""
    read = {body.number: _account(reader, form, body) for body in bodies}
    rows = [
        BodyRow.merged(body, size=len(body.body), outcome=_outcome(read[body.number])) for body in bodies
    ]  # fmt: skip
    facts = {"name": reader.name, "format": reader.source.format, "keeps": reader.source.keeps_bodies, "bodies": rows}
    if chosen is None:
        return SourceFacts(**facts)
    whole = read.get(chosen.number) or _account(reader, form, chosen)
    body, cut = laid_out(chosen.body)
    document = json.dumps(whole.document, ensure_ascii=False, indent=2) if whole.document else ""
    return SourceFacts.merged(
        chosen, whole, **facts, shown=True, quarantined=quarantined, size=len(chosen.body), body=body, cut=cut,
        document=document,
    )  # fmt: skip


def _account(reader: SourceReader, form: Format, body: LastBody) -> Account:
    return account(reader, form, body.body, body.headers, datetime.fromtimestamp(body.at, UTC))


def _outcome(read: Account) -> str:
    return read.event or (N_("ignored") if read.ignored else N_("refused"))
