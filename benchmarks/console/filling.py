"""A Redis as it is after a month: 100,000 operations and 1,000,000 deliveries, and what else gathers beside them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.console import beside, playing, world
from benchmarks.console.copying import Copier
from relay.store import Store
from relay.store.copying import COPIES
from tests.support.clock import Clock


@dataclass(frozen=True, slots=True)
class Size:
    """`played` operations are told to relay's scripts, and there are `copies` of each, with it. Of the `dying` ones,
    which have no copies, each of ten deliveries is a dead letter. `running` go on; `waiting` are over and, as these do,
    have a delivery that waits."""

    played: int = 1990
    copies: int = 50
    dying: int = 500
    running: int = 200
    waiting: int = 1800
    quarantined: int = 2000
    acts: int = 10_000
    silences: int = 60
    suppressed: int = 300

    @property
    def ended(self) -> int:
        return self.played * self.copies + self.dying

    @property
    def deliveries(self) -> int:
        """That ended."""
        return 10 * self.ended

    @property
    def dead(self) -> range:
        """The numbers of those whose deliveries are dead letters, which lie among the others in time."""
        return range(self.played, self.played + self.dying)

    def numbers(self) -> list[int]:
        """Of all that ended, in the order of their beginning: the dying ones lie among the others."""

        def place(number: int) -> float:
            return number if number < self.played else (number - self.played + 0.5) * self.played / self.dying

        return sorted(range(self.played + self.dying), key=place)

    def going(self) -> Iterator[range]:
        """The numbers of those that go on, and of those that are over and wait."""
        first = self.played + self.dying
        yield range(first, first + self.running)
        yield range(first + self.running, first + self.running + self.waiting)


SMALL = Size(played=20, copies=3, dying=4, running=5, waiting=5, quarantined=10, acts=20, silences=4, suppressed=3)


async def fill(url: str, size: Size, until: float | None = None) -> None:
    """An empty Redis."""
    now = time.time() if until is None else until
    clock = Clock(now - world.DAYS * 86_400)
    store = Store.open(url, worker="benchmark", clock=clock, copies=COPIES)
    try:
        await store.prepare()
        dying = frozenset(size.dead)
        await playing.play(store, clock, size.numbers(), dying, now)
        spread = world.DAYS * 86_400_000 / playing.batches(size.numbers())  # the copies fill the time up to the next
        await Copier(store.redis, range(size.played), size.copies, spread).copy()
        running, waiting = size.going()
        await beside.pause(store)
        await playing.begin(store, clock, running)
        await playing.wait(store, clock, waiting)
        await store.claim("slack", 10)  # those that wait stand aside from now on
        await beside.quarantine(store, size.quarantined)
        await beside.audit(store, size.acts)
        await beside.silences(store, now, size.silences)
        await beside.refusals(store, now)
        await beside.suppressed(store, size.suppressed)
    finally:
        await store.aclose()
