"""The sandbox as one process: its server, the loop that takes due steps and the loop that sends requests."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from relay.errors import StoreUnavailable
from relay.log_lines import location_of
from relay.receiving.server import serve
from relay.store.embedded.server import EmbeddedRedis
from relay_sandbox.api.server import ApiServer
from relay_sandbox.context import SandboxContext
from relay_sandbox.schema.texts import Links
from relay_sandbox.storage.state import State
from relay_sandbox.webhooks.outbox import Outbox

PAUSE = 0.05  # seconds between two looks when nothing is due
RETRY_PAUSE = 1.0  # seconds between two looks when Redis does not answer
LOOPBACK_OF = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - only compared with

CANCEL_INTERVAL = 1.0  # seconds after which a task that goes on is cancelled again

log = structlog.get_logger(__name__)


async def cancel_until_done(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them until they are done.

    On Python 3.11 a cancellation that meets the end of a `wait_for`, as redis-py uses it, is swallowed
    (https://github.com/python/cpython/issues/86296).
    """
    while going := [task for task in tasks if not task.done()]:
        for task in going:
            task.cancel()
        await asyncio.wait(going, timeout=CANCEL_INTERVAL)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # retrieved, or asyncio logs that it never was


class SandboxWorker:
    """The two background loops. `turn` does what is due now, for tests and for the loop."""

    def __init__(self, context: SandboxContext, server: ApiServer, session: aiohttp.ClientSession) -> None:
        self._context = context
        self._server = server
        self.outbox = Outbox(context, session)

    async def turn(self) -> int:
        """Handle everything that is due; how many records that was."""
        due = await self._context.state.claim("due", self._context.clock())
        for record_name in due:
            try:
                await self._handle(*record_name.split(":", 1))
            except StoreUnavailable:
                raise
            except Exception as error:  # noqa: BLE001 - a broken record must not hold up those after it
                log.error("sandbox.failed", record=record_name, error=type(error).__name__, place=location_of(error))
        return len(due)

    async def _handle(self, kind: str, id_: str) -> None:
        if kind == "batch":
            await self._server.batches.advance(id_)
        else:
            await self._server.operations.advance(id_)

    async def run(self) -> None:
        """Until it is cancelled. Redis may come and go."""
        loops = [asyncio.create_task(_repeat(turn)) for turn in (self.turn, self.outbox.start_due)]
        try:
            await asyncio.wait(loops)
        finally:
            await cancel_until_done(*loops)
            # The next claim of the lane sends it again, under the same id.
            await cancel_until_done(*self.outbox.in_flight)


async def _repeat(turn: Callable[[], Awaitable[int]]) -> None:
    while True:
        try:
            pause = 0.0 if await turn() else PAUSE
        except StoreUnavailable as error:
            log.warning("sandbox.waiting", reason=str(error))
            pause = RETRY_PAUSE
        except Exception as error:  # noqa: BLE001 - the next turn may well succeed
            log.error("sandbox.failed", error=type(error).__name__, place=location_of(error))
            pause = RETRY_PAUSE
        await asyncio.sleep(pause)


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that serves at this address."""

    address: str


@contextlib.asynccontextmanager
async def sandbox(
    *,
    token: str,
    data_dir: Path,
    redis_url: str = "",
    host: str = "127.0.0.1",
    port: int = 0,
    speed: float = 1.0,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[RunningSandbox]:
    """A sandbox that serves and works. Without `redis_url` it has a Redis of its own.

    Call it from the main thread. Raises OSError if the address is taken, EmbeddedRedisError without a Redis.
    """
    async with contextlib.AsyncExitStack() as stack:
        alone = not redis_url
        if alone:
            own = await stack.enter_async_context(EmbeddedRedis(data_dir))
            redis_url = own.url
        state = State.open(redis_url)
        stack.push_async_callback(state.aclose)
        if alone:
            await state.release(clock())
        links = Links("", await state.key())
        context = SandboxContext(state, clock, links, speed)
        server = ApiServer(context, token)
        runner = await serve(server.app(), host, port, grace=2.0)
        stack.push_async_callback(runner.cleanup)
        address, actual_port = LOOPBACK_OF.get(host, host), runner.addresses[0][1]
        links.base_url = f"http://{f'[{address}]' if ':' in address else address}:{actual_port}"
        session = await stack.enter_async_context(aiohttp.ClientSession())
        work = asyncio.create_task(SandboxWorker(context, server, session).run())
        stack.push_async_callback(asyncio.wait, [work])  # its Redis goes only after its loops, so it is cancelled once
        stack.callback(work.cancel)
        yield RunningSandbox(links.base_url)
