"""The end of a life: all is well again, and one process brings what is left to its end."""

from contextlib import suppress

from relay.engine import records
from relay.engine.dead_letters import ReplayDead
from relay.engine.parking import Announce
from relay.engine.pauses import LiftPauses, ResumeDestination
from relay.engine.receipts import Lapse
from relay.engine.suppressions import Unsuppress
from relay.engine.withholding import EndSilence
from relay.errors import InvalidEvent
from tests.engine.life.configurations import ASKING, BOUNCING, QUEUES, READER, usual
from tests.engine.life.record import Dead
from tests.engine.life.workers import Work
from tests.engine.life.world import World

ROUNDS = 600
PATIENT, LONG = 200, 3600.0  # rounds after which it is waited longer, and so many seconds: for what people removed
LEFT = ("due", "flying", "parking", "parked", "urgent", "behind")  # indexes that are empty in the end


def end_well(world: World) -> list[Dead]:
    """Nothing is lost from now on, every sender has its answer. Return what is dead in the end."""
    world.begin(-1)
    late = [work for process in (world.owner, *world.former) for work in process.works if work.late]
    for process in [*world.former, world.owner]:
        process.works = [work for work in process.works if not work.late]
        world.die(process)
    world.decide(Lapse())
    for attempt in world.on_their_way:
        world.arrive(attempt)
    world.configure(usual())
    world.decide(Announce(usual().addresses))
    for address in (READER, ASKING, BOUNCING):
        world.record.suppressed(address, ends=True)
        world.decide(Unsuppress("*", address))
    for destination in ("team", "room", "daily", "analysts"):
        world.decide(ResumeDestination(destination))
    for _, id_ in [*world.memory.ascending(records.SILENCES)]:
        world.decide(EndSilence(id_))
    if world.pick.random() < 0.5:
        world.decide(LiftPauses())
    for message in [*world.unanswered]:
        with suppress(InvalidEvent):
            world.send(message)
    if world.pick.random() < 0.5:
        letters = [letter.id for letter in world.dead()]
        world.record.replays.update(letters)
        world.decide(ReplayDead(letters))
    _drain(world)
    for work in late:  # what was on its way all the time
        work.arrive()
        work.settle(world.pick)
    _drain(world)
    world.advance(120_000)
    _claimed(world)  # whoever finds nothing there any more forgets the places where something waited
    _nothing_is_left(world)
    if world.seed % 3 == 0:
        _all_is_known(world)
    return world.dead()


def _drain(world: World) -> None:
    """Until nothing is pending, from one due time to the next."""
    for number in range(ROUNDS):
        waits = _claimed(world)
        if not world.memory.counts.get("pending", 0):
            return
        least = 0.001 if number < PATIENT else LONG
        world.advance(round(1000 * max(least, min(waits, default=1))))
    waiting = [x for x in world.memory.records.values() if isinstance(x, records.Delivery) and not x.died]
    raise AssertionError(f"stuck: {waiting[:3]}")


def _claimed(world: World) -> list[float]:
    """Deliver what is due; return the seconds until more is."""
    waits = []
    for channel in QUEUES:
        firsts = [
            index.order[0][0] - world.now
            for name, index in world.memory.indexes.items()
            if index.order and name.startswith((f"due:{channel}:", records.PARKING))
        ]
        if firsts and min(firsts) > 0:
            waits.append(min(firsts) / 1000)
        elif firsts:
            taken = world.taken(channel, 20)
            for delivery in taken.deliveries:
                Work(world, delivery).deliver()
            waits += [taken.next_due] if taken.next_due is not None else []
    return waits


def _nothing_is_left(world: World) -> None:
    memory = world.memory
    left = [name for name, index in memory.indexes.items() if name.partition(":")[0] in LEFT and index.scores]
    assert not left, f"left: {[(name, memory.indexes[name].scores) for name in left]}"
    invariants = world.partition.invariants
    faults = [*invariants.whole(world.now), *invariants.types()]
    assert not faults, "; ".join(faults[:5])
    bundles = {x.lane for x in memory.records.values() if isinstance(x, records.Delivery)}
    rows = [name for name in memory.tables if name.startswith("rows:") and name[5:] not in bundles]
    lists = {x.name for x in memory.records.values() if isinstance(x, records.Bundle) and x.kind == "overflow"}
    rows = [name for name in rows if name[5:] not in lists]
    assert not rows, f"rows of nobody: {rows}"


def _all_is_known(world: World) -> None:
    """Whatever was answered is known: sent once more, it is no news."""
    for message in dict.fromkeys(map(id, world.answered)):
        again = next(one for one in world.answered if id(one) == message)
        try:
            accepted = world.send(again)
        except InvalidEvent:
            continue
        assert accepted.status != "accepted", f"it was lost: {again}"
