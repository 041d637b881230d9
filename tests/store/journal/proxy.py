"""A network between a process and its Redis that loses, cuts and holds back what the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

from relay.store.journal.scripts import Name, source
from tests.support.redis_server import RedisServer

Fate = Literal["pass", "lose answer", "lose call", "hold"]
NAMES: tuple[Name, ...] = ("commit", "append", "lease")
DIGESTS = {source(name, full)[1].encode(): name for name in NAMES for full in (False, True)}


class Proxy:
    """`fate` is asked for each call of a script, by its name. What is held is sent when the test says so.

    `befell`: a fate other than "pass" has come true; what was sent on is done.
    """

    def __init__(self, server: RedisServer) -> None:
        self._there = f"{server.directory}/redis.sock"
        self.path = f"{server.directory}/proxy-{id(self):x}.sock"
        self.url = f"unix://{self.path}?db=0"
        self.fate: Callable[[str], Fate] = lambda _name: "pass"
        self.held: list[bytes] = []
        self.befell = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()

    async def release(self) -> list[bytes]:
        """Send all that was held back, by a connection of its own, as a slow network would; return the answers."""
        answers = []
        reader, writer = await asyncio.open_unix_connection(self._there)
        for call in self.held:
            writer.write(call)
            answers.append(await reader.read(65_536))
        writer.close()
        self.held.clear()
        return answers

    async def cut(self) -> None:
        for serving in [*self._serving]:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_unix_connection(self._there)
        lost = False

        async def forward() -> None:
            nonlocal lost
            while asked := await reader.read(1 << 20):
                fate: Fate = "pass"
                for digest, name in DIGESTS.items():
                    if digest in asked:
                        fate = self.fate(name)
                if fate == "hold":
                    self.held.append(asked)
                if fate in ("hold", "lose call"):
                    self.befell.set()
                    break
                lost = fate == "lose answer"
                server.write(asked)
            else:
                server.close()
                return
            writer.transport.abort()
            server.close()

        forwarding = asyncio.create_task(forward())
        try:
            while answer := await answers.read(65_536):
                if lost:
                    self.befell.set()
                    break
                writer.write(answer)
        except OSError:
            pass
        finally:
            forwarding.cancel()
            for end in (writer, server):
                end.transport.abort()


@asynccontextmanager
async def proxy(server: RedisServer) -> AsyncIterator[Proxy]:
    between = Proxy(server)
    listening = await asyncio.start_unix_server(between.serve, between.path, limit=1 << 20)
    yield between
    listening.close()
    await between.cut()
    await asyncio.sleep(0)
