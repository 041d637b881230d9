"""Stop of relay: it is asked to leave, drains, and has a deadline for what is under way.

After the deadline everything is cut off. That loses nothing: what was accepted is durable, and is delivered by another
process or after the next start.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from relay.errors import RelayError

log = structlog.get_logger(__name__)

Ending = Callable[[float], Awaitable[None]]  # gets the seconds that are left


class Shutdown:
    """The stop of one process. `grace` is the seconds from the signal on, the drain among them."""

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._leave = asyncio.Event()
        self._stop = asyncio.Event()
        self._deadline: float | None = None  # of the loop's clock, once it is to leave

    def drain(self) -> None:
        """Leave unnoticed: call itself not ready, go on as before for `server.drain`, then stop."""
        self._leave.set()

    def stop(self) -> None:
        """Take nothing new, finish what is under way, leave. Cuts a drain short."""
        self._leave.set()
        self._stop.set()

    async def requested(self, loops: "Sequence[asyncio.Task[None]]") -> None:
        """Return when relay is to leave: from now on the grace runs. RelayError if it cannot go on by itself."""
        await _until(self._leave, loops)
        self._deadline = asyncio.get_running_loop().time() + self._grace

    async def drained(self, seconds: float, loops: "Sequence[asyncio.Task[None]]") -> None:
        """Go on for so long, unless relay is to stop at once. RelayError as above."""
        drain = 0.0 if self._stop.is_set() else seconds
        log.info("relay.stopping", drain=drain, grace=self._grace)
        await _until(self._stop, loops, drain)

    async def finish(self, *chains: Sequence[Ending]) -> None:
        """End these side by side, the steps of each chain one after the other, all of it before the deadline."""

        async def ended(chain: Sequence[Ending]) -> None:
            for end in chain:
                await end(max(0.0, deadline - loop.time()))

        loop = asyncio.get_running_loop()
        deadline = self._deadline or loop.time() + self._grace
        async with asyncio.TaskGroup() as group:
            for chain in chains:
                group.create_task(ended(chain))


async def _until(requested: asyncio.Event, loops: "Sequence[asyncio.Task[None]]", seconds: float | None = None) -> None:
    """Until that is requested, or so long. RelayError if relay cannot go on by itself."""
    stopped = asyncio.ensure_future(requested.wait())
    waiting: list[asyncio.Future[Any]] = [stopped, *loops]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=seconds)
    if stopped.done():
        return
    stopped.cancel()
    for task in loops:
        if task.done():  # better gone and started again than accepting what is not delivered
            raise RelayError("the worker or the scheduler ended by itself; start relay again") from task.exception()


async def cancelled(task: "asyncio.Task[None]") -> None:
    """End a background task. Asked again until it has: on Python 3.11 a cancellation that meets the end of a
    `wait_for`, as redis-py uses it, is swallowed (https://github.com/python/cpython/issues/86296)."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
    with contextlib.suppress(asyncio.CancelledError):
        await task
