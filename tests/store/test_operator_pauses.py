"""Destinations that people pause: nothing goes out, nothing is lost, and nothing but its end or a person lifts it."""

import pytest

from relay.config import parse_config
from relay.health import Health
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.reachability import OperatorPauses
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import POSTED, accept, claim, claim_one, counts
from tests.support.targets import mail, room
from tests.support.wire import Anywhere

DAY = 86_400.0
CONFIG = """
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {slack: {}}
destinations: {room: {slack: "#room", mode: each}}
rules: []
"""


ROOM = parse_config(CONFIG, env={}, channels={"slack": Anywhere, "email": Anywhere})


@pytest.fixture
def health(store: Store, clock: Clock) -> Health:
    return Health(store, lambda: ROOM, clock=clock)


async def told(store: Store, *subjects: str) -> None:
    for subject in subjects:
        await accept(store, events.completed(operationId=subject), to=room())


async def test_what_is_for_it_waits_until_it_is_resumed(store: Store) -> None:
    pauses = OperatorPauses(store)
    await pauses.pause("room", "the channel is renamed", "ana")
    await told(store, "op-1", "op-2")
    await accept(store, events.completed(operationId="op-3"), to=mail())

    assert await claim(store) == []
    assert len(await claim(store, "email")) == 1  # others are not held up
    assert await Admin(store).parked(["slack"], ["operator:room"]) == {"operator:room": 2}

    assert await pauses.resume("room")
    assert {delivery.event.subject for delivery in await claim(store)} == {"op-1", "op-2"}
    assert not await pauses.resume("room")


async def test_one_with_an_end_ends_by_itself(store: Store, clock: Clock) -> None:
    pauses = OperatorPauses(store)
    await pauses.pause("room", "upgrade", "ana", seconds=60)
    await told(store, "op-1")
    assert await claim(store) == []
    [(destination, pause)] = (await pauses.all(clock())).items()
    assert (destination, pause.by, pause.cause) == ("room", "ana", "upgrade")
    assert pause.until == pytest.approx(clock() + 60, abs=1)

    clock.advance(62)
    assert await pauses.all(clock()) == {}
    assert len(await claim(store)) == 1


async def test_neither_a_success_nor_a_reload_lifts_it(store: Store, clock: Clock, health: Health) -> None:
    await told(store, "op-1")
    flying = await claim_one(store)
    pauses = OperatorPauses(store)
    await pauses.pause("room", "upgrade", "ana")
    await told(store, "op-2")
    assert await claim(store) == []

    await store.mark_sending(flying)
    await store.complete(flying, POSTED)
    await health.admin.resume_all(["channel:slack", "destination:room/#room"])

    assert await claim(store) == []
    assert [*await pauses.all(clock())] == ["room"]


async def test_what_waits_is_not_given_up_however_long(store: Store, clock: Clock) -> None:
    pauses, admin = OperatorPauses(store), Admin(store)
    await pauses.pause("room", "holidays", "ana")
    await told(store, "op-1")
    assert await claim(store) == []
    clock.advance(20 * DAY)
    assert await admin.expire_parked(3 * DAY) == 0
    await pauses.resume("room")
    assert await admin.expire_parked(3 * DAY) == 0
    assert len(await claim(store)) == 1
    assert (await counts(store)).get("dead", 0) == 0
