"""Which partitions a channel's claim asks: the others have nothing due, or do not answer.

Each is asked where something may be due: this process has changed something there, its next delivery is due, or it was
left alone for as long as whoever claims allows. Whoever settles a delivery is told when the next one is due, so that
nobody need ask. One that does not answer holds up no other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from relay.store.partitions import Partition, Partitions


@dataclass(slots=True)
class _Turn:
    until: float = 0.0  # on the loop's clock: before that nothing is due, as far as is known
    changes: int = -1  # the partition's, when it was asked
    late: asyncio.Task[Any] | None = None  # a question that is not answered yet
    asking: bool = False


class Turns:
    """Of one channel."""

    def __init__(self, partitions: Partitions) -> None:
        self._partitions = partitions
        self._turns = [_Turn() for _ in partitions]
        self._first = 0
        self._idle = 0.0
        self.next_due: float | None = None  # seconds, of those that are not asked now

    def now(self, idle: float, without: Collection[int]) -> list[Partition]:
        """Those to ask, another one first each time."""
        clock = asyncio.get_running_loop().time()
        self._first += 1
        self._idle = idle
        due, rest = list[Partition](), list[float]()
        for offset in range(len(self._turns)):
            number = (self._first + offset) % len(self._turns)
            turn, partition = self._turns[number], self._partitions[number]
            if number in without:
                continue
            if turn.late and not turn.late.done():
                rest.append(self._partitions.patience or 0.0)
            elif idle and clock < turn.until and turn.changes == partition.changes:
                rest.append(turn.until - clock)
            else:
                due.append(partition)
        self.next_due = min(rest, default=None)
        return due

    async def ask(self, partition: Partition, question: Callable[[], Awaitable[Any]]) -> Any:
        """Its answer. StoreUnavailable if there is none in time; one that comes later is for nobody."""
        turn = self._turns[partition.number]
        turn.changes, turn.late, turn.asking = partition.changes, None, True
        task = asyncio.ensure_future(question())
        try:
            await asyncio.wait([task], timeout=self._partitions.patience)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done():
            return task.result()
        turn.late = task
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise self._partitions.silence

    def rest(self, partition: Partition, seconds: float) -> None:
        """Nothing is due there for so long."""
        turn = self._turns[partition.number]
        turn.until, turn.asking = asyncio.get_running_loop().time() + seconds, False

    def heard(self, partition: Partition, changes: int, seconds: float | None) -> None:
        """After so many changes nothing was due there for so long (None: nothing is queued).

        Where there were more of them, or somebody asks just now, that may not be so any more.
        """
        turn = self._turns[partition.number]
        if partition.changes == changes and not turn.asking:
            turn.changes = changes
            self.rest(partition, self._idle if seconds is None else min(self._idle, seconds))

    async def aclose(self) -> None:
        late = [turn.late for turn in self._turns if turn.late]
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


class AllTurns:
    """Of all channels."""

    def __init__(self, partitions: Partitions) -> None:
        self._partitions = partitions
        self._turns: dict[str, Turns] = {}

    def of(self, channel: str) -> Turns:
        return self._turns.setdefault(channel, Turns(self._partitions))

    async def aclose(self) -> None:
        for turns in self._turns.values():
            await turns.aclose()
