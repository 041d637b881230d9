"""A real haproxy in front of several relays, set up as docs/deployment.md says."""

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.waiting import until

BINARY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
DOCUMENTED = Path(__file__).parents[2] / "docs" / "deployment.md"
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
    directory = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))  # pytest's own is too long for a socket
    text = FRONT.format(directory=directory, place=place) + _backend(relays, more)
    (directory / "haproxy.cfg").write_text(text, "utf-8")
    assert BINARY
    process = await asyncio.create_subprocess_exec(
        BINARY, "-db", "-f", str(directory / "haproxy.cfg"), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: process.returncode is not None or (directory / "stats").exists())
        assert process.returncode is None, f"haproxy ended with status {process.returncode} on:\n{text}"
        yield Haproxy(directory, place)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        shutil.rmtree(directory)


def _backend(relays: Mapping[str, str], more: str) -> str:
    """The backend of the documentation, one more line, and these servers in place of its own."""
    found = re.search(r"^backend relay\n(?: {4}.*\n)+", DOCUMENTED.read_text("utf-8"), re.M)
    assert found, f"{DOCUMENTED} shows no backend"
    kept = [line for line in found[0].splitlines() if not line.startswith("    server ")]
    servers = [f"    server {name} {urlsplit(url).netloc}" for name, url in relays.items()]
    return "\n".join([*kept, f"    {more}", *servers]) + "\n"
