"""A real haproxy in front of several servers, set up as docs/deployment.md and docs/high-availability.md say."""

import asyncio
import contextlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.ports import free_ports
from tests.support.programs import needs
from tests.support.waiting import until

PAGES = [Path(__file__).parents[2] / "docs" / name for name in ("deployment.md", "high-availability.md")]
FRONT = """\
global
    stats socket {{folder}}/stats
defaults
    {defaults}
frontend clients
    bind {place}
    default_backend {name}
"""


HTTP = ("mode http", "timeout connect 5s", "timeout client 30s", "timeout server 30s")


class Haproxy:
    """`url` is where senders reach it."""

    def __init__(self, folder: Path, place: str) -> None:
        self.url = f"http://{place}"
        self._socket = folder / "stats"

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
    async with _process(_front("relay", place, HTTP) + _backend("relay", servers, more)) as folder:
        yield Haproxy(folder, place)


@contextlib.asynccontextmanager
async def haproxy_with_logins(url: str, passwords: Mapping[str, str]) -> AsyncIterator[str]:
    """The address of a proxy that asks these people for their passwords, and tells the console at `url` who it is."""
    place = f"127.0.0.1:{free_ports(1)[0]}"
    people = [f"    user {name} insecure-password {password}" for name, password in passwords.items()]
    backend = (
        "backend console",
        "    http-request auth unless { http_auth(people) }",
        "    http-request set-header X-Forwarded-User %[http_auth_user]",
        "    http-request del-header X-Forwarded-Groups",
        f"    server console {urlsplit(url).netloc}",
    )
    config = "\n".join([_front("console", place, HTTP), *backend, "userlist people", *people, ""])
    async with _process(config):
        yield f"http://{place}"


@contextlib.asynccontextmanager
async def haproxy_before_redis(ports: Sequence[int]) -> AsyncIterator[str]:
    """The URL of whichever server at these ports of loopback is the primary."""
    place = f"127.0.0.1:{free_ports(1)[0]}"
    servers = {f"server{number}": f"127.0.0.1:{number}" for number in ports}
    async with _process(_front("redis", place, ("mode tcp", "timeout client 1h")) + _backend("redis", servers)):
        yield f"redis://{place}/0"


def _front(name: str, place: str, defaults: Sequence[str]) -> str:
    return FRONT.format(defaults="\n    ".join(defaults), place=place, name=name)


@contextlib.asynccontextmanager
async def _process(config: str) -> AsyncIterator[Path]:
    """A haproxy with this configuration, in which {folder} is its folder."""
    program = needs("haproxy", "haproxy")
    folder = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))  # pytest's own is too long for a socket
    (folder / "haproxy.cfg").write_text(config.replace("{folder}", str(folder)), "utf-8")
    process = await asyncio.create_subprocess_exec(
        program, "-db", "-f", str(folder / "haproxy.cfg"), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: process.returncode is not None or (folder / "stats").exists())
        assert process.returncode is None, f"haproxy ended with status {process.returncode}"
        yield folder
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        shutil.rmtree(folder)


def _backend(name: str, servers: Mapping[str, str], *more: str) -> str:
    """The backend of the documentation, further lines, and these servers in place of its own."""
    found = re.search(rf"^backend {name}\n(?: {{4}}.*\n)+", "".join(page.read_text("utf-8") for page in PAGES), re.M)
    assert found, f"no page shows a backend {name}"
    kept = [line for line in found[0].splitlines() if not line.startswith("    server ")]
    lines = [f"    server {server} {address}" for server, address in servers.items()]
    return "\n".join([*kept, *(f"    {line}" for line in more), *lines]) + "\n"
