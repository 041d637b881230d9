"""What waits now: in which state, for what, and how much of it."""

from typing import Any

from relay.domain.deliveries import Window
from relay.policy.retry import Pause
from relay.store import Store
from relay.store.queries.waiting import Waiting, WaitingRow
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import accept, claim, claim_one
from tests.support.targets import mail, room, team

CHANNELS = ("email", "slack")
HOLD = Pause("destination:room/#room", 60, "is_archived", probe=True)


async def all_of(store: Store, clock: Clock, limit: int = 3, **which: Any) -> list[WaitingRow]:
    page = await Waiting(store).page(CHANNELS, clock(), limit=limit, **which)
    rows = [*page.rows]
    while page.cursor:
        page = await Waiting(store).page(CHANNELS, clock(), limit=limit, cursor=page.cursor, **which)
        rows += page.rows
    return rows


async def each_state(store: Store, clock: Clock) -> None:
    await accept(store, events.completed(operationId="probes"), to=room())
    first = await claim_one(store)
    await store.mark_sending(first)
    await store.reschedule(first, 60, "is_archived", refund_attempt=True, holds=[HOLD])
    await accept(store, events.completed(operationId="parked"), to=room())
    assert await claim(store) == []  # it is parked with the first
    await accept(store, events.completed(operationId="tried"), to=mail())
    tried = await claim_one(store, "email")
    await store.mark_sending(tried)
    await store.reschedule(tried, 30, "451 come again")
    await accept(store, events.progress(10, operationId="leased"), to=team())
    await claim_one(store)
    await accept(store, events.progress(20, operationId="due"), to=mail("b@example.com"))
    await accept(store, events.progress(20, operationId="later"), to=team(post_after=900.0))


async def test_each_state_has_its_rows(store: Store, clock: Clock) -> None:
    await each_state(store, clock)
    expected = {"parked": "parked", "tried": "retrying", "probes": "retrying", "leased": "leased", "due": "due",
                "later": "later"}  # fmt: skip

    rows = [row for state in {*expected.values(), "no such word"} for row in await all_of(store, clock, state=state)]

    for found in (rows, await all_of(store, clock)):
        assert sorted((row.subject, row.state) for row in found) == sorted(expected.items())
    named = {row.subject: row for row in rows}
    assert named["parked"].pause == "destination:room/#room"
    assert (named["tried"].error, named["tried"].attempts, named["tried"].due) == ("451 come again", 1, clock() + 30)
    assert (named["due"].address, named["due"].event) == ("b@example.com", "operation.progress")
    assert {row.subject for row in await all_of(store, clock, destination="room")} == {"probes", "parked"}


async def test_a_bundle_says_how_much_it_tells(store: Store, clock: Clock) -> None:
    for number in range(3):
        await accept(store, events.completed(operationId=f"op-{number}"), to=room())
    await store.claim("slack", 10, {"*": Window(clock(), clock() + 3600)})

    (row,) = await all_of(store, clock)

    assert (row.kind, row.state, row.entries, row.subject) == ("roundup", "later", 3, "")
    assert row.due == clock() + 3600


async def test_pages_follow_each_other_through_all_queues(store: Store, clock: Clock) -> None:
    for number in range(6):
        targets = [mail(f"person-{place}@example.com") for place in range(3)]
        await store.accept(events.completed(operationId=f"op-{number}"), targets)

    rows = await all_of(store, clock, limit=4)

    assert len(rows) == len({row.id for row in rows}) == 18
    assert {row.subject for row in rows} == {f"op-{number}" for number in range(6)}
