"""Deliveries: those that ended, newest first, and those that wait; of everything or as far as filters say."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Literal

from relay.console.desk import Desk
from relay.console.permalinks import permalink
from relay.console.questions import Name, When, seconds_of
from relay.console.sentences import why
from relay.console.times import moment
from relay.console.view import Facts, Question, Unknown
from relay.console.views.lanes import waiting_of
from relay.console.words import said
from relay.domain.spaces import Space
from relay.errors import AmbiguousId
from relay.operating.timeline import facts_of
from relay.reasons import Waiting
from relay.store import waiting
from relay.store.history import History
from relay.store.history_rows import OUTCOMES, Ended
from relay.store.waiting import WaitingRow

State = Literal[
    "", "delivered", "dead", "superseded", "dropped", "held",
    "waiting", "due", "leased", "retrying", "parked", "later",
]  # fmt: skip
SHOWN = 50
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


class DeliveriesQuestion(Question):
    """All must hold; '' for any. `operation` is its id, with whose it is where several have it. `state` is how it ended
    ('' for any end), or what it waits for; `waiting` for anything. `since` and `until` are `2h` (ago), or times: of
    those that ended.
    """

    operation: Name = ""
    tenant: Name = ""
    project: Name = ""
    platform: Name = ""
    destination: Name = ""
    state: State = ""
    since: When = ""
    until: When = ""
    cursor: Name = ""

    @property
    def given(self) -> dict[str, str]:
        names = ("operation", "tenant", "project", "platform", "destination", "state", "since", "until")
        return {name: text for name in names if (text := getattr(self, name))}

    @property
    def waits(self) -> bool:
        return bool(self.state) and self.state not in OUTCOMES


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


class DeliveriesFacts(Facts):
    """`cursor` asks for more. Where a page finds few because it looked at as many as it may, `looked_to` is how far
    back that was. `waiting` is how many wait now, by channel.
    """

    rows: list[DeliveryFacts]
    cursor: str
    looked_to: datetime | None
    waiting: dict[str, int]
    destinations: list[str]


async def deliveries(desk: Desk, question: DeliveriesQuestion) -> DeliveriesFacts:
    history = History(desk.store, partial=True)
    channels = [*desk.config().channels]
    try:
        rows, cursor, looked_to = await (_waiting if question.waits else _ended)(desk, question)
    except ValueError as error:
        raise Unknown(f"cursor: {error}") from None
    named = {*desk.config().destinations, *await history.destinations()}
    return DeliveriesFacts(
        rows=rows,
        cursor=cursor,
        looked_to=moment(looked_to),
        waiting=await desk.admin.queued(channels),
        destinations=sorted(named),
    )


Found = tuple[list[DeliveryFacts], str, float | None]


async def _ended(desk: Desk, question: DeliveriesQuestion) -> Found:
    history = History(desk.store, partial=True)
    since, until = seconds_of(desk, question.since), seconds_of(desk, question.until)
    if not question.operation:
        page = await history.page(
            destination=question.destination, outcome=question.state, since=since, until=until,
            cursor=question.cursor, most=SHOWN,
        )  # fmt: skip
        return [ended_facts(row) for row in page.rows], page.cursor, page.looked_to
    with one_operation(question.operation):
        every = await history.of_operation(question.operation, space_of(question))
    rows = [
        row
        for row in every
        if question.destination in ("", row.destination)
        and question.state in ("", row.outcome)
        and (since is None or row.at >= since)
        and (until is None or row.at < until)
    ]
    return [ended_facts(row) for row in rows], "", None


async def _waiting(desk: Desk, question: DeliveriesQuestion) -> Found:
    if question.operation:
        return await _waiting_of(desk, question)
    state = "" if question.state == "waiting" else question.state
    page = await waiting.Waiting(desk.store, partial=True).page(
        [*desk.config().channels], desk.clock(), state=state, destination=question.destination,
        cursor=question.cursor, most=SHOWN,
    )  # fmt: skip
    return await waiting_facts(desk, page.rows), page.cursor, None


async def _waiting_of(desk: Desk, question: DeliveriesQuestion) -> Found:
    """What waits of one operation: however much else does, all on one page."""
    space = space_of(question)
    with one_operation(question.operation):
        timeline = await desk.admin.timeline(question.operation, space)
        lines = facts_of(timeline)["timeline"] if timeline else []
        waits = await waiting_of(desk, question.operation, space, lines)
    store = waiting.Waiting(desk.store, partial=True)
    ids = [id_ for name, some in waits.items() if question.destination in ("", name) for id_ in some]
    rows = [row for id_ in ids[:SHOWN] if (row := await store.named(id_, desk.clock()))]
    shown = [row for row in rows if question.state in ("waiting", row.state)]
    return await waiting_facts(desk, shown), "", None


@contextmanager
def one_operation(id_: str) -> Iterator[None]:
    """Whose it is has to be said where several have the id."""
    try:
        yield
    except AmbiguousId as error:
        spaces = "; ".join(str(space) for space in error.spaces)
        raise Unknown(f"several operations have the id {id_}; say whose is meant: {spaces}") from None


def space_of(question: DeliveriesQuestion) -> Space:
    return Space(tenant=question.tenant, project=question.project, platform=question.platform)


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
