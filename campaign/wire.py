"""Bytes to a listener and what comes back, on connections that nothing makes polite."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from campaign.seeds import Request
from tests.support.patience import busyness
from tests.support.sender import read_reply

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
QUIET = 1.0  # seconds of a machine at rest without an answer, after which we say that nothing more comes from us
PAUSE = 0.01  # between two pieces


@dataclass
class Exchange:
    """Record of what came of one connection. `held`: it was neither answered nor closed in time."""

    data: bytes
    held: bool
    seconds: float

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in STATUS.findall(self.data)]


async def exchange(
    address: tuple[str, int], pieces: Sequence[bytes], *, answers: int, ending: bool, deadline: float
) -> Exchange:
    """Send these pieces, and return once so many answers are there, or the connection is closed.

    If neither comes soon, our side is ended; a client that is not `ending` leaves it open. `deadline` is in seconds.
    """
    loop, data = asyncio.get_running_loop(), b""
    start, ended = loop.time(), not ending
    try:
        reader, writer = await asyncio.open_connection(*address)
    except OSError:
        return Exchange(b"", held=False, seconds=loop.time() - start)
    try:
        for number, piece in enumerate(pieces):
            await asyncio.sleep(PAUSE if number else 0)
            if writer.is_closing():
                break
            writer.write(piece)
        while len(STATUS.findall(data)) < answers and loop.time() - start < deadline:
            try:
                left = deadline - (loop.time() - start) if ended else QUIET * busyness()
                came = await asyncio.wait_for(reader.read(2**16), left)
                if not came:
                    break
                data += came
            except TimeoutError:
                if not ended and writer.can_write_eof() and not writer.is_closing():
                    writer.write_eof()
                ended = True
        else:
            held = not data
            return Exchange(data, held, loop.time() - start)
    except OSError:
        pass  # it was closed in the middle
    finally:
        writer.transport.abort()
    return Exchange(data, held=False, seconds=loop.time() - start)


async def answered(address: tuple[str, int], requests: Sequence[Request], deadline: float) -> list[int]:
    """Return the status of each, in their order; 0 for one after which the connection ended without an answer."""
    statuses: list[int] = []
    async with asyncio.timeout(deadline):
        while len(statuses) < len(requests):
            statuses += await _connection(address, requests[len(statuses) :])
    return statuses


async def _connection(address: tuple[str, int], requests: Sequence[Request]) -> list[int]:
    """Return the statuses of those that are answered on one connection; 0 if the first is not."""
    came: list[int] = []
    try:
        reader, writer = await asyncio.open_connection(*address)
    except OSError:
        return [0]
    writer.write(b"".join(request.raw() for request in requests))
    for _ in requests:
        if not (reply := await read_reply(reader)).status:
            break
        came.append(reply.status)
    writer.transport.abort()
    return came or [0]
