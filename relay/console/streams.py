"""Pages that are kept up to date while somebody looks: the part that lives is sent again when it has changed.

All who look at the same page share one question to the store (`PERIOD`), and nobody asks it when nobody looks.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp_sse import sse_response

from relay.console.access import STANDING

PERIOD = 2.0  # seconds between two looks
MOST = 16  # open streams of one process: a listener for operators has few places


class Streams:
    """`aclose` ends them all: an open stream must not hold up a stop."""

    def __init__(self, period: float = PERIOD) -> None:
        self._period = period
        self._open: set[asyncio.Task[Any]] = set()
        self._looks: dict[object, asyncio.Task[str]] = {}
        self._stopping = asyncio.Event()

    async def follow(self, request: web.Request, key: object, look: Callable[[], Awaitable[str]]) -> web.StreamResponse:
        """`look` makes the part anew; `key` says who may share it."""
        if len(self._open) >= MOST:
            raise web.HTTPServiceUnavailable(text="Too many pages are open; this one is not kept up to date.")
        if task := asyncio.current_task():
            self._open.add(task)
        shown, standing = "", request.get(STANDING)
        response: web.StreamResponse = web.Response()
        try:
            async with sse_response(request) as stream:
                response = stream
                while stream.is_connected() and not self._stopping.is_set():
                    if standing and not await standing.holds():
                        return response  # who was logged out, or may not any more, sees no more of it
                    part = await self._shared(key, look)
                    if part != shown:
                        await stream.send(part)
                        shown = part
                    await self._pause()
                return response
        except ConnectionResetError:  # who looked has gone, and nobody is owed an answer
            return response
        finally:
            if task:
                self._open.discard(task)

    async def aclose(self) -> None:
        self._stopping.set()
        if self._open:
            await asyncio.wait(self._open, timeout=1.0)
        for task in self._open:
            task.cancel()

    async def _shared(self, key: object, look: Callable[[], Awaitable[str]]) -> str:
        """The look that is under way or just over, of whoever began it."""
        if key not in self._looks:
            task = self._looks[key] = asyncio.ensure_future(look())
            asyncio.get_running_loop().call_later(self._period * 0.9, self._looks.pop, key, None)
            return await asyncio.shield(task)
        return await asyncio.shield(self._looks[key])

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._period):
                await self._stopping.wait()
        except TimeoutError:
            return
