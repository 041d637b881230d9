"""The quarantine: signed bodies that made no sense, and those that relay itself failed on."""

from typing import Literal

from relay.console.context import Context, seconds_of
from relay.console.facts import BulkQuestion, Facts, Filters, Name, Time, Unknown, When, existing
from relay.console.views.dead import AllFacts, IdQuestion, laid_out
from relay.operating.acts import quarantined_named
from relay.store.bodies import QuarantineQuery, QuarantineRow

Kind = Literal["", "fault", "refused"]
GONE = "is not in the quarantine: it was replayed or dropped, or never was there"


class QuarantineFilters(Filters):
    """`kind`: what relay itself failed on, or what it refused; `since` is `2h` (ago), or a time."""

    source: Name = ""
    kind: Kind = ""
    since: When = ""


class QuarantineQuestion(QuarantineFilters, BulkQuestion):
    """Quarantined bodies."""


class QuarantineFacts(Facts):
    """Faults first, then the newest. `total` is how many there are, `matching` how many of them the filters mean."""

    total: int
    faults: int
    matching: int
    rows: list[QuarantineRow]
    cursor: str
    sources: list[str]


class QuarantinedFacts(Facts):
    """A quarantined body. `fault`: relay itself failed, where `reason` says.

    `cut`: the end of `body` is left out. `format`: what reads it, if its source has one.
    """

    id: str
    source: str
    reason: str
    fault: bool
    at: Time
    size: int
    headers: dict[str, str]
    body: str
    cut: bool
    format: str


def query_of(context: Context, filters: QuarantineFilters, until: float | None = None) -> QuarantineQuery:
    fault = None if not filters.kind else filters.kind == "fault"
    return QuarantineQuery(filters.source, fault, seconds_of(context, filters.since), until)


async def quarantine(context: Context, question: QuarantineQuestion) -> QuarantineFacts:
    page = await existing(context.store.bodies.page(query_of(context, question), cursor=question.cursor))
    total, faults = await context.store.bodies.size(), await context.store.bodies.faults()
    return QuarantineFacts.merged(page, total=total, faults=faults, sources=sorted(context.config().sources))


async def every(context: Context, question: QuarantineQuestion) -> AllFacts:
    before = context.clock()
    query = query_of(context, question, before)
    page = await context.store.bodies.page(query, limit=1)
    return AllFacts.merged(since=query.since, count=page.matching, before=before)


async def quarantined(context: Context, question: IdQuestion) -> QuarantinedFacts:
    entry = await quarantined_named(context.store.bodies, question.id)
    if entry is None:
        raise Unknown(f"{question.id} {GONE}")
    body, cut = laid_out(entry.body)
    source = context.config().sources.get(entry.source)
    return QuarantinedFacts.merged(
        entry, size=len(entry.body), body=body, cut=cut, format=source.format if source and source.reader else ""
    )
