"""Accepting connections that begin with TLS. asyncio sets no limit there: until hands are shaken nobody hears of them.

Only so many shake hands at a time. Of more, the one that has been at it for longest is let go: it takes an honest
client two round trips.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable

BACKLOG = 4096  # waiting to be accepted: a crowd delays others by milliseconds, a full queue by seconds
PAUSE = 0.1  # seconds after an accept that failed: no file is free, or the client is gone


class Accepting:
    """What an `asyncio.Server` is to its owner: `sockets`, and `close()`. `shake` raises OSError where it fails."""

    def __init__(self, bound: asyncio.Server, shake: Callable[[socket.socket], Awaitable[object]], most: int) -> None:
        """`bound` does not serve, and is closed: only its addresses are taken over."""
        self.sockets = [socket.socket(fileno=os.dup(address.fileno())) for address in bound.sockets]
        bound.close()
        self._shake = shake
        self._most = most
        self._shaking: dict[asyncio.Task[None], None] = {}  # in the order in which they came
        for listening in self.sockets:
            listening.setblocking(False)
            listening.listen(BACKLOG)
        self._accepting = [asyncio.create_task(self._accept(listening)) for listening in self.sockets]

    def close(self) -> None:
        """Accept no more, and let go who is not in yet."""
        for task in (*self._accepting, *self._shaking):
            task.cancel()
        for listening in self.sockets:
            listening.close()
        self.sockets = []

    async def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = await asyncio.get_running_loop().sock_accept(listening)
            except OSError:
                await asyncio.sleep(PAUSE)
                continue
            if len(self._shaking) >= self._most:
                longest = next(iter(self._shaking))
                del self._shaking[longest]
                longest.cancel()
            task = asyncio.create_task(self._begin(client))
            self._shaking[task] = None
            task.add_done_callback(lambda done: self._shaking.pop(done, None))

    async def _begin(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a stranger that does not speak TLS, or hangs up: nothing to tell
            await self._shake(client)
