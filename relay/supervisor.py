"""Several relay processes on one port and one Redis, for machines with more cores than one process can use."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import multiprocess

from relay.channels import CHANNELS
from relay.config import load
from relay.errors import EmbeddedRedisError, RelayError
from relay.store import Store
from relay.store.embedded.server import FAREWELL, EmbeddedRedis, ends_with_parent, find_server

log = structlog.get_logger(__name__)

RESTART_PAUSE = 1.0  # seconds
REFUSED = 1  # the status of a relay that says what is wrong and does not start
SETTLED = 10.0  # seconds after which a process that ends was not refused but has crashed
PATIENCE = 27.0  # seconds for the processes to stop, which they see to themselves; then comes the private Redis


class Supervisor:
    """Starts `count` relays that share the port; starts one again when it dies. The private Redis is this one's."""

    def __init__(
        self,
        path: Path,
        env: Mapping[str, str],
        *,
        role: str,
        count: int,
        options: Sequence[str] = (),
        patience: float = PATIENCE,
    ) -> None:
        """`options` are further ones of `relay serve`, for each of them."""
        self._path = path
        self._env = dict(env)
        self._role = role
        self._count = count
        self._options = options
        self._patience = patience
        self.python = sys.executable
        self._stopping = asyncio.Event()
        self._refused = False
        self._children: set[Process] = set()
        self.config = load(path, env=env, channels=CHANNELS)

    def drain(self) -> None:
        """Stop as `Relay.drain` does. The port stays reserved, and Redis up, until every process has ended."""
        self._end(signal.SIGTERM)

    def stop(self) -> None:
        """Stop as `Relay.stop` does."""
        self._end(signal.SIGINT)

    def reload(self) -> None:
        self._signal(signal.SIGHUP)

    async def run(self) -> None:
        """Serve until `stop`. OSError: the port is taken. RelayError: a process does not start, or has no Redis."""
        async with contextlib.AsyncExitStack() as stack:  # closed in reverse: the processes have ended by then
            server = self.config.server
            # Bound but not listening: it keeps the port for the processes, and finds out first if others have it.
            reserved = stack.enter_context(_reserve(server.host, server.port))
            self._env["RELAY_PORT"] = str(reserved.getsockname()[1])
            waiting: list[asyncio.Future[Any]] = []
            if not self.config.redis.url:
                embedded = EmbeddedRedis(self.config.data_dir, find_server(self._env.get("RELAY_REDIS_SERVER", "")))
                self._env["RELAY_REDIS_URL"] = await embedded.start()
                stack.push_async_callback(embedded.stop, FAREWELL)
                await _take_over(embedded.url)
                waiting.append(embedded.failed)
            # Each process counts for itself; a scrape of any of them adds up what all have written here.
            self._env["PROMETHEUS_MULTIPROC_DIR"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-"))
            relays = asyncio.gather(*(self._keep_running(number) for number in range(self._count)))
            await asyncio.wait([*waiting, relays], return_when=asyncio.FIRST_COMPLETED)
            lost = waiting[0].result() if waiting and waiting[0].done() and not self._stopping.is_set() else ""
            self.stop()
            await relays
            if lost:
                raise EmbeddedRedisError(lost)
            if self._refused:
                raise RelayError("relay did not start: the lines above say why")

    async def _keep_running(self, number: int) -> None:
        """Run one relay, again and again, until `stop`."""
        first = True
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                child = await asyncio.create_subprocess_exec(
                    # Without this one the private Redis is gone, and another may want the port: no time to drain.
                    *self._command(), env=self._env, start_new_session=True, preexec_fn=ends_with_parent(signal.SIGINT)
                )  # fmt: skip
            except (OSError, subprocess.SubprocessError) as error:  # no memory or no process left: the others go on
                log.error("process.not_started", number=number, reason=str(error), again_in=RESTART_PAUSE)
                await self._pause()
                continue
            self._children.add(child)
            log.info("process.started", number=number, pid=child.pid)
            if self._stopping.is_set():  # it came too late to hear of it, and has nothing to drain
                child.send_signal(signal.SIGTERM)
            status = await child.wait()
            self._children.discard(child)
            multiprocess.mark_process_dead(child.pid, self._env["PROMETHEUS_MULTIPROC_DIR"])  # type: ignore[no-untyped-call]
            if first and status == REFUSED and time.monotonic() - started < SETTLED:
                self._refused = self._refused or not self._stopping.is_set()
                self.stop()
                return
            first = False
            if not self._stopping.is_set():
                log.error("process.ended", number=number, pid=child.pid, status=status, restart_in=RESTART_PAUSE)
                await self._pause()

    def _command(self) -> tuple[str, ...]:
        return (self.python, "-m", "relay", "serve", "-c", str(self._path), "--role", self._role, "--reuse-port",
                *self._options)  # fmt: skip

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), RESTART_PAUSE)

    def _end(self, by: signal.Signals) -> None:
        self._stopping.set()
        self._signal(by)
        asyncio.get_running_loop().call_later(self._patience, self._kill)

    def _kill(self) -> None:
        for child in self._children:
            log.error("process.killed", pid=child.pid, after=self._patience)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)


async def _take_over(url: str) -> None:
    """Nobody else can be in this directory, and no process has started yet: who held something is dead."""
    store = Store.open(url, worker="supervisor")
    async with contextlib.aclosing(store):
        await store.take_over()


def _reserve(host: str, port: int) -> socket.socket:
    """A socket that holds this address for others which share it. OSError if it is taken."""
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
    return held
