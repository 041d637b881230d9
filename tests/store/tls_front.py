"""A port that takes TLS and clear text, for a server that only knows the latter: it looks how a client begins."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator

from tests.store.address import copy

HANDSHAKE = b"\x16"


class TlsFront:
    """`secured` counts the connections that came with TLS."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self._port = port
        self.context = context
        self.secured = 0
        self._forwarding: set[asyncio.Task[None]] = set()

    async def serve(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listening)
            task = asyncio.create_task(self._forward(client))
            self._forwarding.add(task)
            task.add_done_callback(self._forwarding.discard)

    async def _forward(self, client: socket.socket) -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        try:
            secure = await self._first(client) == HANDSHAKE
            self.secured += secure
            context = self.context if secure else None
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, client, ssl=context)
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            client.close()
            return
        try:
            await asyncio.gather(copy(reader, to_server), copy(from_server, writer))
        finally:
            writer.close()
            to_server.close()

    async def _first(self, client: socket.socket) -> bytes:
        """The first byte, which stays to be read."""
        readable, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(client, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(client)
        return client.recv(1, socket.MSG_PEEK)

    async def aclose(self) -> None:
        for task in [*self._forwarding]:
            task.cancel()
        await asyncio.gather(*self._forwarding, return_exceptions=True)


@contextlib.asynccontextmanager
async def tls_front(port: int, to: int, context: ssl.SSLContext) -> AsyncIterator[TlsFront]:
    """Listens on `port` of loopback for the server on the port `to`."""
    front = TlsFront(to, context)
    with socket.create_server(("127.0.0.1", port)) as listening:
        listening.setblocking(False)
        serving = asyncio.create_task(front.serve(listening))
        try:
            yield front
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await front.aclose()
