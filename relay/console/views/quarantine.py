"""The quarantine: signed bodies that made no sense, and those that relay itself failed on."""

from typing import Literal

from pydantic import Field

from relay.console.context import Context, seconds_of
from relay.console.facts import N_, Facts, Filters, Name, Time, Unknown, When, existing
from relay.console.view import Column, Filter, Listing
from relay.console.views.dead import AllFacts, IdQuestion, laid_out
from relay.operating.acts import quarantined_named
from relay.store.quarantine_pages import QuarantinePages, QuarantineQuery, QuarantineRow

Kind = Literal["", "fault", "refused"]
KINDS = {"fault": N_("relay itself failed"), "refused": N_("refused")}

LISTING = Listing(
    lead=N_("Signed bodies that are no event, and those that relay itself failed on: the latter never leave by "
            "themselves."),
    columns=(
        Column("body", N_("Body")),
        Column("refused_why", N_("Why")),
        Column("size", N_("Bytes")),
        Column("came", N_("Came")),
    ),
    filters=(
        Filter("source", N_("Source"), "choice", "sources"),
        Filter("kind", N_("Kind"), "choice", "kinds"),
        Filter("since", N_("Since"), "time"),
    ),
    empty=N_("Nothing is in quarantine: every body that came was an event."),
    unmatched=N_("Nothing in the quarantine is meant by these filters."),
    bulk=True,
)  # fmt: skip


class QuarantineFilters(Filters):
    """`kind`: what relay itself failed on, or what it refused; `since` is `2h` (ago), or a time."""

    source: Name = ""
    kind: Kind = ""
    since: When = ""


class QuarantineQuestion(QuarantineFilters):
    """`cursor`: of the page before. `verb`: what shall be done with all of them."""

    cursor: Name = ""
    verb: str = Field("replay", pattern="^(replay|drop)$")


class QuarantineFacts(Facts):
    """Faults first, then the newest. `total` is how many there are, `matching` how many of them the filters mean."""

    total: int
    faults: int
    matching: int
    rows: list[QuarantineRow]
    cursor: str
    sources: list[str]
    kinds: dict[str, str] = Field(KINDS, exclude=True)


class QuarantinedFacts(Facts):
    """A quarantined body. `fault`: relay itself failed, where `reason` says. `cut`: the end of `body` is left out."""

    id: str
    source: str
    reason: str
    fault: bool
    at: Time
    size: int
    headers: dict[str, str]
    body: str
    cut: bool


def query_of(context: Context, filters: QuarantineFilters, until: float | None = None) -> QuarantineQuery:
    fault = None if not filters.kind else filters.kind == "fault"
    return QuarantineQuery(filters.source, fault, seconds_of(context, filters.since), until)


async def quarantine(context: Context, question: QuarantineQuestion) -> QuarantineFacts:
    page = await existing(QuarantinePages(context.store).page(query_of(context, question), cursor=question.cursor))
    total, faults = await context.admin.quarantine_size(), await context.admin.faults()
    return QuarantineFacts.merged(page, total=total, faults=faults, sources=sorted(context.config().sources))


async def every(context: Context, question: QuarantineQuestion) -> AllFacts:
    before = context.clock()
    query = query_of(context, question, before)
    page = await QuarantinePages(context.store).page(query, limit=1)
    return AllFacts.merged(since=query.since, count=page.matching, before=before)


async def quarantined(context: Context, question: IdQuestion) -> QuarantinedFacts:
    entry = await quarantined_named(context.admin, question.id)
    if entry is None:
        text = N_("%(name)s is not in the quarantine: it was replayed or dropped, or never was there")
        raise Unknown(text, name=question.id)
    body, cut = laid_out(entry.body)
    return QuarantinedFacts.merged(entry, size=len(entry.body), body=body, cut=cut)
