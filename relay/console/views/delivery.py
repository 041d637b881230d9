"""Facts about a delivery: of one that waits, and of one that ended."""

import re
from collections.abc import Sequence

from relay.console.context import Context
from relay.console.facts import N_, OfOperation, Time, why
from relay.reasons import Waiting as Reasons
from relay.store.history_rows import Ended
from relay.store.waiting import WaitingRow

ADDRESS = re.compile(r"https://[\w.-]+(:\d+)?/[\w./?=&%#~+:@-]*", re.ASCII)
REMOVED = "removed:"  # how the scope begins of what the newest configuration does not have
STATES = {
    "delivered": N_("delivered"), "dead": N_("dead"), "superseded": N_("superseded"), "dropped": N_("dropped"),
    "held": N_("held"), "waiting": N_("waiting"), "due": N_("due"), "leased": N_("being sent"),
    "retrying": N_("tried again"), "parked": N_("paused"), "later": N_("later"), "behind": N_("behind another"),
}  # fmt: skip


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
