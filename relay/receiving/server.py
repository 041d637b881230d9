"""The HTTP server: aiohttp's, with the limits of a guard and an end that answers what has begun."""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from relay.receiving.connection import Answer, GuardedConnection, watched
from relay.receiving.guard import Guard

BACKLOG = 4096  # waiting to be accepted: a crowd delays others by milliseconds, a full queue by seconds
MAX_HANDSHAKES = 100  # of TLS at a time, which are no connections yet
PAUSE = 0.1  # seconds after an accept that failed: no file is free, or the client is gone
CUT_OFF = 0.1  # seconds that aiohttp waits, twice, for requests whose time is over


async def serve(
    app: web.Application | Answer,
    host: str,
    port: int,
    *,
    reuse_port: bool = False,
    linger: float = 2.0,
    grace: float = 30.0,
    guard: Guard | None = None,
    context: ssl.SSLContext | None = None,
) -> "GuardedRunner":
    """Listen on host and port (0: any), by TLS alone with a `context`. Times are seconds. OSError if taken.

    Instead of an application one function may answer all requests.
    """
    loop, guard = asyncio.get_running_loop(), guard or Guard()
    runner: web.BaseRunner = (
        web.AppRunner(app, shutdown_timeout=CUT_OFF)
        if isinstance(app, web.Application)
        else web.ServerRunner(web.Server(app), shutdown_timeout=CUT_OFF)
    )
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("aiohttp's runner was set up without a server")
    server.request_handler = watched(server.request_handler)
    logger = logging.Logger("relay.receiving.server")  # without a handler: what matters comes by log_exception

    def connect() -> GuardedConnection:
        return GuardedConnection(
            guard, server, loop=loop, keepalive_timeout=guard.idle_timeout, lingering_time=linger,
            logger=logger, access_log=None, auto_decompress=False,
        )  # fmt: skip

    async def shake(client: socket.socket) -> None:
        # A client need not answer the end of TLS, and may not read it: it is waited for as long as for a body's rest.
        await loop.connect_accepted_socket(
            connect, client, ssl=context, ssl_handshake_timeout=guard.header_timeout, ssl_shutdown_timeout=linger
        )

    try:
        bound = await loop.create_server(
            connect, host, port, reuse_port=reuse_port or None, backlog=BACKLOG, start_serving=context is None
        )
        listening = _TlsServer(bound, shake, min(MAX_HANDSHAKES, guard.max_connections)) if context else bound
    except BaseException:
        await runner.cleanup()
        raise
    return GuardedRunner(runner, listening, guard, grace)


@dataclass(eq=False)
class GuardedRunner:
    """A server that listens, and closes no connection in the middle of a request."""

    runner: web.BaseRunner
    listening: "asyncio.Server | _TlsServer"
    guard: Guard
    grace: float

    def __post_init__(self) -> None:
        self.addresses: list[Any] = [listening_socket.getsockname() for listening_socket in self.listening.sockets]
        self._sweeping = asyncio.create_task(self.guard.sweep())

    def leave(self) -> None:
        """Let every answer from now on end its connection; new connections are accepted, and idle ones stay open."""
        self.guard.leaving = True

    async def cleanup(self, grace: float | None = None) -> None:
        """Listen no more; close what is idle now, the rest after its answer, and after `grace` seconds what is left."""
        self.leave()
        self.listening.close()
        await asyncio.sleep(0)  # a request that has come is no idle connection
        for connection in [*self.guard.idle]:
            connection.close_if_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.grace if grace is None else grace):
                while not self.guard.quiet:
                    self.guard.changed.clear()
                    await self.guard.changed.wait()
        self._sweeping.cancel()
        await self.runner.cleanup()


class _TlsServer:
    """Accept TLS connections, of which at most `max_handshakes` shake hands; of more, the longest at it is let go."""

    def __init__(
        self, bound: asyncio.Server, shake: Callable[[socket.socket], Awaitable[None]], max_handshakes: int
    ) -> None:
        """`bound` does not serve, and is closed: only its addresses are taken over."""
        self.sockets = [socket.socket(fileno=os.dup(address.fileno())) for address in bound.sockets]
        bound.close()
        self._shake = shake
        self._max_handshakes = max_handshakes
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

    async def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = await asyncio.get_running_loop().sock_accept(listening)
            except OSError:
                await asyncio.sleep(PAUSE)
                continue
            if len(self._shaking) >= self._max_handshakes:
                longest = next(iter(self._shaking))
                del self._shaking[longest]
                longest.cancel()
            task = asyncio.create_task(self._begin(client))
            self._shaking[task] = None
            task.add_done_callback(lambda done: self._shaking.pop(done, None))

    async def _begin(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a stranger that does not speak TLS, or hangs up
            await self._shake(client)
