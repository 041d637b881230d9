"""Crowds of connections that give nothing back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from campaign.seeds import HOST, JSON, Request

IDLE, UPLOADS, UNREAD = 900, 300, 60
MOST_OF_IT = 900_000  # bytes of a body that come at once, and then
TRICKLE = 2048  # every
BREATH = 0.2  # seconds, in which of those that were thrown out
AGAIN = 10  # come again, of each crowd


@dataclass(frozen=True)
class Crowd:
    """So many connections at any time. Each says `first`, and then `more` as long as it is let."""

    name: str
    count: int
    first: bytes
    more: bytes = b""
    reads: bool = True


def crowds(scale: float) -> dict[str, list[Crowd]]:
    """One attack after the other: all kinds together, and then bodies that fill what there is for bodies."""
    headers = (HOST, JSON, (b"X-Webhook-Signature", b"sha256=" + b"0" * 64), (b"Content-Length", b"1048576"))
    slow = Request(b"POST", b"/webhooks/hmac", headers, length=False).raw()
    endless = Request(b"GET", b"/readyz", (HOST,)).raw() * 1000

    idle_count, uploads, unread = (max(2, round(count * scale)) for count in (IDLE, UPLOADS, UNREAD))
    idle = Crowd("idle", idle_count, b"")
    large = Crowd("large unsigned uploads", uploads, slow + b" " * MOST_OF_IT, b" " * TRICKLE)
    deaf = Crowd("that never read", unread, endless, endless, reads=False)
    return {
        "a crowd": [idle, Crowd("slow unsigned uploads", uploads, slow, b" " * TRICKLE), deaf],
        "large bodies": [idle, large],
    }


class Member(asyncio.Protocol):
    """One of a crowd."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.gone = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if not self.crowd.reads:
            transport.pause_reading()
        transport.write(self.crowd.first)

    def connection_lost(self, _error: BaseException | None) -> None:
        self.gone = True


@asynccontextmanager
async def gathered(address: tuple[str, int], crowd: Crowd) -> AsyncIterator[list[Member]]:
    """It is there, as far as it is let in, and goes on until it is left: who is thrown out comes again."""
    members: list[Member] = []
    await _fill(address, crowd, members, crowd.count)
    pushing = asyncio.create_task(_push(address, crowd, members))
    try:
        yield members
    finally:
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)
        for member in members:
            member.transport.abort()


async def _fill(address: tuple[str, int], crowd: Crowd, members: list[Member], count: int) -> None:
    loop = asyncio.get_running_loop()
    members[:] = [member for member in members if not member.gone]
    for _ in range(min(crowd.count - len(members), count)):
        with contextlib.suppress(OSError):
            _, member = await loop.create_connection(lambda: Member(crowd), *address)
            members.append(member)


async def _push(address: tuple[str, int], crowd: Crowd, members: list[Member]) -> None:
    """A little more on each connection, as long as there is room for it on its way."""
    while True:
        for member in members:
            if crowd.more and not member.gone and not member.transport.get_write_buffer_size():
                member.transport.write(crowd.more)
        await asyncio.sleep(BREATH)
        await _fill(address, crowd, members, AGAIN)
