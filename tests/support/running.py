"""A whole relay in a process of its own, as an operator runs it: to be fed, killed and started again."""

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from tests.support.forked import ROOT, Forked, fork_server
from tests.support.patience import patience


class RunningRelay:
    """`async with RunningRelay(config, env) as relay`; `lines` is its log, parsed, as it grows."""

    def __init__(self, config: Path, env: Mapping[str, str], *, grace: float = 10.0) -> None:
        self._module = "tests.support.serve"
        self._arguments = [str(config), str(grace)]
        self._env = {**{key: value for key, value in os.environ.items() if not key.startswith("RELAY_")}, **env}
        self._process: Forked | None = None
        self._reader: asyncio.Task[None] | None = None
        self._grown = asyncio.Condition()
        self.lines: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self.url, self.admin_url = "", ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process and self._process.returncode is None:
            await self.stop()

    async def start(self) -> None:
        """Returns when it listens; `url` says where, and `admin_url` where operators ask."""
        start = len(self.lines)
        self._process, log = await self._spawn()
        self._reader = asyncio.create_task(self._read(log))
        try:
            found = await self.wait_for_line("relay.started", start)
        except BaseException:
            await self.kill()  # who fails to enter never leaves: the process, and what connects to it, would stay
            raise
        self.url, self.admin_url = (
            f"http://{host}:{port}" for host, port in (found["addresses"][0], found["admin_addresses"][0])
        )

    async def wait_for_line(self, event: str, start: int = 0) -> dict[str, Any]:
        """The first log line of this event from number `start` on."""
        async with asyncio.timeout(patience()), self._grown:
            while True:
                for line in self.lines[start:]:
                    if line.get("event") == event:
                        return line
                if self._reader and self._reader.done():
                    raise AssertionError("relay ended:\n" + "\n".join(self.raw[-20:]))
                await self._grown.wait()

    async def wait_until(self, holds: Callable[[list[dict[str, Any]]], bool]) -> None:
        """Return once this holds of the log's lines."""
        async with asyncio.timeout(patience()), self._grown:
            await self._grown.wait_for(lambda: holds(self.lines))

    async def kill(self) -> None:
        """SIGKILL, wherever it is."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM, and its exit status."""
        return await self._end(signal.SIGTERM)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def send_signal(self, number: int) -> None:
        assert self._process
        self._process.send_signal(number)

    async def wait(self) -> int:
        assert self._process
        assert self._reader
        status = await self._process.wait()
        await self._reader
        return status

    async def _end(self, number: signal.Signals) -> int:
        assert self._process
        self._process.send_signal(number)
        return await self.wait()

    async def _spawn(self) -> tuple[Forked, asyncio.StreamReader]:
        ours, theirs = os.pipe()
        log = asyncio.StreamReader(limit=2**20)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(log), os.fdopen(ours, "rb"))
        with tempfile.TemporaryFile() as nothing:
            streams = [nothing.fileno(), nothing.fileno(), theirs]
            process = fork_server().start(self._arguments, self._env, ROOT, streams, self._module)
        os.close(theirs)
        return process, log

    async def _read(self, log: asyncio.StreamReader) -> None:
        async for raw in log:
            text = raw.decode(errors="replace").rstrip()
            async with self._grown:
                self.raw.append(text)
                try:
                    self.lines.append(json.loads(text))
                except ValueError:
                    self.lines.append({"text": text})
                self._grown.notify_all()
        async with self._grown:
            self._grown.notify_all()
