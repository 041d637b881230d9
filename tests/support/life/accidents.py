"""Accidents of the processes of a life, and acts of operators and readers."""

import json
from contextlib import suppress
from datetime import UTC, datetime

from relay.store.settling import MAX_PAUSED

from relay.channels import CHANNELS
from relay.domain.links import Person
from relay.errors import StoreUnavailable
from relay.interactivity.buttons import ACTIONS, Button, action_requested, action_targets
from relay.store.queries.admin import Admin
from relay.store.queries.suppressions import EVERYWHERE, Suppressions
from tests.support.life.settings import ADDRESSES, CONFIG, READER
from tests.support.life.workers import PAUSED
from tests.support.life.world import Process, World

STEPS_FORWARD, STEPS_BACK = [1, 3, 10, 31, 100, 900, 5000, 40_000, 300_000], [0, 0, 0, 600, 20_000]  # seconds
PATIENCE = 20  # tries until a command has its answer


async def befall(world: World, process: Process) -> None:
    """One of all that. Raises StoreUnavailable."""
    admin, pick = Admin(process.store), world.pick
    match pick.randrange(15):
        case 0 | 1:
            world.crash(process)
        case 2 | 3:
            world.clock.advance(pick.choice(STEPS_FORWARD))
        case 4:
            await _set_clock_back(world, process)
        case 5 | 6:
            await process.store.pulse()
        case 7:
            await process.watchdog.tick(0)
        case 8:
            await admin.resume_all(PAUSED)
        case 9:
            await process.store.take_over()
        case 10:
            kept = pick.sample(sorted(ADDRESSES), pick.choice([3, 6]))
            await admin.announce({name: ADDRESSES[name] for name in kept})
        case 11:
            await admin.bundle_backlog(pick.choice([0, 2, 10]))
            await admin.expire_parked(MAX_PAUSED)
        case 12:
            await _look_at_the_dead(world, admin)
        case 13:
            await _unsubscribe(world, process)
        case _:
            await _press(world, process)


async def _set_clock_back(world: World, process: Process) -> None:
    await process.store.pulse()
    if process.store.away:
        return  # in a second every partition would have had a sign, and knows by its time that the clock was set back
    step = world.pick.choice(STEPS_BACK)
    world.set_back += step
    world.clock.advance(-step)
    await process.store.pulse()


async def _look_at_the_dead(world: World, admin: Admin) -> None:
    """Some are sent again and some dropped, by a command that is repeated until it has an answer."""
    for letter in await admin.dead(limit=3):
        if replays := world.pick.random() < 0.7:
            world.record.replays[letter.id] += 1
        else:
            world.record.dropped.append(await admin.with_body(letter))
        for _ in range(PATIENCE):
            with suppress(StoreUnavailable):
                await (admin.replay if replays else admin.drop)([letter.id])
                break


async def _unsubscribe(world: World, process: Process) -> None:
    """A reader wants no mail any more, or thinks better of it."""
    suppressions = Suppressions(process.store)
    if world.pick.random() < 0.6:
        await suppressions.remove(READER, EVERYWHERE)
        world.record.suppressed(READER, ends=True)  # as soon as that is certain
    else:
        world.record.suppressed(READER, ends=False)  # as soon as it may be so
        await suppressions.add(READER)


async def _press(world: World, process: Process) -> None:
    """Somebody presses a button under a message of a run, perhaps an old one."""
    pressed = [delivery for delivery in world.standing if not delivery.event.about_batch]
    if not pressed:
        return
    delivery = world.pick.choice(pressed)
    event, until = delivery.event, world.clock() + 1e6
    spaces = json.dumps(event.spaces) if event.spaces else ""
    place = (delivery.destination, delivery.address)
    button = Button(world.pick.choice(ACTIONS), event.own_id, event.subject, event.retry, *place, until, spaces)
    now, once = datetime.fromtimestamp(world.clock(), UTC), f"{world.pick.getrandbits(32):x}"
    request = action_requested(button, "ada", Person("U1", "Ada"), now, once)
    await process.ingest.ingest(request, action_targets(request, CONFIG, CHANNELS))
