"""What a question was answered, for a moment: however many ask it, and however fast, it is worked out once."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from math import inf
from typing import Generic, TypeVar

PERIOD = 1.0  # seconds

Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """Call it to ask. Whoever comes while it is being answered waits for that; an error is not remembered."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[Answer]],
        period: float = PERIOD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._period = period
        self._clock = clock
        self._turn = asyncio.Lock()
        self._asked_at = -inf
        self._answers: list[Answer] = []  # the last one

    async def __call__(self) -> Answer:
        async with self._turn:
            if self._clock() - self._asked_at >= self._period:
                self._answers = [await self._ask()]
                self._asked_at = self._clock()
            return self._answers[0]
