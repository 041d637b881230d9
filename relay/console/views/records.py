"""The audit trail, silences, addresses that are not written to, and the keys behind links and buttons."""

from collections.abc import Mapping
from datetime import datetime
from fnmatch import fnmatchcase

from pydantic import BaseModel, Field

from relay.console.context import Context, seconds_of
from relay.console.facts import N_, Facts, Filters, Name, Names, NoQuestion, Question, Time, Typed, When, existing
from relay.console.view import Column, Filter, Listing
from relay.domain.events import PRIORITIES
from relay.domain.silences import Silence, Then
from relay.operating.pauses import destination_names
from relay.store.audit import AuditEntry
from relay.store.audit_pages import audit_page
from relay.store.signing_keys import SigningKeys, name_of
from relay.store.silences import SilenceList
from relay.store.suppressions import Suppressed, Suppressions

LISTING = Listing(
    lead=N_("What people did to relay, here and by commands, buttons and links: each is written down before it is "
            "done."),
    columns=(
        Column("act", N_("What")),
        Column("actor", N_("Who")),
        Column("act_outcome", N_("Outcome")),
        Column("act_at", N_("When")),
    ),
    filters=(
        Filter("actor", N_("Who")),
        Filter("action", N_("What"), hint="dead"),
        Filter("since", N_("Since"), "time"),
    ),
    empty=N_("Nothing was done in this time that is written down here."),
    unmatched=N_("Nothing was done in this time that is written down here."),
)  # fmt: skip


class AuditQuestion(Filters):
    """By these actors, of this action: each may be any part of it, or have a `*`. `since` is `2h` (ago), or a time."""

    actor: Name = ""
    action: Name = ""
    since: When = ""
    cursor: Name = ""


class AuditFacts(Facts):
    """Newest first. An act's `outcome` is '' while it is under way, or if it was cut off."""

    rows: list[AuditEntry]
    cursor: str
    looked_to: Time


class SuppressedFacts(Facts):
    """Suppressed addresses by destination (`*`: all), oldest first; `detail` is the mail server's answer."""

    rows: list[Suppressed]


class RetiredKeyFacts(Facts):
    """A key by its name, from which nothing follows; when it was replaced, and until when it opens."""

    key: str
    replaced: datetime
    until: datetime


class KeysFacts(Facts):
    """`present` is what seals."""

    present: str
    retired: list[RetiredKeyFacts]


async def audit(context: Context, question: AuditQuestion) -> AuditFacts:
    def fits(entry: AuditEntry) -> bool:
        return _means(question.actor, entry.actor) and _means(question.action, entry.action)

    since = seconds_of(context, question.since) or 0.0
    return AuditFacts.merged(await existing(audit_page(context.audit, fits, since=since, cursor=question.cursor)))


async def suppressed(context: Context, _question: NoQuestion) -> SuppressedFacts:
    return SuppressedFacts(rows=[*await Suppressions(context.store).all()])


async def keys(context: Context, _question: NoQuestion) -> KeysFacts:
    signing, now = SigningKeys(context.store), await context.store.time()
    retired = [key for key in await signing.retired() if key.until.timestamp() > now]
    rows = [RetiredKeyFacts(key=key.name, replaced=key.at, until=key.until) for key in retired]
    return KeysFacts(present=name_of(await signing.current()), retired=rows)


def _means(pattern: str, text: str) -> bool:
    """A pattern without a `*` may be any part."""
    whole = pattern if "*" in pattern else f"*{pattern}*"
    return fnmatchcase(text.casefold(), whole.casefold().replace("[", "[[]"))


MOST_OVER = 100


class Silenced(BaseModel):
    """Matchers of a silence: all that are named must hold, any one word of each; or `everything`."""

    destination: Names = Field(default_factory=list)
    job: Names = Field(default_factory=list)
    type: Names = Field(default_factory=list)
    priority: Names = Field(default_factory=list)
    tenant: Names = Field(default_factory=list)
    project: Names = Field(default_factory=list)
    everything: bool = False


class SilencesQuestion(Silenced, Question):
    """Values for the form of a new one; several where a name stands several times, or by lines."""

    lasts: Typed = ""
    until: Typed = ""
    begins: Typed = ""
    then: Then = "summary"
    reason: Typed = ""


class SilenceFacts(Facts):
    """All `matchers` must match, one word of each; none: everything. `held`: messages that wait, if stored."""

    id: str
    state: str
    begins: Time
    ends: Time
    matchers: dict[str, list[str]]
    then: str
    author: str
    reason: str
    held: int | None


class SilencesFacts(Facts):
    """Silences that are not over, by their ends; `over` of the last 30 days, the newest first, at most 100."""

    active: list[SilenceFacts]
    pending: list[SilenceFacts]
    over: list[SilenceFacts]
    destinations: list[str] = Field(description="Names that one may be for.")
    priorities: list[str] = Field([*PRIORITIES])


async def silences(context: Context, _question: SilencesQuestion) -> SilencesFacts:
    now, stored = context.clock(), SilenceList(context.store)
    every = await stored.all()
    by_state = {state: [row for row in every if row.state(now) == state] for state in ("active", "pending", "expired")}
    held = await stored.held([row.id for row in by_state["active"]])
    over = sorted(by_state["expired"], key=lambda row: -row.ends)[:MOST_OVER]
    return SilencesFacts(
        active=[silence_facts(row, now, held) for row in by_state["active"]],
        pending=[silence_facts(row, now) for row in by_state["pending"]],
        over=[silence_facts(row, now) for row in over],
        destinations=destination_names(context.config()),
    )


def silence_facts(row: Silence, now: float, held: Mapping[str, int] | None = None) -> SilenceFacts:
    counted = (held or {}).get(row.id)
    return SilenceFacts.merged(row, state=row.state(now), begins=row.starts, matchers=row.matchers(), held=counted)
