"""Bytes to a listener and what comes back, on connections that nothing makes polite."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.patience import busyness

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
QUIET = 1.0  # seconds of a machine at rest without an answer, after which we say that nothing more comes from us
BRISK = 0.1  # seconds that an answer usually takes at most
PAUSE = 0.01  # between two pieces
MOST = 4 * 2**20  # bytes of answers that are kept of a connection


class Slots:
    """So many at a time that keep relay busy. Who waits for something else is soon no longer counted."""

    def __init__(self, count: int) -> None:
        self._semaphore = asyncio.Semaphore(count)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        await self._semaphore.acquire()
        timer = asyncio.get_running_loop().call_later(BRISK, self._semaphore.release)
        try:
            yield
        finally:
            if timer.when() > asyncio.get_running_loop().time():
                timer.cancel()
                self._semaphore.release()


@dataclass
class Exchange:
    """Record of what came of one connection. `held`: it was neither answered nor closed in time."""

    data: bytes
    closed: bool
    held: bool
    seconds: float

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in STATUS.findall(self.data)]


class _Collecting(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = bytearray()
        self.closed = False
        self.changed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        if len(self.data) < MOST:
            self.data += data
        self.changed.set()

    def eof_received(self) -> bool:
        self.closed = True
        self.changed.set()
        return False

    def connection_lost(self, _error: BaseException | None) -> None:
        self.closed = True
        self.changed.set()


async def exchange(
    address: tuple[str, int],
    pieces: Sequence[bytes],
    *,
    answers: int = 1,
    peer: str = "127.0.0.1",
    ending: bool = True,
    deadline: float = 30.0,
) -> Exchange:
    """Send these pieces, and return once so many answers are there, or the connection is closed.

    If neither comes soon, our side is ended; a client that is not `ending` leaves it open. `deadline` is in seconds.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        connecting = loop.create_connection(_Collecting, *address, local_addr=(peer, 0))
        transport, protocol = await asyncio.wait_for(connecting, deadline)
    except OSError:
        return Exchange(b"", closed=True, held=False, seconds=loop.time() - begun)
    try:
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(PAUSE)
            if protocol.closed:
                break
            transport.write(piece)
        held = not await _settled(protocol, transport, answers, ending=ending, deadline=deadline)
        return Exchange(bytes(protocol.data), protocol.closed, held, loop.time() - begun)
    finally:
        transport.abort()


async def _settled(protocol: _Collecting, transport: Any, answers: int, *, ending: bool, deadline: float) -> bool:
    loop = asyncio.get_running_loop()
    end, ended = loop.time() + deadline, not ending
    while not protocol.closed and len(STATUS.findall(protocol.data)) < answers:
        protocol.changed.clear()
        left = end - loop.time() if ended else QUIET * busyness()
        if left <= 0:
            return bool(protocol.data)  # answered, though not all that came after it
        try:
            await asyncio.wait_for(protocol.changed.wait(), left)
        except TimeoutError:
            if not ended and transport.can_write_eof() and not transport.is_closing():
                transport.write_eof()
            ended = True
    return True
