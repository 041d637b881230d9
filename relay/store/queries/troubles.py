"""Shared memory of relay's own troubles, and turns that one process takes."""

from collections.abc import Collection
from dataclasses import dataclass

from relay.engine.clock import KeepTroubles, LookAtTroubles, TakeTurnFor
from relay.store.queries.questions import Questions

RECEIVE, DELIVER = "receive", "deliver"  # parts of the work


@dataclass(frozen=True, slots=True)
class Remembered:
    """Redis's time, the text that is kept, and how many seconds ago any process did each part, None if none ever."""

    now: float
    text: str
    received: float | None
    delivered: float | None


class TroubleMemory(Questions):
    """Any number of processes may ask at once. Everything may be repeated."""

    async def look(self, parts: Collection[str] = ()) -> Remembered:
        """Return the shared state; `parts` are those of the work that this process does."""
        now, text, *ago = await self._store.submit(LookAtTroubles([*parts]))
        return Remembered(now / 1000, text, *[ms / 1000 if ms >= 0 else None for ms in ago])

    async def keep(self, was: str, becomes: str) -> bool:
        """Replace the text, if it is still as it was."""
        return bool(await self._store.submit(KeepTroubles(was, becomes)))

    async def turn(self, name: str, period: float) -> bool:
        """True for one process in each period (seconds)."""
        return bool(await self._store.submit(TakeTurnFor(name, int(period * 1000))))
