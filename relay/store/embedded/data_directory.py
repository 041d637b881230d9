"""Exclusive use of a data directory by one relay and its server, decided by locks.

    relay.lock      held by the relay that owns the directory; has its PID
    redis.lock      held by its server too, whose PID it has: one which outlives its relay still guards the files
    redis.sock      the only way to the server
    redis.log       the server's own words
    appendonlydir/  the data
    secret          signs links, buttons and sessions (own_secret.py)

No Redis locks its directory by itself, and a second one would ruin the files. The kernel drops a lock with its last
holder, so the two say for certain who lives; a PID may be reused, a zombie, or another container's. Linux and macOS.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

import structlog

from relay.errors import EmbeddedRedisError

log = structlog.get_logger(__name__)

SOCKET_PATH_LIMIT = 100  # bytes; the kernel's limit is 107 on Linux, 103 on macOS
PROBE_TIMEOUT = 2.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.1  # seconds


class DataDirectory:
    """The directory, private to its user (0700; what the server writes there: 0600), and the right to write in it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.log = self.path / "redis.log"
        self.manifest = self.path / "appendonlydir" / "appendonly.aof.manifest"
        self.socket = self.path / "redis.sock"
        self.server_lock = -1  # to be inherited by the server
        self._held = ExitStack()

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=0"

    async def acquire(self, patience: float) -> None:
        """Take the directory; the server of an owner that is gone has `patience` seconds to end.

        EmbeddedRedisError if another relay has it or that server does not end; OSError if it cannot be written in.
        """
        if len(os.fsencode(self.socket)) > SOCKET_PATH_LIMIT:
            raise EmbeddedRedisError(
                f"{self.socket} is too long for a socket: move {self.path} to a shorter path (data_dir, RELAY_DATA_DIR)"
            )
        with ExitStack() as held:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            server_lock = _open_lock(self.path / "redis.lock", held)
            relay_lock = _open_lock(self.path / "relay.lock", held)
            if not _locked(relay_lock):
                pid = _pid_in(relay_lock)
                raise EmbeddedRedisError(
                    f"relay runs already{f' as PID {pid}' if pid else ''} on {self.path}: "
                    "stop that one first, or give this one a directory of its own (data_dir, RELAY_DATA_DIR)"
                )
            if not _locked(server_lock):
                await self._end_orphan(relay_lock, server_lock, patience)
            self.server_lock = server_lock
            _write_pid(relay_lock, os.getpid())
            self._held = held.pop_all()

    def record(self, server_pid: int) -> None:
        """Say who holds the files, for a relay that finds this server left behind."""
        _write_pid(self.server_lock, server_pid)

    def release(self) -> None:
        """Give the directory back; the server must have ended."""
        # Cleared before the locks go: the next owner makes a socket of the same name.
        self.socket.unlink(missing_ok=True)
        self._held.close()

    async def _end_orphan(self, relay_lock: int, server_lock: int, patience: float) -> None:
        pid, relay_pid = _pid_in(server_lock), _pid_in(relay_lock)
        log.warning("redis.orphan_found", pid=pid, relay_pid=relay_pid, data_dir=str(self.path))
        # Through its socket and not by a signal: that reaches who answers, whatever its PID means here.
        await ask(self.socket, "SHUTDOWN NOSAVE")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        for pause in pauses():
            if _locked(server_lock):
                return
            if loop.time() > deadline:
                raise EmbeddedRedisError(
                    f"a Redis{f' (PID {pid})' if pid else ''} that an earlier relay left behind still holds "
                    f"{self.path} and did not end within {patience:g} s: end it, then start again"
                )
            await asyncio.sleep(pause)


async def running_url(path: Path) -> str | None:
    """The URL of the server that a relay runs on this data directory, or None when none answers there."""
    directory = DataDirectory(path)
    return directory.url if await server_info(directory.socket) else None


async def server_info(socket: Path | str) -> dict[str, str]:
    """Return INFO of the server that listens there, {} without one. Unlike PING it works while data is loaded."""
    lines = (await ask(socket, "INFO") or "").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


async def ask(socket: Path | str, command: str) -> str | None:
    """The answer to a command without arguments that need quoting; None for an error or when there is none in time.

    redis-py is no good here: on Python 3.11 it can lose a cancellation (it sends through `asyncio.wait_for`,
    https://github.com/python/cpython/issues/86296), and this must stop when it is cancelled.
    """
    with suppress(OSError, EOFError, ValueError):
        async with asyncio.timeout(PROBE_TIMEOUT):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(f"{command}\r\n".encode())
                head = await reader.readline()  # https://redis.io/docs/latest/develop/reference/protocol-spec/
                if head.startswith(b"$"):
                    return (await reader.readexactly(int(head[1:]))).decode()
                return head[1:].decode().strip() if head.startswith(b"+") else None
            finally:
                writer.close()
    return None


def pauses() -> Iterator[float]:
    """Seconds between two looks: short at first, then easy on the machine."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)


def _open_lock(path: Path, held: ExitStack) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    held.callback(os.close, lock)
    return lock


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid_in(lock: int) -> int | None:
    text = os.pread(lock, 20, 0)
    return int(text) if text.isdigit() else None


def _write_pid(lock: int, pid: int) -> None:
    # Overwritten before it is cut: that takes no new block, and a restart on a full disk comes through here.
    os.pwrite(lock, text := str(pid).encode(), 0)
    os.ftruncate(lock, len(text))
