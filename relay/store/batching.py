"""Group commit: calls that arrive while one batch is on its way travel together in the next.

One batch is in flight at a time, so one fsync (or one WAIT) carries dozens of events, and a batch grows by
itself with the load: no timer, no added latency when idle.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Request = TypeVar("Request")
Result = TypeVar("Result")


class Batcher(Generic[Request, Result]):
    """Collects requests and hands them to `run` in batches; each caller gets its own result or exception.

    `run` answers one result per request, in order; an Exception among them is raised for its caller alone.
    If `run` raises, the whole batch fails with it, and so does everyone who waits behind it: each of them would
    run into the same time-out, one batch after the other.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Request]], Awaitable[Sequence[Result | Exception]]],
        *,
        most: int = 64,
        most_bytes: int = 4 << 20,
        size: Callable[[Request], int] = lambda _request: 0,
    ) -> None:
        self._run = run
        self._most = most
        self._most_bytes = most_bytes
        self._size = size
        self._waiting: list[tuple[Request, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    async def submit(self, request: Request) -> Result:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        # A caller that gives up must not take its batch down: the future is its own, the task is shared.
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            batch = self._next()
            try:
                results = await self._run([request for request, _ in batch])
            except Exception as error:  # noqa: BLE001 - handed to every caller of the batch, whatever it is
                batch, self._waiting = batch + self._waiting, []
                results = [error] * len(batch)
            except asyncio.CancelledError:
                batch, self._waiting = batch + self._waiting, []
                for _, future in batch:
                    future.cancel()  # nobody else would ever tell them
                raise
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def _next(self) -> list[tuple[Request, asyncio.Future[Result]]]:
        count, total = 0, 0
        for request, _ in self._waiting[: self._most]:
            total += self._size(request)
            if count and total > self._most_bytes:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch
