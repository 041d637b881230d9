"""A private Redis for those who configure none: a real server under the data directory, started, watched, ended.

It listens on a unix socket alone and fsyncs every write before it answers. `data_directory` says who may write there.
"""

import asyncio
import os
import re
import shutil
import signal
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import Self

import structlog

from relay.errors import EmbeddedRedisError
from relay.memory import Memory, available
from relay.store.embedded.binary import find_server
from relay.store.embedded.data_directory import DataDirectory, ask, pauses, running_url, server_info
from relay.store.embedded.launch import ENVIRONMENT, configuration, ends_with_parent, private, repair_advice

__all__ = ["EmbeddedRedis", "find_server", "running_url"]

log = structlog.get_logger(__name__)

LAST_LINES = 8
LONGEST_PAUSE = 10.0  # seconds between two tries while the disk is full
ROOM = 1 << 20  # bytes; on a disk with less the server's own log may not say any more that it was full
CRASHES = 60.0  # seconds in which they count together
FAREWELL = 2.0  # seconds for the server to end when relay does; killing it loses nothing, for every write is fsynced

DAMAGED = re.compile(r"reading the append only file|AOF manifest|Unable to obtain the AOF file|is not the last file")
UNWRITABLE = re.compile(r"AOF write error|writing to the AOF file")
TRUNCATED = re.compile(r"Truncating the AOF .*\d")


class EmbeddedRedis:
    """A server with the data directory to itself.

    Start it from the main thread: on Linux the server gets a signal when the thread that started it ends, so a
    killed relay leaves nothing behind. An unexpected exit is followed by a restart after the next of `restart_delays`;
    one exit more than there are delays, all within CRASHES, and `failed` is set instead. Times are seconds.
    A full or failing disk is waited for, with pauses that grow up to LONGEST_PAUSE, and never counts.
    `url` stays the same throughout; while the server is down, clients get connection errors.
    """

    failed: asyncio.Future[str]
    """Made by `start`; set once, with what to tell the operator, when the server cannot be kept running."""

    def __init__(
        self,
        data_dir: Path,
        binary: Path | None = None,
        startup_timeout: float = 30.0,
        *,
        stop_timeout: float = 10.0,
        restart_delays: Sequence[float] = (0.1, 1.0),
        memory: Memory | None = None,
    ) -> None:
        self._directory = DataDirectory(data_dir)
        self._binary = binary.absolute() if binary else None
        self._startup_timeout = startup_timeout
        self._stop_timeout = stop_timeout
        self._restart_delays = restart_delays
        self._maxmemory = (memory or Memory.shared(available())).redis
        self._log_start = 0  # where the present server's words begin
        self._held = AsyncExitStack()
        self._process: Process | None = None
        self._waits_for_disk = False
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
        if not self._waits_for_disk:
            return {}
        return {
            "disk": f"the disk of {self._directory.path} is full or failing, so nothing can be kept: make room there"
        }

    async def start(self) -> str:
        """The URL of a server that answers. EmbeddedRedisError says why there is none; then nothing is left running."""
        self._binary = self._binary or find_server()
        try:
            async with AsyncExitStack() as held:  # undone in reverse order: here if a step fails, else by `stop`
                await self._directory.acquire(self._stop_timeout)
                held.callback(self._directory.release)
                held.push_async_callback(self._end)
                process = await self._spawn()
                await self._ready(process)
                self.failed = asyncio.get_running_loop().create_future()
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
        """Wait until the socket is our child's and the data is loaded; as long as loading gets on, it may take long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._startup_timeout
        loaded = 0.0
        for pause in pauses():
            info = await server_info(self._directory.socket)
            ours = info.get("process_id") == str(process.pid)
            if ours and await ask(self._directory.socket, "PING") == "PONG":
                break
            if process.returncode is not None:
                raise EmbeddedRedisError(self._obituary(process.returncode))
            percent = float(info.get("loading_loaded_perc", 0)) if ours else 0.0
            if percent > loaded:
                loaded, deadline = percent, loop.time() + self._startup_timeout
                log.info("redis.loading", percent=loaded)
            if loop.time() > deadline:
                raise EmbeddedRedisError(
                    f"the embedded Redis in {self._directory.path} did not answer within "
                    f"{self._startup_timeout:g} s ({loaded:g} % loaded). {self._last_words()}"
                )
            await asyncio.sleep(pause)
        # A cut tail was never acknowledged. But a damaged length looks the same, and then more is gone: say so.
        if lost := TRUNCATED.search(self._words()):
            log.warning("redis.truncated", said=lost[0], data_dir=str(self._directory.path))

    async def _supervise(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        exits: list[float] = []
        refused = 0  # exits in a row because of the disk
        while True:
            status, now = await process.wait(), loop.time()
            obituary = self._obituary(status)
            self._waits_for_disk = self._unwritable()
            if self._waits_for_disk:
                exits = []
                pause = min(LONGEST_PAUSE, self._restart_delays[-1] * 2 ** min(refused, 10))
                refused += 1
                log.error("redis.disk_full", pid=process.pid, status=status, reason=obituary, again_in=pause)
            else:
                refused = 0
                exits = [at for at in exits if now - at < CRASHES] + [now]
                log.error("redis.exited", pid=process.pid, status=status, reason=obituary)
                if len(exits) > len(self._restart_delays):
                    break
                pause = self._restart_delays[len(exits) - 1]
            await asyncio.sleep(pause)
            process = await self._again(process)
        if not self.failed.done():  # an impatient reader may have cancelled it
            self.failed.set_result(
                f"the embedded Redis ended {len(exits)} times within {CRASHES:g} s: giving up. {obituary}"
            )

    async def _again(self, process: Process) -> Process:
        """One more try; the process that this one's end is to be waited for, the old one if there is none."""
        try:
            process = await self._spawn()
            await self._ready(process)
            self._waits_for_disk = False
            log.info("redis.restarted", pid=process.pid)
        except (EmbeddedRedisError, OSError) as error:  # ended again, which counts, or is slow, which does not
            log.error("redis.restart_failed", reason=str(error))
        return process

    def _unwritable(self) -> bool:
        """Return True where the server ended because of the disk."""
        if UNWRITABLE.search(self._words()):
            return True
        with suppress(OSError):
            return shutil.disk_usage(self._directory.path).free < ROOM
        return False

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
        advice = ""
        if self._unwritable():
            advice = f" It could not write: the disk of {self._directory.path} is full or failing."
        if DAMAGED.search(self._words()):
            advice = repair_advice(self._binary, self._directory.manifest)
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
