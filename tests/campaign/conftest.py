"""Servers that keep no promise."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

Address = tuple[str, int]
Serve = Callable[[bytes | None], Awaitable[Address]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts one that gives every connection this answer at once; None: it says nothing, and never hangs up."""
    writers = list[asyncio.StreamWriter]()  # kept, for without its writer a connection ends
    async with AsyncExitStack() as stack:

        async def started(answer: bytes | None) -> Address:
            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writers.append(writer)
                stack.callback(writer.transport.abort)
                if answer is not None:
                    await reader.read(1)
                    writer.write(answer)
                    await writer.drain()
                    writer.write_eof()

            server = await asyncio.start_server(connected, "127.0.0.1", 0)
            stack.callback(server.close)
            host, port = server.sockets[0].getsockname()
            return host, port

        yield started
