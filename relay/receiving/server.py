"""The HTTP server: aiohttp's, within the limits of a guard, and with an end that answers what has begun."""

import asyncio
import contextlib
import logging
import os
import resource
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from relay.receiving.connection import Answer, watched
from relay.receiving.guard import MAX_CONNECTIONS, Guard, GuardedConnection

BACKLOG = 4096  # waiting to be accepted: a crowd delays others by milliseconds, a full queue by seconds
MAX_HANDSHAKES = 100  # of TLS at a time
PAUSE = 0.1  # seconds after an accept that failed: no file is free, or the client is gone
OTHER_FILES = 224  # of Redis, Slack, mail servers, the log and child processes
FEWEST = 16
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
    guard = guard or Guard()
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
    loop = asyncio.get_running_loop()

    def connect() -> GuardedConnection:
        return GuardedConnection(
            guard, server, loop=loop, keepalive_timeout=guard.idle_timeout, lingering_time=linger,
            logger=logger, access_log=None, auto_decompress=False,
        )  # fmt: skip

    try:
        bound = await loop.create_server(
            connect, host, port, reuse_port=reuse_port or None, backlog=BACKLOG, start_serving=context is None
        )
        listening = _TlsServer(bound, connect, context, guard.header_timeout, linger) if context else bound
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
        names = [listening_socket.getsockname() for listening_socket in self.listening.sockets]
        self.addresses = [(str(host), int(port)) for host, port, *_ in names]
        self._sweeping = asyncio.create_task(self.guard.sweep())

    def leave(self) -> None:
        """Let every answer from now on end its connection; new connections are accepted, and idle ones stay open."""
        self.guard.leaving = True

    async def cleanup(self, grace: float | None = None) -> None:
        """Listen no more; close what is idle now, the rest after its answer, and after `grace` seconds what is left."""
        self.leave()
        self.listening.close()
        await asyncio.sleep(0)  # a request that has come is no idle connection
        self.guard.close_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.grace if grace is None else grace):
                await self.guard.wait_until_empty()
        self._sweeping.cancel()
        await self.runner.cleanup()


class _TlsServer:
    """A server that counts handshakes of TLS, which are no connections yet: of too many, the oldest one is ended."""

    def __init__(
        self,
        bound: asyncio.Server,
        connect: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext,
        seconds: float,
        linger: float,
    ) -> None:
        """Take over the addresses of `bound`, which does not serve."""
        self.sockets = [socket.socket(fileno=os.dup(address.fileno())) for address in bound.sockets]
        bound.close()
        self._connect, self._context = connect, context
        # A client need not answer the end of TLS, and may not read it: that is given as long as the rest of a body.
        self._times = {"ssl_handshake_timeout": seconds, "ssl_shutdown_timeout": linger}
        self._shaking: dict[asyncio.Task[None], None] = {}  # in the order in which they came
        for listening in self.sockets:
            listening.setblocking(False)
            listening.listen(BACKLOG)
        self._accepting = [asyncio.create_task(self._accept(listening)) for listening in self.sockets]

    def close(self) -> None:
        """Accept no more, and end the handshakes."""
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
            if len(self._shaking) >= MAX_HANDSHAKES:
                oldest = next(iter(self._shaking))
                del self._shaking[oldest]
                oldest.cancel()
            task = asyncio.create_task(self._shake(client))
            self._shaking[task] = None
            task.add_done_callback(lambda done: self._shaking.pop(done, None))

    async def _shake(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it does not speak TLS, or hangs up
            await asyncio.get_running_loop().connect_accepted_socket(
                self._connect, client, ssl=self._context, **self._times
            )


def possible_connections() -> int:
    """Raise the limit of open files as far as allowed, and return how many connections leave enough for others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MAX_CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < files:
        soft = files if hard == resource.RLIM_INFINITY else min(files, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(FEWEST, min(MAX_CONNECTIONS, soft - OTHER_FILES))
