"""A real haproxy in front of several relays, set up as docs/deployment.md and docs/high-availability.md say."""

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.ports import free_ports
from tests.support.waiting import until

BINARY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
PAGES = [Path(__file__).parents[2] / "docs" / name for name in ("deployment.md", "high-availability.md")]
FRONT = """\
global
    stats socket {directory}/stats
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend senders
    bind {place}
    default_backend relay
"""

REDIS_FRONT = """\
global
    stats socket {directory}/stats
defaults
    mode tcp
    timeout client 1h
frontend clients
    bind {place}
    default_backend redis
"""


class Haproxy:
    """`url` is where senders reach it."""

    def __init__(self, directory: Path, place: str) -> None:
        self.url = f"http://{place}"
        self._socket = directory / "stats"

    async def up(self) -> set[str]:
        """The names of the relays that it sends to."""
        reader, writer = await asyncio.open_unix_connection(str(self._socket))
        writer.write(b"show stat\n")
        names, *rows = [line.split(",") for line in (await reader.read()).decode().splitlines() if line]
        writer.close()
        status = names.index("status")
        return {row[1] for row in rows if row[1] not in ("FRONTEND", "BACKEND") and row[status].startswith("UP")}


@contextlib.asynccontextmanager
async def haproxy(place: str, relays: Mapping[str, str], more: str) -> AsyncIterator[Haproxy]:
    """Listen on `place` (host:port) for the relays at these addresses; the line `more` goes into the backend."""
    servers = {name: urlsplit(url).netloc for name, url in relays.items()}
    async with _running(
        FRONT.format(directory="{directory}", place=place) + _backend("relay", servers, more)
    ) as folder:
        yield Haproxy(folder, place)


@contextlib.asynccontextmanager
async def haproxy_before_redis(ports: Sequence[int]) -> AsyncIterator[str]:
    """The URL of whichever server at these ports of loopback is the primary."""
    (port,) = free_ports(1)
    servers = {f"server{number}": f"127.0.0.1:{number}" for number in ports}
    front = REDIS_FRONT.format(directory="{directory}", place=f"127.0.0.1:{port}")
    async with _running(front + _backend("redis", servers)):
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.asynccontextmanager
async def _running(text: str) -> AsyncIterator[Path]:
    """A haproxy with this configuration, and its directory."""
    directory = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))  # pytest's own is too long for a socket
    text = text.replace("{directory}", str(directory))
    (directory / "haproxy.cfg").write_text(text, "utf-8")
    assert BINARY
    process = await asyncio.create_subprocess_exec(
        BINARY, "-db", "-f", str(directory / "haproxy.cfg"), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: process.returncode is not None or (directory / "stats").exists())
        assert process.returncode is None, f"haproxy ended with status {process.returncode} on:\n{text}"
        yield directory
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        shutil.rmtree(directory)


def _backend(name: str, servers: Mapping[str, str], *more: str) -> str:
    """The backend of the documentation, further lines, and these servers in place of its own."""
    found = re.search(rf"^backend {name}\n(?: {{4}}.*\n)+", "".join(page.read_text("utf-8") for page in PAGES), re.M)
    assert found, f"no page shows a backend {name}"
    kept = [line for line in found[0].splitlines() if not line.startswith("    server ")]
    lines = [f"    server {server} {address}" for server, address in servers.items()]
    return "\n".join([*kept, *(f"    {line}" for line in more), *lines]) + "\n"
