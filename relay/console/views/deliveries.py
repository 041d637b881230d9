"""Deliveries: those that ended, newest first, and those that wait."""

import re
from collections.abc import Sequence

from pydantic import Field

from relay.console.context import Context, seconds_of
from relay.console.facts import Facts, Filters, Name, OfOperation, Time, When, existing, why_of
from relay.reasons import Waiting as Reasons
from relay.store.queries.history import OUTCOMES, Ended, History
from relay.store.queries.waiting import STATES, Waiting, WaitingRow

ADDRESS = re.compile(r"https://[\w.-]+(:\d+)?/[\w./?=&%#~+:@-]*", re.ASCII)
REMOVED = "removed:"  # how the scope begins of what the newest configuration does not have


class DeliveryFacts(OfOperation):
    """One delivery; `operation` is '' for a digest.

    state   its end, or what it waits for: due, leased (being sent), retrying, parked, later, behind
    reason  code of why it was not sent, or is paused; `why` as a sentence, `pause` the scope, `paused` the start
    answer  of the other side; a permalink is in `link`
    at      its end, or when it is due; `took`: seconds until its end
    edits   of a live message
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
    behind: int = 0
    entries: int = 0


def ended_facts(row: Ended) -> DeliveryFacts:
    link = permalink(row)
    return DeliveryFacts.merged(
        row, state=row.outcome, operation=row.subject, why=why_of(row.reason, row.outcome, row.address),
        answer="" if link else row.detail, link=link, created=row.at - row.took, edited=row.edited_at,
    )  # fmt: skip


async def waiting_facts(context: Context, rows: Sequence[WaitingRow]) -> list[DeliveryFacts]:
    """Return them with the reasons of the pauses for which they wait."""
    paused = await context.admin.paused(sorted({row.pause for row in rows if row.pause}))
    facts = []
    for row in rows:
        since, pause = paused.get(row.pause, (None, ""))
        reason = Reasons.DESTINATION_REMOVED if row.pause.startswith(REMOVED) else ""
        stated = {"reason": reason, "why": why_of(reason, row.state, row.address) or pause, "answer": row.error}
        facts.append(DeliveryFacts.merged(row, **stated, operation=row.subject, paused=since, at=row.due))
    return facts


def permalink(row: Ended) -> str:
    """Return '' where there is none: why others refused leads nowhere, whatever it looks like."""
    return row.detail if row.outcome == "delivered" and ADDRESS.fullmatch(row.detail) else ""


ASKED = (*OUTCOMES, "waiting", *STATES)  # not `behind`, which the store does not list by itself
SHOWN = 50


class DeliveriesQuestion(Filters):
    """`state` is an end, or what it waits for (`waiting`: anything). `since` and `until`: `2h` (ago) or times."""

    destination: Name = ""
    state: str = Field("", pattern=f"^({'|'.join(ASKED)})?$")
    since: When = ""
    until: When = ""
    cursor: Name = ""

    @property
    def waits(self) -> bool:
        return bool(self.state) and self.state not in OUTCOMES


class DeliveriesFacts(Facts):
    """`waiting`: by channel. `looked_to`: a page that looked at as many as it may ends there."""

    rows: list[DeliveryFacts]
    cursor: str
    looked_to: Time
    waiting: dict[str, int]
    destinations: list[str]


Found = tuple[list[DeliveryFacts], str, float | None]


async def deliveries(context: Context, question: DeliveriesQuestion) -> DeliveriesFacts:
    history, config = History(context.store), context.config()
    ask = _waiting if question.waits else _ended
    rows, cursor, looked_to = await existing(ask(context, question))
    return DeliveriesFacts(
        rows=rows,
        cursor=cursor,
        looked_to=looked_to,
        waiting=await context.admin.queued([*config.channels]),
        destinations=sorted({*config.destinations, *await history.destinations()}),
    )


async def _ended(context: Context, question: DeliveriesQuestion) -> Found:
    page = await History(context.store).page(
        destination=question.destination,
        outcome=question.state,
        since=seconds_of(context, question.since),
        until=seconds_of(context, question.until),
        cursor=question.cursor,
        limit=SHOWN,
    )
    return [ended_facts(row) for row in page.rows], page.cursor, page.looked_to


async def _waiting(context: Context, question: DeliveriesQuestion) -> Found:
    page = await Waiting(context.store).page(
        [*context.config().channels],
        context.clock(),
        state="" if question.state == "waiting" else question.state,
        destination=question.destination,
        cursor=question.cursor,
        limit=SHOWN,
    )
    return await waiting_facts(context, page.rows), page.cursor, None
