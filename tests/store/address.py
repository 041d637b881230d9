"""One address of Redis that leads to another server after a failover, as a DNS name or a virtual IP does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Address:
    """Forwards each new connection to the server of now; those that stand stay where they are."""

    def __init__(self, port: int) -> None:
        self.port = port  # of the server on loopback that new connections reach
        self.connections = 0
        self.url = ""

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, to_server), copy(from_server, writer))


@contextlib.asynccontextmanager
async def address(port: int) -> AsyncIterator[Address]:
    """An address of which new connections reach this port."""
    behind = Address(port)
    server = await asyncio.start_server(behind.forward, "127.0.0.1", 0)
    behind.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    try:
        yield behind
    finally:
        server.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
