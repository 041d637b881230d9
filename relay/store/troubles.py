"""Shared state of relay's own troubles, and the process that reports that all is well.

All of it lives in the first partition. Where that is away nothing is noticed, and no process reports that all is well.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from relay.store.queue import Store

RECEIVE, DELIVER = "receive", "deliver"  # parts of the work


@dataclass(frozen=True, slots=True)
class Remembered:
    """Redis's time, the text that is kept, and how many seconds ago any process did each part, None if none ever."""

    now: float
    text: str
    received: float | None
    delivered: float | None


class TroubleMemory:
    """Any number of processes may ask at once. Every failure is StoreUnavailable, and everything may be repeated."""

    def __init__(self, store: Store) -> None:
        self._partition = store.partitions[0]

    async def look(self, parts: Collection[str] = ()) -> Remembered:
        """Return the shared state; `parts` are those of the work that this process does."""
        answer: list[bytes] = await self._run("look", " ".join(parts))
        now, text, received, delivered = answer
        ago = [int(ms) / 1000 if ms != b"" else None for ms in (received, delivered)]
        return Remembered(int(now) / 1000, text.decode("utf-8", "replace"), *ago)

    async def keep(self, was: str, becomes: str) -> bool:
        """Replace the text, if it is still as it was."""
        return bool(await self._run("keep", was, becomes))

    async def turn(self, name: str, period: float) -> bool:
        """True for one process in each period (seconds)."""
        return bool(await self._run("turn", name, int(period * 1000)))

    async def _run(self, verb: str, *args: str | int) -> Any:
        return await self._partition.run("trouble", [verb, *args], quiet=True)
