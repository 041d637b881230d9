"""The HTTP server: aiohttp's, within the limits of a guard, and with an end that answers what has begun."""

import asyncio
import contextlib
import logging
import resource
from dataclasses import dataclass

from aiohttp import web

from relay.receiving.connection import Answer, watched
from relay.receiving.guard import MAX_CONNECTIONS, Guard, GuardedConnection

BACKLOG = 4096  # waiting to be accepted: a crowd delays others by milliseconds, a full queue by seconds
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
) -> "GuardedRunner":
    """Listen on host and port (0: any). Times are seconds. OSError if taken.

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
        listening = await loop.create_server(connect, host, port, reuse_port=reuse_port or None, backlog=BACKLOG)
    except BaseException:
        await runner.cleanup()
        raise
    return GuardedRunner(runner, listening, guard, grace)


@dataclass(eq=False)
class GuardedRunner:
    """A server that listens, and closes no connection in the middle of a request."""

    runner: web.BaseRunner
    listening: asyncio.Server
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


def possible_connections() -> int:
    """Raise the limit of open files as far as allowed, and return how many connections leave enough for others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MAX_CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < files:
        soft = files if hard == resource.RLIM_INFINITY else min(files, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(FEWEST, min(MAX_CONNECTIONS, soft - OTHER_FILES))
