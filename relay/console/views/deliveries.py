"""Deliveries: those that ended, newest first, and those that wait."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

from pydantic import Field

from relay.console.context import Context, seconds_of
from relay.console.facts import N_, Facts, Filters, Name, OfOperation, Time, When, existing, why
from relay.console.view import Column, Filter, Listing
from relay.domain.facts import Space
from relay.operating.timeline import facts_of
from relay.reasons import Waiting as Reasons
from relay.store import keys
from relay.store.history import History
from relay.store.history_rows import OUTCOMES, Ended
from relay.store.lanes import Lanes, Place
from relay.store.waiting import Waiting, WaitingRow

ADDRESS = re.compile(r"https://[\w.-]+(:\d+)?/[\w./?=&%#~+:@-]*", re.ASCII)
REMOVED = "removed:"  # how the scope begins of what the newest configuration does not have
STATES = {
    "delivered": N_("delivered"), "dead": N_("dead"), "superseded": N_("superseded"), "dropped": N_("dropped"),
    "held": N_("held"), "waiting": N_("waiting"), "due": N_("due"), "leased": N_("being sent"),
    "retrying": N_("tried again"), "parked": N_("paused"), "later": N_("later"), "behind": N_("behind another"),
}  # fmt: skip


class DeliveryFacts(OfOperation):
    """One delivery; `operation` is '' for a digest.

    state   its end, or what it waits for: due, leased (being sent), retrying, parked, later, behind
    reason  code of why it was not sent, or is paused; `why` as a sentence, `pause` the scope, `paused` the start
    answer  of the other side; a permalink is in `link`
    at      its end, or when it is due; `took`: seconds until its end
    edits   of a live message; `copied`: name of its copy (`/message`)
    behind  others of its operation that wait for it; `entries` of a digest so far
    """

    id: str
    state: str
    destination: str
    channel: str
    address: str
    kind: str
    event: str
    reason: str = ""
    why: str = ""
    answer: str = ""
    link: str = ""
    pause: str = ""
    paused: Time = None
    attempts: int
    created: Time
    at: Time
    took: float | None = None
    edits: int = 0
    edited: Time = None
    copied: str = ""
    behind: int = 0
    entries: int = 0


def ended_facts(row: Ended) -> DeliveryFacts:
    link = permalink(row)
    return DeliveryFacts.merged(
        row, state=row.outcome, operation=row.subject, why=why(row.reason, row.outcome, row.address),
        answer="" if link else row.detail, link=link, created=row.at - row.took, edited=row.edited_at,
        copied=row.copy if row.outcome == "delivered" else "",
    )  # fmt: skip


async def waiting_facts(context: Context, rows: Sequence[WaitingRow]) -> list[DeliveryFacts]:
    """Return them with the reasons of the pauses for which they wait."""
    paused = await context.admin.paused(sorted({row.pause for row in rows if row.pause}))
    facts = []
    for row in rows:
        since, pause = paused.get(row.pause, (None, ""))
        reason = Reasons.DESTINATION_REMOVED if row.pause.startswith(REMOVED) else ""
        stated = {"reason": reason, "why": why(reason, row.state, row.address) or pause, "answer": row.error}
        facts.append(DeliveryFacts.merged(row, **stated, operation=row.subject, paused=since, at=row.due))
    return facts


def permalink(row: Ended) -> str:
    """Return '' where there is none: why others refused leads nowhere, whatever it looks like."""
    return link_of(row.detail) if row.outcome == "delivered" else ""


def link_of(answer: str) -> str:
    """Return the answer of a message that arrived, where that is its address; else ''."""
    return answer if ADDRESS.fullmatch(answer) else ""


ASKED = [state for state in STATES if state != "behind"]  # which pages of what waits do not tell from others
SHOWN = 50
LOOKED = 200  # of one operation, each of which is asked for by itself

LISTING = Listing(
    lead=N_("What people were told, and what they were not told, newest first; or what waits to be sent."),
    head="waiting",
    columns=(
        Column("delivery", N_("What and for whom")),
        Column("delivery_state", N_("State")),
        Column("delivery_answer", N_("Answer")),
        Column("attempts", N_("Attempts")),
        Column("delivery_at", N_("When")),
    ),
    filters=(
        Filter("operation", N_("Operation"), hint=N_("Operation id")),
        *(Filter(name, label, extra=True) for name, label in (
            ("tenant", N_("Tenant")), ("project", N_("Project")), ("platform", N_("Platform")),
        )),
        Filter("destination", N_("Destination"), "choice", "destinations"),
        Filter("state", N_("State"), "choice", "states", any=N_("ended in any way")),
        Filter("since", N_("Since"), "time"),
        Filter("until", N_("Until"), "time"),
    ),
    note="untimed",
    wide=True,
    empty=N_("Nothing was sent yet."),
    unmatched=N_("No delivery is meant by these filters."),
)  # fmt: skip


class DeliveriesQuestion(Filters):
    """`state` is an end, or what it waits for (`waiting`: anything). `since` and `until`: `2h` (ago) or times."""

    operation: Name = ""
    tenant: Name = ""
    project: Name = ""
    platform: Name = ""
    destination: Name = ""
    state: str = Field("", pattern=f"^({'|'.join(ASKED)})?$")
    since: When = ""
    until: When = ""
    cursor: Name = ""

    @property
    def waits(self) -> bool:
        return bool(self.state) and self.state not in OUTCOMES

    @property
    def by_time(self) -> bool:
        return not self.waits

    @property
    def space(self) -> Space:
        return Space(tenant=self.tenant, project=self.project, platform=self.platform)


class DeliveriesFacts(Facts):
    """`waiting`: by channel. `looked_to`: a page that looked at as many as it may ends there."""

    rows: list[DeliveryFacts]
    cursor: str
    looked_to: Time
    waiting: dict[str, int]
    destinations: list[str]
    states: dict[str, str] = Field({state: STATES[state] for state in ASKED}, exclude=True)


Found = tuple[list[DeliveryFacts], str, float | None]


async def deliveries(context: Context, question: DeliveriesQuestion) -> DeliveriesFacts:
    history, config = History(context.store, partial=True), context.config()
    ask = _of_operation if question.operation else _waiting if question.waits else _ended
    rows, cursor, looked_to = await existing(ask(context, question))
    return DeliveriesFacts(
        rows=rows,
        cursor=cursor,
        looked_to=looked_to,
        waiting=await context.admin.queued([*config.channels]),
        destinations=sorted({*config.destinations, *await history.destinations()}),
    )


async def _ended(context: Context, question: DeliveriesQuestion) -> Found:
    page = await History(context.store, partial=True).page(
        destination=question.destination,
        outcome=question.state,
        since=seconds_of(context, question.since),
        until=seconds_of(context, question.until),
        cursor=question.cursor,
        limit=SHOWN,
    )
    return [ended_facts(row) for row in page.rows], page.cursor, page.looked_to


async def _waiting(context: Context, question: DeliveriesQuestion) -> Found:
    page = await Waiting(context.store, partial=True).page(
        [*context.config().channels],
        context.clock(),
        state="" if question.state == "waiting" else question.state,
        destination=question.destination,
        cursor=question.cursor,
        limit=SHOWN,
    )
    return await waiting_facts(context, page.rows), page.cursor, None


async def _of_operation(context: Context, question: DeliveriesQuestion) -> Found:
    """Return all of one operation, of those that wait the first `LOOKED`."""
    if question.waits:
        rows = await _waiting_of(context, question)
    else:
        ended = await History(context.store, partial=True).of_operation(question.operation, question.space)
        rows = [ended_facts(row) for row in ended]
    since, until = seconds_of(context, question.since), seconds_of(context, question.until)
    matching = [
        row
        for row in rows
        if question.destination in ("", row.destination)
        and question.state in ("", "waiting", row.state)
        and (question.waits or (row.at and (since or 0.0) <= row.at.timestamp() < (until or inf)))
    ]
    return matching, "", None


async def _waiting_of(context: Context, question: DeliveriesQuestion) -> list[DeliveryFacts]:
    timeline = await context.admin.timeline(question.operation, question.space)
    lines = facts_of(timeline)["timeline"] if timeline else []
    waits = await waiting_of(context, question.operation, question.space, lines)
    store, ids = Waiting(context.store, partial=True), [id_ for some in waits.values() for id_ in some]
    rows = [await store.named(id_, context.clock()) for id_ in ids[:LOOKED]]
    return await waiting_facts(context, [row for row in rows if row])


async def waiting_of(
    context: Context, id_: str, space: Space, timeline: Iterable[Mapping[str, Any]]
) -> dict[str, list[str]]:
    """Return the ids of its deliveries that wait, by destination. `timeline` says to which addresses there were any."""
    queued = {(line["destination"], line["address"]) for line in timeline if line["what"] == "queued"}
    return await Lanes(context.store, partial=True).waiting(id_, space, {*_places(context, queued)})


def _places(context: Context, queued: Iterable[tuple[str, str]]) -> Iterator[Place]:
    """Yield each with all its possible homes: channels and limits may have been others (relay/store/target_plan.py)."""
    for channel in context.config().channels:
        reader_of = getattr(context.kinds.get(channel), "reader_of", str)
        for name, address in queued:
            for home in {keys.home(channel, text) for text in (address, "", reader_of(address))}:
                yield home, name, address
