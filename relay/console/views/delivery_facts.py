"""One delivery as the console shows it, where it waits and where it has ended."""

from collections.abc import Sequence
from datetime import datetime

from relay.console.desk import Desk
from relay.console.permalinks import permalink
from relay.console.sentences import why
from relay.console.times import moment
from relay.console.view import Facts
from relay.console.words import said
from relay.reasons import Waiting
from relay.store.history_rows import Ended
from relay.store.waiting import WaitingRow

REMOVED = "removed:"  # how the scope begins of what the newest configuration does not have
SAME = ("id", "destination", "channel", "address", "kind", "event", "attempts", "name", "tenant", "project", "platform")
STATES = {
    "delivered": said("delivered"),
    "dead": said("dead"),
    "superseded": said("superseded"),
    "dropped": said("dropped"),
    "held": said("held"),
    "waiting": said("waiting"),
    "due": said("due"),
    "leased": said("being sent"),
    "retrying": said("tried again"),
    "parked": said("paused"),
    "later": said("later"),
    "behind": said("behind another"),
}

SAYS = {  # the same, as a sentence on the page of one
    "delivered": said("it has arrived"),
    "dead": said("it is a dead letter: relay does not try it again by itself"),
    "superseded": said("it was not sent: there was nothing left for it to say"),
    "dropped": said("somebody has dropped it"),
    "held": said("it is held"),
    "due": said("its turn has come"),
    "leased": said("it is being sent"),
    "retrying": said("an attempt failed; it is tried again"),
    "parked": said("it waits for something that is paused"),
    "later": said("it is not time yet"),
    "behind": said("another message to the same place goes first"),
}


class DeliveryFacts(Facts):
    """One delivery. Times are in UTC.

    state      how it ended, or what it waits for: due, leased (a process sends it), retrying, parked, later, behind
    operation  the id that people know, with `name` and whose it is; '' for a digest, which is of many
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
    operation: str
    name: str = ""
    tenant: str = ""
    project: str = ""
    platform: str = ""
    reason: str = ""
    why: str = ""
    answer: str = ""
    link: str = ""
    pause: str = ""
    paused: datetime | None = None
    attempts: int
    created: datetime | None
    at: datetime | None
    took: float | None = None
    edits: int = 0
    edited: datetime | None = None
    copied: str = ""
    behind: int = 0
    entries: int = 0


def ended_facts(row: Ended) -> DeliveryFacts:
    link = permalink(row)
    return DeliveryFacts(
        **{name: getattr(row, name) for name in SAME},
        state=row.outcome,
        operation=row.subject,
        reason=row.reason,
        why=why(row.reason, row.outcome, row.address),
        answer="" if link else row.detail,
        link=link,
        created=moment(row.at - row.took),
        at=moment(row.at),
        took=row.took,
        edits=row.edits,
        edited=moment(row.edited_at),
        copied=row.copy if row.outcome == "delivered" else "",
    )


async def waiting_facts(desk: Desk, rows: Sequence[WaitingRow]) -> list[DeliveryFacts]:
    """With why that is paused for which they wait."""
    paused = await desk.admin.paused(sorted({row.pause for row in rows if row.pause}))
    return [_waiting_facts(row, *paused.get(row.pause, (None, ""))) for row in rows]


def _waiting_facts(row: WaitingRow, since: float | None, paused: str) -> DeliveryFacts:
    reason = Waiting.DESTINATION_REMOVED if row.pause.startswith(REMOVED) else ""
    return DeliveryFacts(
        **{name: getattr(row, name) for name in SAME},
        state=row.state,
        operation=row.subject,
        reason=reason,
        why=why(reason, row.state, row.address) or paused,
        answer=row.error,
        pause=row.pause,
        paused=moment(since),
        created=moment(row.created),
        at=moment(row.due),
        behind=row.behind,
        entries=row.entries,
    )
