"""Many requests one after the other on few connections, and the status of each."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from campaign.fuzz import without_date
from campaign.outputs import Outputs
from campaign.requests import Request

Named = tuple[str, str, Request]
PEER = "127.0.2.1"


async def answered(
    address: tuple[str, int], requests: Sequence[Request], outputs: Outputs, deadline: float, peer: str = PEER
) -> list[int]:
    """The status of each, in their order; 0 for one after which the connection ended without an answer."""
    statuses = []
    async for _, (head, body) in replies(address, [("", "", request) for request in requests], deadline, peer):
        outputs.add("answers", without_date(head + body))
        statuses.append(int(head.split(b" ", 2)[1]) if head else 0)
    return statuses


async def replies(
    address: tuple[str, int], batch: Sequence[Named], deadline: float, peer: str = PEER
) -> AsyncIterator[tuple[Named, tuple[bytes, bytes]]]:
    """Each request with the head and the body of its answer; both empty where its connection ended before."""
    done = 0
    async with asyncio.timeout(deadline):
        while done < len(batch):
            requests = [request for _, _, request in batch[done:]]
            for reply in await _connection(address, requests, peer) or [(b"", b"")]:
                yield batch[done], reply
                done += 1


async def _connection(address: tuple[str, int], requests: Sequence[Request], peer: str) -> list[tuple[bytes, bytes]]:
    came: list[tuple[bytes, bytes]] = []
    try:
        reader, writer = await asyncio.open_connection(*address, local_addr=(peer, 0))
    except OSError:
        return came
    try:
        writer.write(b"".join(request.raw() for request in requests))
        for request in requests:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
            )
            came.append((head, b"" if request.method == b"HEAD" else await reader.readexactly(length)))
    except (asyncio.IncompleteReadError, OSError):
        pass  # it is closed behind what cannot be read to its end
    finally:
        writer.transport.abort()
    return came
