"""A random life of the engine: what senders, processes, people and accidents do, and what must come of it."""

from collections.abc import Sequence

from tests.engine.life.accidents import befall
from tests.engine.life.ending import end_well
from tests.engine.life.partition import brief
from tests.engine.life.verdict import Verdict
from tests.engine.life.world import World

ALIKE = 24  # characters by which a fault is the same


def live(seed: int, steps: Sequence[int]) -> tuple[World, list[str]]:
    """Live it, and say what is wrong with it. `steps`: the numbers of those that it has."""
    world = World(seed)
    try:
        for number in steps:
            world.begin(number)
            world.step(befall)
        dead = end_well(world)
        return world, Verdict(world.record, [*dead, *world.record.dropped]).faults()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told with its life
        return world, [f"{type(error).__name__}: {error}"]


def faults_of(seed: int, length: int) -> str:
    """Return what is wrong with this life, with its seed and the fewest steps for which it is; '' if nothing is."""
    _, faults = live(seed, range(length))
    if not faults:
        return ""
    steps = fewest(seed, range(length), faults)
    world, faults = live(seed, steps)
    trace = "\n".join(brief(*step) for step in world.partition.trace)
    return f"seed {seed}, steps {[*steps]}:\n{trace}\n" + "\n".join(faults)


def fewest(seed: int, steps: Sequence[int], faults: Sequence[str]) -> Sequence[int]:
    """Leave out what the fault does without: halves, quarters and so on, as long as that stays wrong."""
    part = len(steps) // 2
    while part:
        for first in range(0, len(steps), part):
            fewer = [*steps[:first], *steps[first + part :]]
            if (others := live(seed, fewer)[1]) and others[0][:ALIKE] == faults[0][:ALIKE]:
                steps = fewer
                break
        else:
            part //= 2
    return steps
