"""A private Redis for those who configure none: a real server under the data directory, started, watched, ended.

It listens on a unix socket alone and fsyncs every write before it answers. `data_directory` says who may write there.
"""

import asyncio
import os
import re
import signal
from asyncio.subprocess import Process
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import Self

import structlog

from relay.errors import EmbeddedRedisError
from relay.memory import Memory, available
from relay.store.embedded.binary import find_server
from relay.store.embedded.data_directory import DataDirectory, ask, pauses, running_url, server_info
from relay.store.embedded.launch import ENVIRONMENT, configuration, ends_with_parent, private, repair_advice
from relay.store.embedded.own_secret import own_secret

__all__ = ["EmbeddedRedis", "find_server", "running_url"]

log = structlog.get_logger(__name__)

LAST_LINES = 8
PAUSES = (0.1, 10.0)  # seconds before it is started again, the first and the longest
LASTING = 60.0  # seconds after which its end is the first one again
FAREWELL = 2.0  # seconds for the server to end when relay does; killing it loses nothing, for every write is fsynced

DAMAGED = re.compile(r"reading the append only file|AOF manifest|Unable to obtain the AOF file|is not the last file")
TRUNCATED = re.compile(r"Truncating the AOF .*\d")


class EmbeddedRedis:
    """A server with the data directory to itself. Times are seconds.

    Start it from the main thread: on Linux the server gets a signal when the thread that started it ends, so a
    killed relay leaves nothing behind. One that ends by itself is started again, with pauses that grow: the disk may be
    full, and what was answered is on it. Meanwhile clients get connection errors; `url` stays the same.
    """

    def __init__(
        self,
        data_dir: Path,
        binary: Path | None = None,
        startup_timeout: float = 30.0,
        *,
        stop_timeout: float = 10.0,
        restart_pauses: tuple[float, float] = PAUSES,
        memory: Memory | None = None,
    ) -> None:
        self._directory = DataDirectory(data_dir)
        self._binary = binary.absolute() if binary else None
        self._startup_timeout = startup_timeout
        self._stop_timeout = stop_timeout
        self._restart_pauses = restart_pauses
        self._maxmemory = (memory or Memory.shared(available())).redis
        self._log_start = 0  # where the present server's words begin
        self._held = AsyncExitStack()
        self._process: Process | None = None
        self._ended = ""  # why, until it runs again
        self.secret = b""  # signs links, buttons and sessions where none is configured; known once it runs
        self.url = self._directory.url

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int | None:
        """The server's: None before the first start, another one after a restart."""
        return self._process.pid if self._process else None

    def notices(self) -> dict[str, str]:
        """Return what keeps the server from running, as `/readyz` names it."""
        return {"server": f"the private Redis is being started again: {self._ended}"} if self._ended else {}

    async def start(self) -> str:
        """The URL of a server that answers. EmbeddedRedisError says why there is none; then nothing is left running."""
        self._binary = self._binary or find_server()
        try:
            async with AsyncExitStack() as held:  # undone in reverse order: here if a step fails, else by `stop`
                await self._directory.acquire(self._stop_timeout)
                held.callback(self._directory.release)
                self.secret = own_secret(self._directory.path)
                held.push_async_callback(self._end)
                process = await self._spawn()
                await self._ready(process)
                held.push_async_callback(_cancel, asyncio.create_task(self._supervise(process)))
                self._held = held.pop_all()
        except OSError as error:
            raise EmbeddedRedisError(
                f"no embedded Redis in {self._directory.path}: {error}. relay must own this directory and be able to "
                "write in it; a new one inside it would do as well (data_dir, RELAY_DATA_DIR)"
            ) from error
        log.info("redis.started", pid=process.pid, binary=str(self._binary), socket=str(self._directory.socket))
        return self.url

    async def stop(self, within: float | None = None) -> None:
        """End the server, killed after `within` seconds, and give the directory back. Harmless if there is none."""
        self._stop_timeout = self._stop_timeout if within is None else within
        await self._held.aclose()

    async def _spawn(self) -> Process:
        directory = self._directory
        directory.socket.unlink(missing_ok=True)  # the directory is ours: an earlier listener is gone
        with ExitStack() as ours:  # the child has copies of its own
            output = os.open(directory.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            ours.callback(os.close, output)
            self._log_start = os.fstat(output).st_size
            config, to_config = os.pipe()  # on stdin: no file to write, nothing for others to read in the arguments
            ours.callback(os.close, config)
            os.write(to_config, configuration(directory.path, directory.log, directory.socket, self._maxmemory))
            os.close(to_config)
            self._process = await asyncio.create_subprocess_exec(
                str(self._binary),
                "-",
                stdin=config,
                stdout=output,
                stderr=output,
                cwd=directory.path,
                env=ENVIRONMENT,
                pass_fds=(directory.server_lock,),
                start_new_session=True,  # Ctrl-C is for relay, which needs the server until its work is finished
                preexec_fn=private(ends_with_parent()),
            )
        directory.record(self._process.pid)
        return self._process

    async def _ready(self, process: Process) -> None:
        """Wait until the socket is our child's and the data is loaded, however long that takes."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._startup_timeout
        for pause in pauses():
            info = await server_info(self._directory.socket)
            ours = info.get("process_id") == str(process.pid)
            if ours and await ask(self._directory.socket, "PING") == "PONG":
                break
            if process.returncode is not None:
                raise EmbeddedRedisError(self._obituary(process.returncode))
            if ours and info.get("loading") == "1":
                deadline = loop.time() + self._startup_timeout
            if loop.time() > deadline:
                raise EmbeddedRedisError(
                    f"the embedded Redis in {self._directory.path} did not answer within {self._startup_timeout:g} s. "
                    f"{self._last_words()}"
                )
            await asyncio.sleep(pause)
        # A cut tail was never acknowledged. But a damaged length looks the same, and then more is gone: say so.
        if lost := TRUNCATED.search(self._words()):
            log.warning("redis.truncated", said=lost[0], data_dir=str(self._directory.path))

    async def _supervise(self, process: Process) -> None:
        """Start it again whenever it has ended."""
        loop = asyncio.get_running_loop()
        first, longest = self._restart_pauses
        pause, began = first, loop.time()
        while True:
            status = await process.wait()
            self._ended = self._obituary(status)
            pause = first if loop.time() - began > LASTING else pause
            log.error("redis.exited", pid=process.pid, status=status, reason=self._ended, again_in=pause)
            await asyncio.sleep(pause)
            pause, began = min(longest, 2 * pause), loop.time()
            try:
                process = await self._spawn()
                await self._ready(process)
            except (EmbeddedRedisError, OSError) as error:  # it has ended again, or is slow
                log.error("redis.restart_failed", reason=str(error))
            else:
                self._ended = ""
                log.info("redis.restarted", pid=process.pid)

    async def _end(self) -> None:
        process = self._process
        if process and process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()  # once: a second signal can lose the exit status
            try:
                async with asyncio.timeout(self._stop_timeout):
                    await process.wait()
            except TimeoutError:
                log.warning("redis.killed", pid=process.pid, after=self._stop_timeout)
                process.kill()
                await process.wait()
            log.info("redis.stopped", pid=process.pid, status=process.returncode)

    def _obituary(self, status: int) -> str:
        cause = f"status {status}" if status >= 0 else f"signal {-status} ({signal.strsignal(-status)})"
        advice = repair_advice(self._binary, self._directory.manifest) if DAMAGED.search(self._words()) else ""
        return f"{self._binary} ended with {cause}.{advice} {self._last_words()}"

    def _last_words(self) -> str:
        lines = self._words().splitlines()[-LAST_LINES:]
        return "\n  ".join([f"The last lines of {self._directory.log}:", *(lines or ["(none)"])])

    def _words(self) -> str:
        try:
            return self._directory.log.read_bytes()[self._log_start :].decode(errors="replace")
        except OSError:
            return ""


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
