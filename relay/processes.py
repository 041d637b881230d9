"""Several relay processes on one port and one Redis, for machines with more cores than one process can use."""

import asyncio
import contextlib
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from relay.channels import CHANNELS
from relay.config import load
from relay.errors import EmbeddedRedisError
from relay.store.embedded import EmbeddedRedis, find_server

log = structlog.get_logger(__name__)

RESTART_PAUSE = 1.0


class Processes:
    """Starts `count` relays that share the port; starts one again when it dies. The private Redis is this one's."""

    def __init__(self, path: Path, env: Mapping[str, str], *, role: str, count: int) -> None:
        self._path = path
        self._env = dict(env)
        self._role = role
        self._count = count
        self._stopping = asyncio.Event()
        self._children: set[Process] = set()
        self._config = load(path, env=env, channels=CHANNELS)

    def stop(self) -> None:
        self._stopping.set()
        self._signal(signal.SIGTERM)

    def reload(self) -> None:
        self._signal(signal.SIGHUP)

    async def run(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            waiting: list[asyncio.Future[Any]] = []
            if not self._config.redis.url:
                binary = find_server(self._env.get("RELAY_REDIS_SERVER", ""))
                embedded = EmbeddedRedis(self._config.data_dir, binary)
                self._env["RELAY_REDIS_URL"] = await embedded.start()
                stack.push_async_callback(embedded.stop)
                waiting.append(embedded.failed)
            # Each child counts for itself; a scrape of any of them adds up what all have written here.
            self._env["PROMETHEUS_MULTIPROC_DIR"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-"))
            keepers = [asyncio.create_task(self._keep(number)) for number in range(self._count)]
            waiting += [asyncio.ensure_future(asyncio.gather(*keepers))]
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not self._stopping.is_set():
                self.stop()
                await asyncio.gather(*keepers)
                raise EmbeddedRedisError(str(next(iter(done)).result()))
            await asyncio.gather(*keepers)

    async def _keep(self, number: int) -> None:
        command = (sys.executable, "-m", "relay", "serve", "-c", str(self._path), "--role", self._role, "--reuse-port")
        while not self._stopping.is_set():
            child = await asyncio.create_subprocess_exec(*command, env=self._env, start_new_session=True)
            self._children.add(child)
            status = await child.wait()
            self._children.discard(child)
            if not self._stopping.is_set():
                log.error("process.ended", number=number, status=status, restart_in=RESTART_PAUSE)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), RESTART_PAUSE)

    def _signal(self, number: signal.Signals) -> None:
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)
