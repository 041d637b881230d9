"""Private Redis servers for tests, those that misbehave among them."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from relay.store.embedded.server import EmbeddedRedis, find_server

ROOT = Path(__file__).parents[2]
SERVER = find_server()

RELAY = """
import asyncio, sys
from pathlib import Path
import structlog
from relay.store.embedded.server import EmbeddedRedis

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))

async def serve():
    server = EmbeddedRedis(Path(sys.argv[1]), Path(sys.argv[2]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""

OUTLIVES_ITS_PARENT = """\
#!{python}
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 0)  # PR_SET_PDEATHSIG: as where there is none
os.execv({server!r}, [{server!r}, *sys.argv[1:]])
"""

NEEDS_ROOM = """\
#!/bin/sh
if [ -e full ]; then echo "Error writing to the AOF file: No space left on device"; echo x >> tries; exit 1; fi
exec "{server}" "$@"
"""

EITHER_LOOP = pytest.mark.parametrize("run", [asyncio.run, uvloop.run])

Run = Callable[[Coroutine[Any, Any, None]], None]


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Redis]:
    """Waits for a server that is just being started."""
    async with Redis.from_url(url, decode_responses=True, retry=Retry(ConstantBackoff(0.01), 1000)) as redis:
        yield redis


async def restarted(server: EmbeddedRedis, killed: int) -> None:
    """Returns when another server than the killed one answers."""
    async with client(server.url) as redis:
        while (await redis.info("server"))["process_id"] == killed:
            pass


def pid_of(server: EmbeddedRedis) -> int:
    assert server.pid is not None
    return server.pid


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@contextmanager
def relay_process(data_dir: Path, binary: Path = SERVER) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another relay, with its server's PID; neither is left when the test is over."""
    command = [sys.executable, "-c", RELAY, str(data_dir), str(binary)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as relay, ExitStack() as started:
        started.callback(relay.kill)
        assert relay.stdout is not None
        server_pid = int(relay.stdout.readline())
        started.enter_context(suppress(ProcessLookupError))
        started.callback(os.kill, server_pid, signal.SIGKILL)
        yield relay, server_pid


async def filled(data_dir: Path) -> Path:
    """A stopped server's directory with a hundred entries; returns the file they are in."""
    async with EmbeddedRedis(data_dir) as server, client(server.url) as redis:
        for number in range(100):
            await redis.set(f"key-{number:03}", "value")
    (file,) = (data_dir / "appendonlydir").glob("*.incr.aof")
    return file


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.iterdir())}
