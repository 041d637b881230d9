"""What the processes share, held for as long as one of them lives: the ports, the private Redis, the metrics."""

import asyncio
import socket
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from relay.errors import PORTS, CannotListen
from relay.store.embedded.server import FAREWELL, EmbeddedRedis, find_server
from relay.supervisor.child import Child


class Shared:
    """`async with Shared(env) as shared`, left when every process has ended."""

    metrics: str
    """Each process counts for itself; a scrape of any of them adds up what all have written here."""
    lost: asyncio.Future[str]
    """Set once, with what to tell the operator, when the private Redis cannot be kept running."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._held = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.lost = asyncio.get_running_loop().create_future()
        self._directory = tempfile.TemporaryDirectory(prefix="relay-")
        self.metrics = self._directory.name
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._held.aclose()
        finally:
            self._directory.cleanup()

    async def provide(self, first: Child) -> dict[str, str]:
        """Ports and Redis, as the configuration that this process reads wants them; what all must know of them.

        EOFError: the process has ended. CannotListen: a port is taken. EmbeddedRedisError: there is no private Redis.
        """
        settings = await first.ask("settings")
        additions = {}
        async with AsyncExitStack() as held:
            for section, host, port in settings["addresses"]:
                # Bound but not listening: it keeps the port for the processes, and finds out first if others have it.
                reserved = held.enter_context(_reserve(section, host, port))
                additions[PORTS[section][1]] = str(reserved.getsockname()[1])
            if settings["data_dir"]:
                additions["RELAY_REDIS_URL"] = await self._private_redis(Path(settings["data_dir"]), held)
                await first.ask("take_over", additions["RELAY_REDIS_URL"])
            self._held = held.pop_all()
        return additions

    async def _private_redis(self, data_dir: Path, held: AsyncExitStack) -> str:
        embedded = EmbeddedRedis(data_dir, find_server(self._env.get("RELAY_REDIS_SERVER", "")))
        url = await embedded.start()
        held.push_async_callback(embedded.stop, FAREWELL)
        embedded.failed.add_done_callback(self._lose)
        return url

    def _lose(self, failed: asyncio.Future[str]) -> None:
        if not self.lost.done():
            self.lost.set_result(failed.result())


def _reserve(section: str, host: str, port: int) -> socket.socket:
    """A socket that holds this listener's address for others which share it. CannotListen if it is not to be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        held = socket.socket(family, kind, protocol)
        try:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind(address)
        except OSError:
            held.close()
            raise
    except OSError as error:
        raise CannotListen(section, host, port, error) from None
    return held
