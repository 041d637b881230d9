"""The sandbox as one process: its server, and the two loops that make things happen and send what tells of them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import structlog

from relay.errors import StoreUnavailable
from relay.receiving.problems import place
from relay.receiving.server import serve
from relay.sandbox.api.server import Server
from relay.sandbox.context import SandboxContext
from relay.sandbox.jobs.profile import EventLogProfile
from relay.sandbox.jobs.tasks import Jobs, end
from relay.sandbox.runner import Runner
from relay.sandbox.schema.links import Links
from relay.sandbox.storage.state import State
from relay.sandbox.webhooks.outbox import Outbox
from relay.store.embedded.server import EmbeddedRedis

PAUSE = 0.05  # seconds between two looks when nothing is due
TROUBLED = 1.0  # seconds between two looks when Redis does not answer
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - only compared with

log = structlog.get_logger(__name__)


class Worker:
    """Everything that happens without being asked for. `turn` does what is due now, for tests and for the loops."""

    def __init__(self, desk: SandboxContext, server: Server, session: aiohttp.ClientSession) -> None:
        self._desk = desk
        self._server = server
        self.jobs = Jobs(desk, server.operations)
        self.outbox = Outbox(desk, session)

    async def turn(self) -> int:
        """Look at everything that is due; how much that was."""
        due = await self._desk.state.claim("due", self._desk.clock())
        for each in due:
            try:
                await self._look(*each.split(":", 1))
            except StoreUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - one that cannot be handled must not hold up those after it
                log.error("sandbox.failed", record=each, error=type(error).__name__, place=place(error))
        return len(due)

    async def _look(self, kind: str, id_: str) -> None:
        if kind == "batch":
            await self._server.batches.advance(id_)
        elif await self._server.operations.advance(id_):
            self.jobs.run(id_)

    async def run(self) -> None:
        """Until it is cancelled. Redis may come and go."""
        loops = [asyncio.create_task(_repeat(turn)) for turn in (self.turn, self.outbox.begin)]
        try:
            await asyncio.wait(loops)
        finally:
            await end(*loops)
            await end(*self.outbox.under_way)  # whoever claims the lane next sends it again, under the same id
            await self.jobs.stop()


async def _repeat(turn: Callable[[], Awaitable[int]]) -> None:
    while True:
        try:
            pause = 0.0 if await turn() else PAUSE
        except StoreUnavailable as error:
            log.warning("sandbox.waiting", reason=str(error))
            pause = TROUBLED
        except Exception as error:  # noqa: BLE001 - the next turn may well succeed
            log.error("sandbox.failed", error=type(error).__name__, place=place(error))
            pause = TROUBLED
        await asyncio.sleep(pause)


@dataclass(frozen=True)
class Serving:
    """`failed` is set, with what to tell the operator, when its own Redis cannot be kept running."""

    address: str
    failed: asyncio.Future[str]


@contextlib.asynccontextmanager
async def sandbox(
    *,
    token: str,
    data_dir: Path,
    redis_url: str = "",
    host: str = "127.0.0.1",
    port: int = 0,
    speed: float = 1.0,
    runners: Mapping[str, Runner] | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Serving]:
    """A sandbox that serves and works. Without `redis_url` it has a Redis of its own.

    Call it from the main thread. Raises OSError if the address is taken, EmbeddedRedisError without a Redis.
    """
    async with contextlib.AsyncExitStack() as held:
        failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        alone = not redis_url
        if alone:
            own = await held.enter_async_context(EmbeddedRedis(data_dir))
            redis_url, failed = own.url, own.failed
        state = State.open(redis_url)
        held.push_async_callback(state.aclose)
        if alone:
            await state.release(clock())
        links = Links("", await state.key())
        known = {"EventLogProfile": EventLogProfile(data_dir / "datasets")} if runners is None else runners
        desk = SandboxContext(state, clock, links, speed, known)
        server = Server(desk, token)
        runner = await serve(server.app(), host, port, grace=2.0)
        held.push_async_callback(runner.cleanup)
        address, taken = ANY.get(host, host), runner.addresses[0][1]
        links.base_url = f"http://{f'[{address}]' if ':' in address else address}:{taken}"
        session = await held.enter_async_context(aiohttp.ClientSession())
        work = asyncio.create_task(Worker(desk, server, session).run())
        held.push_async_callback(_ended, work)
        yield Serving(links.base_url, failed)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
