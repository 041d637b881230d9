"""Transport of one connection, which knows what has left this process and whether the server is still there.

A mail whose final dot was not handed to the system cannot have arrived, so that has to be known. Flow control
cannot tell: asyncio's and uvloop's TLS transports hand everything that they have encrypted to the socket's transport
below, however much that still holds, and so they let `drain()` go while megabytes wait. (They also pause at `size >=
high`: a high-water mark of 0, which works in clear text, pauses them for ever, and the next `drain()` never ends.) So
the transport below is made here, kept, and asked.
"""

import asyncio
import ssl
from typing import cast

from aiosmtplib import SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol

LOOK = 0.01  # seconds between two looks at a mail that the system has not taken at once, which only large ones are


class Wire(SMTPProtocol):
    """Protocol for the library. Its `transport` is the TLS one, once there is TLS."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self._below: asyncio.Transport | None = None  # the socket's
        self._ended = False  # by the server

    @property
    def is_connected(self) -> bool:
        """Return False once nothing written could leave. For some ticks only the transport below knows of a reset,
        and after an end without close_notify not even that: asyncio's TLS then drops silently what is written."""
        return super().is_connected and not self._ended and not (self._below and self._below.is_closing())

    async def open(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        """Connect, with TLS from the first byte on if there is a context. Raises OSError."""
        loop = asyncio.get_running_loop()
        if context is None:
            self._below, _ = await loop.create_connection(lambda: self, host, port)
            return
        # A plain protocol until TLS is up: what comes in clear text before that is not the server's greeting.
        self._below, _ = await loop.create_connection(asyncio.Protocol, host, port)
        if self._below.is_closing():  # asyncio would wait for a handshake until the time is up
            raise SMTPServerDisconnected("Connection lost")
        self.connection_made(self._below)  # now, since the greeting may come together with the end of the handshake
        self.transport = await loop.start_tls(self._below, self, context, server_hostname=host)

    async def drained(self) -> None:
        """Wait until the system has all that was written. SMTPServerDisconnected if it never will."""
        while self.is_connected and self._held():  # noqa: ASYNC110 - an empty transport below calls nothing
            await asyncio.sleep(LOOK)
        if not self.is_connected:
            raise SMTPServerDisconnected("Connection lost")

    def abort(self) -> None:
        """Close at once: what has not left by now never will."""
        if self._below:
            self._below.abort()

    def eof_received(self) -> bool:
        self._ended = True
        return super().eof_received()

    def _held(self) -> int:
        """Count the bytes that have not left, encrypted or not yet."""
        transports = {self._below, cast("asyncio.Transport | None", self.transport)} - {None}
        return sum(transport.get_write_buffer_size() for transport in transports if transport)
