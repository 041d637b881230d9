"""A Redis whose answers to scripts get lost: the connection ends where one would have come."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.redis_server import RedisServer


class Lossy:
    """Stands before a server. Scripts run there all the same while `losing`, and `lost` counts them."""

    def __init__(self, server: RedisServer) -> None:
        self._there = f"{server.directory}/redis.sock"
        self.path = f"{server.directory}/lossy.sock"
        self.url = f"unix://{self.path}?db=0"
        self.losing = False
        self.lost = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, commands = await asyncio.open_unix_connection(self._there)
        asked = b""

        async def forward() -> None:
            nonlocal asked
            while asked := await reader.read(65_536):
                commands.write(asked)
            commands.close()

        forwarding = asyncio.create_task(forward())
        with contextlib.suppress(OSError):
            while answer := await answers.read(65_536):
                if self.losing and b"EVALSHA" in asked:
                    self.lost += 1
                    break
                writer.write(answer)
        forwarding.cancel()
        writer.close()
        commands.close()


@asynccontextmanager
async def lossy(server: RedisServer) -> AsyncIterator[Lossy]:
    between = Lossy(server)
    listening = await asyncio.start_unix_server(between.serve, between.path)
    yield between
    listening.close()
