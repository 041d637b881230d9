"""A source with a format: its last bodies, and how one of them, or another one, is read."""

import asyncio
from collections.abc import Sequence

from pydantic import Field

from relay.console.context import Context
from relay.console.facts import Facts, Name, Question, Time, Unknown
from relay.console.views.dead import laid_out
from relay.console.views.quarantine import GONE
from relay.operating.accounts import Account, accounts
from relay.operating.acts import quarantined_named
from relay.receiving.reading import readers
from relay.store.bodies import Bodies, LastBody


class SourceQuestion(Question):
    """A source, and which body: of the last ones by its number, else the newest; or one in the quarantine."""

    name: Name
    body: int = Field(0, ge=0, le=10**15)
    quarantined: Name = ""


class BodyRow(Facts):
    """One of the last bodies: the event that it is, or `ignored` or `refused`; of several items that of each."""

    number: int
    at: Time
    outcomes: list[str]


class SourceFacts(Facts):
    """The last bodies, and the one that is shown: `number` of these, `quarantined`, or neither where it was pasted.

    `keeps`: whether bodies are kept now. `cases`: how many the format has. `cut`: the end of `body` is left out.
    `read`: how it is read, or each of its items; empty where no body is shown.
    """

    name: str
    format: str
    keeps: bool
    cases: int
    bodies: list[BodyRow]
    number: int = 0
    quarantined: str = ""
    at: Time = None
    size: int = 0
    body: str = ""
    cut: bool = False
    read: list[Account] = Field(default_factory=list)


async def source(context: Context, question: SourceQuestion) -> SourceFacts:
    if not question.quarantined:
        return await shown(context, question.name, number=question.body)
    entry = await quarantined_named(context.store.bodies, question.quarantined)
    if entry is None or entry.source != question.name:
        raise Unknown(f"{question.quarantined} {GONE}")
    body = LastBody(entry.at.timestamp(), entry.headers, entry.body)
    return await shown(context, question.name, body, quarantined=entry.id)


async def shown(
    context: Context, name: str, chosen: LastBody | None = None, *, number: int = 0, quarantined: str = ""
) -> SourceFacts:
    """Show this body, else the last one of this number, 0 for the newest."""
    reader = readers(context.config().sources).get(name)
    if reader is None or (form := reader.source.reader) is None:
        raise Unknown(f"there is no source {name} with a format that reads documents")
    bodies = await Bodies(context.store.plain).last(name)
    chosen = chosen or next((body for body in bodies if number in (0, body.number)), None)
    if number and chosen is None:
        raise Unknown(f"body {number} of {name} is not there any more: relay keeps the last ones for a week")

    def read(body: LastBody) -> Sequence[Account]:
        return accounts(reader, form, body.body, body.headers, body.at)

    def facts() -> SourceFacts:
        rows = [BodyRow.merged(body, outcomes=_outcomes(read(body))) for body in bodies]
        of_source = {"name": name, "format": reader.source.format, "keeps": reader.source.keeps_bodies}
        empty = SourceFacts(**of_source, cases=len(form.cases), bodies=rows)
        if chosen is None:
            return empty
        text, cut = laid_out(chosen.body)
        its = {"quarantined": quarantined, "size": len(chosen.body), "cut": cut, "read": read(chosen)}
        return SourceFacts.merged(empty, chosen, **its, body=text)

    return await asyncio.to_thread(facts)  # reading twenty bodies takes longer than events should wait


def _outcomes(read: Sequence[Account]) -> list[str]:
    return list(dict.fromkeys(one.event or ("ignored" if one.ignored else "refused") for one in read))
