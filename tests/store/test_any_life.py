"""Random lives of the queue: processes die and return, pauses and destinations come and go, clocks are set back.

Nothing gets stuck.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from relay.domain.deliveries import Delivery
from relay.store import Store
from relay.store.admin import Admin
from relay.store.queue import MAX_PAUSED, Pause
from relay.store.runs import Runs
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import POSTED, claim, counts
from tests.support.targets import mail, room, team

STEPS = 200
DESTINATIONS = ["team", "room", "analysts"]
PAUSES = [
    Pause("destination:room/#room", 60, "is_archived", probe=True),
    Pause("channel:slack", 60, "token_revoked", probe=True),
    Pause("limit:edit", 400, "429", probe=True),
    Pause("limit:post:#team", 20, "429"),
    Pause("lane", 30, "503"),
]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
async def test_whatever_happens_all_of_it_gets_through_in_the_end(
    open_store: Callable[..., Store], clock: Clock, seed: int
) -> None:
    pick = random.Random(seed)
    stores = [open_store(), open_store(), open_store()]
    admin = Admin(stores[0])
    held: list[tuple[Store, Delivery]] = []
    for _ in range(STEPS):
        await (_act if pick.random() < 0.65 else _befall)(pick.choice(stores), held, clock, pick)
        assert (await admin.ledger()).imbalance == 0

    await admin.announce(dict.fromkeys(DESTINATIONS, ("*",)))
    for _ in range(600):  # now one process lives, and all is well
        clock.advance(7)
        await stores[0].pulse()
        for channel in ("slack", "email"):
            for delivery in await claim(stores[0], channel):
                await stores[0].mark_sending(delivery)
                await stores[0].complete(delivery, POSTED)
        if (await counts(stores[0])).get("pending", 0) == 0:
            break

    assert (await counts(stores[0])).get("pending", 0) == 0
    for kind in ("lane", "parked", "leases", "parking"):
        assert await stores[0].redis.keys(f"{{relay}}:{kind}*") == []


async def _act(store: Store, held: list[tuple[Store, Delivery]], _clock: Clock, pick: random.Random) -> None:
    """What senders and workers do."""
    fuller: dict[str, Any] = {"results": {f"rows-{pick.randrange(9)}": 1}}
    makers = [
        lambda **op: replace(events.completed(**op), **fuller),
        events.started,
        events.completed,
        events.failed,
        lambda **op: events.progress(pick.randrange(101), **op),
    ]
    match pick.randrange(3):
        case 0:
            operation = {"operationId": f"op-{pick.randrange(6)}", "retryNumber": pick.randrange(2)}
            event = pick.choice(makers)(**operation)
            targets = pick.sample([team(post_after=0.0), room(), mail()], pick.randrange(4))
            if (await store.accept(event, targets)).status == "fuller":
                await store.accept(await store.kept(event) or event, targets, completes=True)
        case 1:
            held += [(store, one) for one in await claim(store, pick.choice(["slack", "email"]))]
        case _ if held:
            owner, delivery = held.pop(pick.randrange(len(held)))
            await _settle(owner, delivery, pick)


async def _befall(store: Store, held: list[tuple[Store, Delivery]], clock: Clock, pick: random.Random) -> None:
    """What happens to them."""
    admin = Admin(store)
    match pick.randrange(8):
        case 0 if held:
            held.pop(pick.randrange(len(held)))  # its process forgot it, or died
        case 1:
            clock.advance(pick.choice([1, 3, 10, 100, 5000]))
        case 2:
            await store.pulse()
            clock.advance(-pick.choice([0, 0, 0, 600, 20_000]))
            await store.pulse()
        case 3:
            await admin.resume_all([pause.scope for pause in PAUSES[:2]])
        case 4:
            await store.take_over()
        case 5:
            await admin.announce(dict.fromkeys(pick.sample(DESTINATIONS, 2), ("*",)))
        case 6:
            await Runs(store).trim(100)
        case _:
            await admin.expire_parked(MAX_PAUSED)


async def _settle(owner: Store, delivery: Delivery, pick: random.Random) -> None:
    if pick.random() < 0.9:
        await owner.mark_sending(delivery)
    match pick.randrange(6):
        case 0:
            await owner.dead_letter(delivery, "rejected", "550")
        case 1:
            await owner.release(delivery)
        case 2 | 3:
            pause = pick.choice(PAUSES)
            await owner.reschedule(delivery, pause.seconds, pause.reason, refund_attempt=True, holds=[pause])
        case 4:
            await owner.reschedule(delivery, pick.randrange(400), "451", unknown=pick.random() < 0.3)
        case _:
            await owner.complete(delivery, POSTED)
