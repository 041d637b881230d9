"""A random life of the store: what senders, workers, operators and accidents do, and what must come of it."""

from collections.abc import Callable
from functools import partial

from relay.store import Store
from tests.support.clock import Clock
from tests.support.life.accidents import befall
from tests.support.life.ending import end_well
from tests.support.life.losses import LifeStore
from tests.support.life.silencing import silencing
from tests.support.life.turns import one_at_a_time
from tests.support.life.verdict import Verdict
from tests.support.life.world import World


async def faults_of(
    store: Store, clock: Clock, seed: int, steps: int, partitions: int = 1, *, silent: bool = False
) -> list[str]:
    """Live it, and say what is wrong with it in the end. `store` is any on the Redis that it happens in.

    `silent`: people make silences in it, and end some.
    """
    async with one_at_a_time(store.redis) as redis:
        return await lived(partial(LifeStore, redis, partitions=partitions), clock, seed, steps, silent=silent)


async def lived(
    opens: Callable[..., LifeStore], clock: Clock, seed: int, steps: int, *, silent: bool = False
) -> list[str]:
    """As `faults_of`, with a process's store from `opens`."""
    world = World(opens, clock, seed)
    for _ in range(steps):
        await world.step(silencing if silent else befall)
    dead = await end_well(world)
    verdict = Verdict(world.record, [*dead, *world.record.dropped])
    return [*verdict.untold(), *verdict.repeated()]


__all__ = ["faults_of", "lived"]
