"""Keeping relay processes running, all of them until all are to stop."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from relay.errors import EmbeddedRedisError, RelayError
from relay.supervisor.child import Child
from relay.supervisor.shared import Shared

log = structlog.get_logger(__name__)

RESTART_PAUSE = 1.0  # seconds
REFUSED = 1  # the status of a relay that says what is wrong and does not start
SETTLED = 10.0  # seconds after which a process that ends was not refused but has crashed
PATIENCE = 27.0  # seconds for the processes to stop, which they see to themselves; then comes the private Redis


class AlreadySaid(RelayError):
    """A process has said what is wrong, and nobody needs to hear it twice."""


class Supervisor:
    """Starts `count` relays that share the ports; starts one again when it dies. The private Redis is this one's."""

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
        self._refusal: Exception | None = None
        self._children: set[Child] = set()
        self._shared = Shared(env)

    def drain(self) -> None:
        """Stop as `Relay.drain` does. The ports stay reserved, and Redis up, until every process has ended."""
        self._end(signal.SIGTERM)

    def stop(self) -> None:
        """Stop as `Relay.stop` does."""
        self._end(signal.SIGINT)

    def reload(self) -> None:
        for child in self._children:
            if child.serving:  # the others have not read it yet
                child.send_signal(signal.SIGHUP)

    async def run(self) -> None:
        """Serve until `stop`. RelayError: a process does not start, a port is taken, or there is no Redis."""
        self._provided: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        async with self._shared as shared:  # left when the processes have ended
            self._env["PROMETHEUS_MULTIPROC_DIR"] = shared.metrics  # they look for it when they begin
            relays = asyncio.gather(*(self._keep_running(number) for number in range(self._count)))
            over: list[asyncio.Future[Any]] = [shared.lost, relays]
            await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
            lost = shared.lost.result() if shared.lost.done() and not self._stopping.is_set() else ""
            self.stop()
            await relays
        if lost:
            raise EmbeddedRedisError(lost)
        if self._refusal:
            raise self._refusal

    async def _keep_running(self, number: int) -> None:
        """Run one relay, again and again, until `stop`."""
        first = True
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                child = await Child.start(self._command(), self._env)
            except (OSError, subprocess.SubprocessError) as error:  # no memory or no process left: the others go on
                log.error("process.not_started", number=number, reason=str(error), again_in=RESTART_PAUSE)
                await self._pause()
                continue
            self._children.add(child)
            beginning = asyncio.create_task(self._begin(child, number))
            status = await child.wait()
            self._children.discard(child)
            beginning.cancel()
            await asyncio.wait([beginning])
            self._forget(child)
            if first and status == REFUSED and (not child.serving or time.monotonic() - started < SETTLED):
                if not self._stopping.is_set():
                    above = RelayError("relay did not start: the lines above say why")
                    self._refuse(above if child.serving else AlreadySaid())
                return
            first = False
            if not self._stopping.is_set():
                log.error("process.ended", number=number, pid=child.pid, status=status, restart_in=RESTART_PAUSE)
                await self._pause()

    async def _begin(self, child: Child, number: int) -> None:
        """Let it serve as soon as there is what all share. The first of the first processes helps to provide that."""
        if self._stopping.is_set():  # it came too late to hear of it
            child.send_signal(signal.SIGTERM)
            return
        try:
            if number == 0 and not self._provided.done():
                self._provided.set_result(await self._shared.provide(child))
            child.serve(await asyncio.shield(self._provided))
        except EOFError:
            return  # it has ended, which is noticed where it is kept running
        except (OSError, RelayError) as error:
            self._refuse(error)
            return
        log.info("process.started", number=number, pid=child.pid)

    def _forget(self, child: Child) -> None:
        """Its gauges are not added up any more."""
        from prometheus_client import multiprocess  # noqa: PLC0415 - where none dies, nothing of it is needed

        multiprocess.mark_process_dead(child.pid, self._env["PROMETHEUS_MULTIPROC_DIR"])  # type: ignore[no-untyped-call]

    def _refuse(self, error: Exception) -> None:
        self._refusal = self._refusal or error
        self.stop()

    def _command(self) -> tuple[str, ...]:
        return (self.python, "-m", "relay", "serve", "-c", str(self._path), "--role", self._role, *self._options,
                "--supervised")  # fmt: skip

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
            child.send_signal(number)
