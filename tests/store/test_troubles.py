"""What processes remember together of relay itself: one of two changes wins, and one has the turn."""

import asyncio
from collections.abc import Callable

import pytest

from relay.domain.deliveries import Each
from relay.store import Store
from relay.store.admin import Admin
from relay.store.settling import Pause
from relay.store.troubles import DELIVER, RECEIVE, TroubleMemory
from tests.support.clock import Clock
from tests.support.events import body, event_of
from tests.support.queue import claim_one
from tests.support.targets import mail, room


@pytest.fixture
def memories(open_store: Callable[..., Store]) -> list[TroubleMemory]:
    """Of three processes."""
    return [TroubleMemory(open_store()) for _ in range(3)]


async def test_of_those_that_change_the_same_text_one_does(memories: list[TroubleMemory]) -> None:
    kept = await asyncio.gather(*(memory.keep("", f"by {number}") for number, memory in enumerate(memories)))

    assert sorted(kept) == [False, False, True]
    assert (await memories[0].look()).text == f"by {kept.index(True)}"
    assert await memories[0].keep(f"by {kept.index(True)}", "later")
    assert not await memories[1].keep("", "too late")


async def test_one_process_in_each_period_has_the_turn(memories: list[TroubleMemory], clock: Clock) -> None:
    turns = []
    for _ in range(4):
        turns.append(sum([await memory.turn("heartbeat", 50.0) for memory in memories]))
        clock.advance(30.0)

    assert turns == [1, 0, 1, 0]


async def test_a_clock_that_was_set_back_costs_no_turn(memories: list[TroubleMemory], clock: Clock) -> None:
    await memories[0].turn("heartbeat", 50.0)
    clock.advance(-3600.0)

    assert await memories[0].turn("heartbeat", 50.0)


async def test_every_process_knows_when_each_part_of_the_work_was_last_done(
    memories: list[TroubleMemory], clock: Clock
) -> None:
    nobody = await memories[2].look()
    await memories[0].look([RECEIVE])
    clock.advance(40.0)
    await memories[1].look([DELIVER])
    clock.advance(20.0)
    both = await memories[2].look()

    assert (nobody.received, nobody.delivered) == (None, None)
    assert (both.received, both.delivered) == (60.0, 20.0)
    assert both.now == clock()


async def failed(store: Store, *addresses: str, name: str = "1") -> None:
    event = event_of(body("operation.failed", 40, status="Failed", operationId=f"op-{name}"), id=f"evt-{name}")
    await store.accept(event, [mail(address, how=Each()) for address in addresses])


async def test_a_pause_is_known_since_when_it_began(store: Store, clock: Clock) -> None:
    began = clock()
    await store.accept(event_of(body("operation.failed", 40, status="Failed")), [room()])
    for _ in range(3):
        delivery = await claim_one(store)
        await store.mark_sending(delivery)
        hold = Pause("channel:slack", 60.0, "invalid_auth", probe=True)
        await store.reschedule(delivery, 60.0, "invalid_auth", refund_attempt=True, holds=[hold])
        clock.advance(90.0)

    paused = await Admin(store).paused(["channel:slack", "channel:email"])

    assert paused == {"channel:slack": (began, "invalid_auth")}


async def test_what_is_due_and_not_taken_is_known_since_when(store: Store, clock: Clock) -> None:
    admin, began = Admin(store), clock()
    before = await admin.oldest_due(["email"])
    await failed(store, "a@example.com")
    clock.advance(100.0)
    await failed(store, "b@example.com", name="2")

    assert before == {}
    assert await admin.oldest_due(["email", "slack"]) == {"email": began}
    assert await admin.oldest_due([]) == {}


async def test_the_newest_dead_letters_say_where_they_were_for(store: Store, clock: Clock) -> None:
    for number, address in enumerate(("a@example.com", "b@example.com", "c@example.com")):
        await failed(store, address, name=f"{number}")
        delivery = await claim_one(store, "email")
        await store.mark_sending(delivery)
        await store.dead_letter(delivery, "rejected", "550 no", bounce="")
        clock.advance(60.0)

    deaths = await Admin(store).deaths(clock() - 130.0, 10)

    assert [(death.address, death.channel, death.destination) for death in deaths] == [
        ("c@example.com", "email", "analysts"),
        ("b@example.com", "email", "analysts"),
    ]
    assert {(death.event, death.reason) for death in deaths} == {("operation.failed", "rejected")}
    assert len(await Admin(store).deaths(0.0, 1)) == 1


@pytest.mark.parametrize(("reason", "essential", "reached"), [
    ("unsubscribed", True, 1), ("unsubscribed", False, 0), ("bounced", True, 0), ("suppressed", True, 0),
])  # fmt: skip
@pytest.mark.parametrize("before", [True, False])
async def test_what_is_essential_reaches_whoever_has_unsubscribed_and_nobody_else(
    store: Store, reason: str, reached: int, *, essential: bool, before: bool
) -> None:
    """Before it is accepted, or while it waits."""
    from relay.store.suppressions import Suppressions

    event = event_of(body("operation.failed", 40, status="Failed"))
    target = mail(how=Each(bypass_quiet_hours=True, essential=essential))
    if before:
        await Suppressions(store).add("analyst@example.com", "analysts", reason=reason)
    await store.accept(event, [target])
    if not before:
        await Suppressions(store).add("analyst@example.com", "analysts", reason=reason)

    assert len((await store.claim("email", 10)).deliveries) == reached
