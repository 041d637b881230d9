"""Signs of life, one a second from each process, in each partition for itself: one that is away holds up no other's."""

import asyncio
import secrets
from typing import Any

from relay.errors import StoreUnavailable
from relay.store.letters import Letters
from relay.store.partitions import Partitions


class Pulses:
    """Says to `partitions` which of them are away, and to `letters` what waits to be carried."""

    def __init__(self, partitions: Partitions, letters: Letters, worker: str, lease: float) -> None:
        self._partitions = partitions
        self._letters = letters
        self._beat = ("beat", worker, int(lease * 1000))
        self._under_way: dict[int, asyncio.Task[Any]] = {}
        self._epochs: dict[int, bytes] = {}  # of each, what names its data
        self.emptied = False  # the last found that data had been deleted

    async def give(self) -> float:
        """Give one; return the seconds by which Redis's clock was set back since the last of any process.

        StoreUnavailable if none was taken.
        """
        fresh = [partition for partition in self._partitions if partition.number not in self._under_way]
        for partition in fresh:
            beat = partition.run("pulse", (*self._beat, secrets.token_hex(8)))
            self._under_way[partition.number] = asyncio.create_task(beat)
        tasks = dict(sorted(self._under_way.items()))  # others may give one meanwhile
        # One that was late the last time is not waited for again.
        await self._partitions.some_done([tasks[partition.number] for partition in fresh] or [*tasks.values()])
        answers, away = dict[int, Any](), dict[int, str]()
        for number, task in tasks.items():
            outcome = self._partitions.outcome_of(task)
            if not isinstance(outcome, StoreUnavailable):
                answers[number] = outcome
            elif task.done():
                away[number] = str(outcome)
            else:
                away[number] = self._partitions.away.get(number, str(outcome))
        self._under_way = {number: task for number, task in self._under_way.items() if not task.done()}
        self._partitions.away = away
        if not answers:
            raise StoreUnavailable(next(iter(away.values())))
        return self._set_back(answers)

    def _set_back(self, answers: dict[int, Any]) -> float:
        self.emptied = any(self._epochs.get(number, epoch) != epoch for number, (_, epoch, *_) in answers.items())
        for number, (_, epoch, *homes) in answers.items():
            self._epochs[number] = epoch
            self._letters.carry(self._partitions[number], [int(home) for home in homes])
        return max(float(step) for step, *_ in answers.values()) / 1000

    async def aclose(self) -> None:
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
