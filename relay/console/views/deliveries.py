"""Deliveries: those that ended, newest first, and those that wait; of everything or as far as filters say."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Literal

from relay.console.desk import Desk
from relay.console.questions import Name, When, seconds_of
from relay.console.times import moment
from relay.console.view import Facts, Question, Unknown
from relay.console.views.delivery_facts import DeliveryFacts, ended_facts, waiting_facts
from relay.console.views.lanes import waiting_of
from relay.console.words import NO_PAGE, said
from relay.domain.facts import Space
from relay.errors import AmbiguousId
from relay.operating.timeline import facts_of
from relay.store import waiting
from relay.store.copies import is_name
from relay.store.history import History
from relay.store.history_rows import OUTCOMES

State = Literal[
    "", "delivered", "dead", "superseded", "dropped", "held",
    "waiting", "due", "leased", "retrying", "parked", "later",
]  # fmt: skip
SHOWN = 50
LOOKED = 200  # of one operation, each of which is asked for by itself


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
    except ValueError:
        raise Unknown(NO_PAGE) from None
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
    """What waits of one operation, however much else does. `cursor` is the delivery that was looked at last: where it
    has left meanwhile, they are shown from the first on.
    """
    if question.cursor and not is_name(question.cursor):
        raise ValueError("expected the cursor of an earlier page")
    space = space_of(question)
    with one_operation(question.operation):
        timeline = await desk.admin.timeline(question.operation, space)
        lines = facts_of(timeline)["timeline"] if timeline else []
        waits = await waiting_of(desk, question.operation, space, lines)
    store = waiting.Waiting(desk.store, partial=True)
    ids = [id_ for name, some in waits.items() if question.destination in ("", name) for id_ in some]
    left = ids[ids.index(question.cursor) + 1 :] if question.cursor in ids else ids
    rows: list[waiting.WaitingRow] = []
    for looked, id_ in enumerate(left, start=1):
        row = await store.named(id_, desk.clock())
        if row and question.state in ("waiting", row.state):
            rows.append(row)
        if looked < len(left) and (len(rows) == SHOWN or looked == LOOKED):
            return await waiting_facts(desk, rows), id_, None
    return await waiting_facts(desk, rows), "", None


@contextmanager
def one_operation(id_: str) -> Iterator[None]:
    """Whose it is has to be said where several have the id."""
    try:
        yield
    except AmbiguousId as error:
        spaces = "; ".join(str(space) for space in error.spaces)
        text = said("several operations have the id %(id)s; say whose is meant: %(spaces)s")
        raise Unknown(text, id=id_, spaces=spaces) from None


def space_of(question: DeliveriesQuestion) -> Space:
    return Space(tenant=question.tenant, project=question.project, platform=question.platform)
