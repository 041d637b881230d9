"""One delivery, where it waits and where it has ended: what it says or would say, its attempts, and why it waits."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from relay.console.context import Context
from relay.console.facts import N_, Name, OfOperation, Question, Time, Unknown, why
from relay.domain.spaces import Space
from relay.errors import AmbiguousId
from relay.operating.timeline import facts_of
from relay.reasons import Waiting as Reasons
from relay.store.history import History
from relay.store.history_rows import Ended
from relay.store.waiting import Waiting, WaitingRow

ADDRESS = re.compile(r"https://[\w.-]+(:\d+)?/[\w./?=&%#~+:@-]*", re.ASCII)
REMOVED = "removed:"  # how the scope begins of what the newest configuration does not have
GONE = N_(
    "this delivery is over, and the record of where it went to has it no more; the page of its operation has what is "
    "still known"
)
STATES = {
    "delivered": N_("delivered"), "dead": N_("dead"), "superseded": N_("superseded"), "dropped": N_("dropped"),
    "held": N_("held"), "waiting": N_("waiting"), "due": N_("due"), "leased": N_("being sent"),
    "retrying": N_("tried again"), "parked": N_("paused"), "later": N_("later"), "behind": N_("behind another"),
}  # fmt: skip
SENTENCES = {  # the same, on the page of one
    "delivered": N_("it has arrived"),
    "dead": N_("it is a dead letter: relay does not try it again by itself"),
    "superseded": N_("it was not sent: there was nothing left for it to say"),
    "dropped": N_("somebody has dropped it"),
    "held": N_("it is held"),
    "due": N_("its turn has come"),
    "leased": N_("it is being sent"),
    "retrying": N_("an attempt failed; it is tried again"),
    "parked": N_("it waits for something that is paused"),
    "later": N_("it is not time yet"),
    "behind": N_("another message to the same place goes first"),
}


class DeliveryQuestion(Question):
    """Its id; of one that is over also where it went and when it ended (ms since the epoch): the record is kept so."""

    id: Name
    destination: Name = ""
    at: int = Field(0, ge=0, lt=10**15)


class DeliveryFacts(OfOperation):
    """One delivery.

    state      how it ended, or what it waits for: due, leased (a process sends it), retrying, parked, later, behind
    operation  '' for a digest, which is of many
    reason     the code of why it was not sent, and `why` as a sentence
    answer     what the other side said; a permalink is in `link`
    pause      the scope that it waits for, `paused` since when, and `why` the reason
    at         when it ended; of one that waits when it is due
    took       seconds from when it was made, or due by the calendar, until it ended
    edits      of a message that is kept true: how often it was edited since
    copied     the name of the copy of the message as it was sent (`/message`)
    behind     how many others of its operation wait behind it; `entries`: of a bundle, how much it tells so far
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


class OneDeliveryFacts(DeliveryFacts):
    """With the lines of its operation's timeline about this destination, oldest first."""

    story: list[dict[str, Any]]


def ended_facts(row: Ended) -> DeliveryFacts:
    link = permalink(row)
    return DeliveryFacts.merged(
        row, state=row.outcome, operation=row.subject, why=why(row.reason, row.outcome, row.address),
        answer="" if link else row.detail, link=link, created=row.at - row.took, edited=row.edited_at,
        copied=row.copy if row.outcome == "delivered" else "",
    )  # fmt: skip


async def waiting_facts(context: Context, rows: Sequence[WaitingRow]) -> list[DeliveryFacts]:
    """With why that is paused for which they wait."""
    paused = await context.admin.paused(sorted({row.pause for row in rows if row.pause}))
    return [_waiting_facts(row, *paused.get(row.pause, (None, ""))) for row in rows]


def _waiting_facts(row: WaitingRow, since: float | None, paused: str) -> DeliveryFacts:
    reason = Reasons.DESTINATION_REMOVED if row.pause.startswith(REMOVED) else ""
    return DeliveryFacts.merged(
        row, operation=row.subject, reason=reason, why=why(reason, row.state, row.address) or paused,
        answer=row.error, paused=since, at=row.due,
    )  # fmt: skip


def permalink(row: Ended) -> str:
    """Return '' where there is none: why others refused leads nowhere, whatever it looks like."""
    return link_of(row.detail) if row.outcome == "delivered" else ""


def link_of(answer: str) -> str:
    """Return the answer of a message that arrived, where that is its address; else ''."""
    return answer if ADDRESS.fullmatch(answer) else ""


async def delivery(context: Context, question: DeliveryQuestion) -> OneDeliveryFacts:
    waits = await Waiting(context.store, partial=True).named(question.id, context.clock())
    facts = (await waiting_facts(context, [waits]))[0] if waits else await _ended(context, question)
    letter = await context.admin.dead_letter(facts.id) if waits and waits.state == "dead" else None
    dead = (
        {"reason": letter.reason, "why": why(letter.reason, "dead", letter.address), "at": letter.died_at}
        if letter
        else {}
    )
    return OneDeliveryFacts.merged(facts, **dead, story=await _story(context, facts))


async def _ended(context: Context, question: DeliveryQuestion) -> DeliveryFacts:
    if question.destination and question.at:
        page = await History(context.store, partial=True).page(
            destination=question.destination, since=question.at / 1000, until=(question.at + 1) / 1000, most=200
        )
        for row in page.rows:
            if row.id == question.id:
                return ended_facts(row)
    raise Unknown(GONE)


async def _story(context: Context, facts: DeliveryFacts) -> list[dict[str, Any]]:
    if not facts.operation:
        return []
    space = Space(tenant=facts.tenant, project=facts.project, platform=facts.platform)
    try:
        timeline = await context.admin.timeline(facts.operation, space)
    except AmbiguousId:
        return []
    lines = facts_of(timeline)["timeline"] if timeline else []
    return [line for line in lines if line.get("destination") == facts.destination]
