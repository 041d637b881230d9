"""Live pages: the part that lives is sent again when it has changed.

All viewers of a page share one query (`PERIOD`), and queries take little of the time of events (`SHARE`). Without
changes a sign of life goes out every `ALIVE` seconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp_sse import sse_response

from relay.console.access import IDENTITY, STILL_ALLOWED
from relay.console.facts import Unknown
from relay.errors import StoreUnavailable
from relay.receiving.problems import RateLimitedLog, failed

PERIOD = 2.0  # seconds from one look to the next
SHARE = 0.01  # of all time, that looks at all pages may take together
LONGEST = 10.0  # seconds from one look to the next, however long one takes: who looks wants to see something
ALIVE = 10.0  # seconds without a word; the page says that it may be old after three times that (console.js)
MOST, MOST_EACH = 16, 8  # open streams of one process, and of one user: a listener for operators has few places


@dataclass(slots=True)
class _Page:
    """A page that `viewers` look at, and from when on (by the loop's clock) there may be another look."""

    viewers: int = 0
    look: asyncio.Task[str] | None = None
    due: float = 0.0


@dataclass(eq=False, slots=True)
class _Stream:
    """A stream that `owner` has open, until it is to end."""

    owner: tuple[str, str]
    task: asyncio.Task[Any] | None
    ending: asyncio.Event = field(default_factory=asyncio.Event)


class Streams:
    """`aclose` ends them all: an open stream must not hold up a stop."""

    def __init__(self, period: float = PERIOD, alive: float = ALIVE) -> None:
        self._period = period
        self._alive = alive
        self._lines = RateLimitedLog(time.monotonic)
        self._open = set[_Stream]()
        self._pages: dict[object, _Page] = {}
        self._stopping = False

    async def follow(self, request: web.Request, key: object, look: Callable[[], Awaitable[str]]) -> web.StreamResponse:
        """Send what `look` returns, shared by `key`; HTTPServiceUnavailable at the limit."""
        viewer = self._begin(request)
        page = self._pages.setdefault(key, _Page())
        page.viewers += 1
        still_allowed = request.get(STILL_ALLOWED)
        response: web.StreamResponse = web.Response()
        try:
            part, shown = await self._newest(page, look), ""  # what cannot be shown is no stream, but said as it is
            if request.transport is None:
                return response  # who looked has gone meanwhile
            async with sse_response(request) as stream:
                response = stream
                clock = asyncio.get_running_loop().time
                quiet = clock()
                while stream.is_connected() and not viewer.ending.is_set():
                    if part != shown:
                        await stream.send(part)
                        shown, quiet = part, clock()
                    elif clock() - quiet >= self._alive:
                        await stream.send("", event="alive")
                        quiet = clock()
                    await self._pause(page, viewer)
                    try:
                        if still_allowed and not await still_allowed():
                            return response  # who was logged out, or may not any more, sees no more of it
                        part = await self._newest(page, look)
                    except (StoreUnavailable, Unknown):
                        return response  # the browser comes again, is told that, and says it on the page
                    except Exception as error:  # noqa: BLE001 - a second answer would stand in the midst of this one
                        failed(self._lines, error)
                        return response
                return response
        except ConnectionResetError:  # who looked has gone, and nobody is owed an answer
            return response
        finally:
            page.viewers -= 1
            if not page.viewers:
                self._pages.pop(key, None)
            self._open.discard(viewer)

    async def aclose(self) -> None:
        self._stopping = True
        for stream in self._open:
            stream.ending.set()
        if tasks := [stream.task for stream in self._open if stream.task]:
            await asyncio.wait(tasks, timeout=1.0)
        for task in tasks:
            task.cancel()

    def _begin(self, request: web.Request) -> _Stream:
        identity = request.get(IDENTITY)
        viewer = _Stream((identity.via, identity.name) if identity else ("", ""), asyncio.current_task())
        owned = sum(stream.owner == viewer.owner for stream in self._open)
        if self._stopping or len(self._open) >= MOST or owned >= MOST_EACH:
            raise web.HTTPServiceUnavailable(text="Too many pages are open; this one is not kept up to date.")
        self._open.add(viewer)
        return viewer

    async def _newest(self, page: _Page, look: Callable[[], Awaitable[str]]) -> str:
        """Return what the look that is under way or just over gives, whoever began it; a new one once it is time."""
        if page.look is None or (page.look.done() and asyncio.get_running_loop().time() >= page.due):
            page.look = asyncio.create_task(self._timed(page, look))
        return await asyncio.shield(page.look)

    async def _timed(self, page: _Page, look: Callable[[], Awaitable[str]]) -> str:
        clock = asyncio.get_running_loop().time
        began = clock()
        page.due = began + self._period  # also where it fails
        part = await look()
        page.due = began + pause_after(clock() - began, len(self._pages), self._period)
        return part

    async def _pause(self, page: _Page, viewer: _Stream) -> None:
        """Wait until the next look; but whether anybody is still there is asked as often as ever."""
        end = min(page.due, asyncio.get_running_loop().time() + self._period)
        try:
            async with asyncio.timeout_at(end):
                await viewer.ending.wait()
        except TimeoutError:
            return


def pause_after(took: float, pages: int, period: float = PERIOD) -> float:
    """Return the seconds from a look that took so many seconds to the next one, with so many pages looked at."""
    return max(period, min(LONGEST, took * pages / SHARE))
