"""The parts of the store, each of which is one step for its scripts: one, or several on the nodes of a Cluster."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from relay.errors import StoreUnavailable
from relay.store import keys
from relay.store.client import Scripts

MOST = 256
QUIET = ("claim", "pulse", "trouble")  # scripts that make nothing due which was not
Result = TypeVar("Result")


class Partition:
    """One of them. Every call may be repeated; every failure is StoreUnavailable."""

    def __init__(self, scripts: Scripts, number: int, partitions: int) -> None:
        self.number = number
        self.prefix = keys.prefix(number, partitions)
        self.changes = 0  # by this process: something may be due since
        self._scripts = scripts

    def key(self, name: str) -> str:
        return self.prefix + name

    async def run(
        self, script: str, args: Sequence[str | bytes | int], replicas: int = 0, *, quiet: bool = False
    ) -> Any:
        """The script's answer (`Scripts.run`). `quiet`: it makes nothing due that was not."""
        try:
            return await self._scripts.run(script, args, replicas, prefix=self.prefix)
        finally:  # also where the answer was lost
            self.changes += not quiet and script not in QUIET


class Partitions(Sequence[Partition]):
    """All of them; the first also has what the others need not have."""

    def __init__(self, scripts: Scripts, number: int, patience: float | None = None) -> None:
        """`patience`: seconds that those that answer wait for one that does not; None where all are on one server."""
        if not 1 <= number <= MOST:
            raise ValueError(f"{number} partitions; there can be 1 to {MOST}")
        self.patience = patience
        self.away: dict[int, str] = {}  # those that did not answer the last pulse, and why
        self._all = [Partition(scripts, index, number) for index in range(number)]

    def __getitem__(self, index: Any) -> Any:
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Partition]:
        return iter(self._all)

    @property
    def present(self) -> list[Partition]:
        """The partitions that are not known to be away; all where none is left."""
        return [partition for partition in self._all if partition.number not in self.away] or self._all

    def of(self, name: str) -> Partition:
        """Return the partition of an operation, a lane, a delivery or a bundle of this name."""
        return self._all[keys.partition(name, len(self._all))]

    async def run(self, script: str, args: Sequence[str | bytes | int]) -> list[Any]:
        """Return the answer of each; StoreUnavailable if one does not answer."""
        return await asyncio.gather(*(partition.run(script, args) for partition in self._all))

    async def each(self, act: Callable[[Partition], Awaitable[Result]]) -> dict[int, Result]:
        """Return the result, by number, of each that is there; StoreUnavailable if none is."""
        outcomes = await self.outcomes(act)
        return {number: outcome for number, outcome in outcomes.items() if not isinstance(outcome, StoreUnavailable)}

    async def outcomes(self, act: Callable[[Partition], Awaitable[Result]]) -> dict[int, Result | StoreUnavailable]:
        """Return the results of `each`, and the errors of those that were thought to be there."""
        tasks = {partition.number: asyncio.ensure_future(act(partition)) for partition in self.present}
        try:
            await self.some_done(tasks.values())
            outcomes = {number: self.outcome_of(task) for number, task in tasks.items()}
        finally:
            for task in tasks.values():
                task.cancel()
                task.add_done_callback(_consume_error)
        failures = [outcome for outcome in outcomes.values() if isinstance(outcome, StoreUnavailable)]
        if len(failures) == len(outcomes):
            raise failures[0]
        return outcomes

    async def some_done(self, tasks: Collection[asyncio.Future[Any]]) -> None:
        """Wait for all; but once one is done, not for long."""
        _, pending = await asyncio.wait(tasks, timeout=self.patience)
        if len(pending) == len(tasks):
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)

    def outcome_of(self, task: asyncio.Future[Any]) -> Any:
        """Return its result, or the StoreUnavailable with which it failed, or one for an unfinished task."""
        if not task.done():
            return self.silence
        try:
            return task.result()
        except StoreUnavailable as error:
            return error

    @property
    def silence(self) -> StoreUnavailable:
        return StoreUnavailable(f"Redis: no answer within {self.patience:g} s")


def _consume_error(task: asyncio.Future[Any]) -> None:
    """Consume the error of a task that is not awaited, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()


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
        """Return the partitions to ask, another one first each time."""
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
        """Its answer. StoreUnavailable if there is none in time; a later one is discarded."""
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

        Where there were more of them, or a question is under way, that may not hold any more.
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
