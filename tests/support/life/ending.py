"""The end of a life: all is well again, and one process brings what is left to its end."""

from relay.store.admin import Admin
from relay.store.dead_letters import DeadLetter
from relay.store.suppressions import EVERYWHERE, Suppressions
from tests.support.life.settings import ADDRESSES, QUEUES, READER
from tests.support.life.silencing import end_silences
from tests.support.life.world import Process, World

ROUNDS = 600


async def end_well(world: World) -> list[DeadLetter]:
    """Nothing is lost from now on, every sender has its answer, nobody is left out. Answers what is dead in the end."""
    late = [work for process in world.processes for work in process.works if work.late]
    for process in [*world.processes]:
        world.crash(process)
    last = world.start(losses=0.0)
    admin = Admin(last.store)
    await admin.announce(ADDRESSES)
    world.record.suppressed(READER, ends=True)
    await Suppressions(last.store).remove(READER, EVERYWHERE)
    if world.pick.random() < 0.5:
        await last.store.take_over()
    await end_silences(last)
    for message in [*world.unanswered]:
        await world.send(last, message)
    if world.pick.random() < 0.5:
        letters = [letter.id for letter in await admin.dead(limit=1000)]
        world.record.replays.update(letters)
        await admin.replay(letters)
    await _drain(world, last)
    for work in late:  # what was on its way all the time
        await work.arrive_late()
    await _drain(world, last)
    world.clock.advance(60)
    await _claimed(world, last)  # who finds nothing there any more, forgets the places where something waited
    return [await admin.with_body(letter) for letter in await admin.dead(limit=1000)]


async def _drain(world: World, last: Process) -> None:
    """Until nothing is pending, from one due time to the next."""
    for _ in range(ROUNDS):
        await last.store.pulse()
        waits = await _claimed(world, last)
        if not last.store.pending:
            return
        world.clock.advance(1 if await last.store.leased() else max(1, min(waits, default=1)))
    raise AssertionError(f"stuck: {last.store.pending}")


async def _claimed(world: World, last: Process) -> list[float]:
    """Deliver what is due; the seconds until more is."""
    waits = []
    for channel in QUEUES:
        claimed = await last.store.claim(channel, 20, world.quiet())
        for delivery in claimed.deliveries:
            await world.work(last, delivery).deliver()
        waits += [claimed.next_due] if claimed.next_due is not None else []
    return waits
