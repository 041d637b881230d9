"""nginx, haproxy and Caddy as deploy/ sets them up: really started, on loopback, before a relay that runs here.

Of their files only names, addresses and places are changed, and each of these is there to be changed.
"""

import asyncio
import contextlib
import io
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tests.support.certificates import Certificate, make_certificate
from tests.support.commands import ROOT
from tests.support.patience import patience
from tests.support.ports import free_ports
from tests.support.programs import needs
from tests.support.waiting import until

NAME = "relay.example.com"
CLIENT = "127.0.0.9"  # the address that clients come from here
DEPLOY = ROOT / "deploy"


@dataclass(frozen=True)
class Setting:
    """Settings of a proxy: where it listens, where relay is, its certificate, and a folder of its own."""

    folder: Path
    port: int
    relay: str  # host:port
    certificate: Certificate

    @property
    def log(self) -> Path:
        return self.folder / "log"


@dataclass(frozen=True)
class Kind:
    program: str
    package: str
    file: str
    changes: Callable[[Setting], Mapping[str, str]]
    check: Sequence[str]  # what follows the program, and then its file
    run: Sequence[str]


def _nginx(setting: Setting) -> Mapping[str, str]:
    folder = setting.folder
    temporary = "".join(
        f"\n    {kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return {
        "user www-data;": "user root;" if os.getuid() == 0 else "",
        "worker_processes auto;": "worker_processes 1;",
        "/run/nginx.pid": f"{folder}/pid",
        "/var/log/nginx/error.log": f"{folder}/error.log",
        "/var/log/nginx/relay.log": str(setting.log),
        "server_tokens off;": f"server_tokens off;{temporary}",
        "listen 443": f"listen 127.0.0.1:{setting.port}",
        "127.0.0.1:8080": setting.relay,
        "/etc/ssl/relay/certificate.pem": str(setting.certificate.authority),
        "/etc/ssl/relay/key.pem": str(setting.certificate.key),
    }


def _haproxy(setting: Setting) -> Mapping[str, str]:
    bundle = setting.folder / "relay.pem"
    bundle.write_bytes(setting.certificate.authority.read_bytes() + setting.certificate.key.read_bytes())
    return {
        "    user haproxy\n    group haproxy\n": "", "log /dev/log local0": "log stderr format raw local0",
        "bind :443": f"bind 127.0.0.1:{setting.port}", "/etc/haproxy/relay.pem": str(bundle),
        "10.0.0.1:8080": setting.relay, "10.0.0.2:8080": setting.relay,
    }  # fmt: skip


def _caddy(setting: Setting) -> Mapping[str, str]:
    certificate = f"{setting.certificate.authority} {setting.certificate.key}"
    return {
        f"\n{NAME} {{\n": f"\nhttps://{NAME}:{setting.port} {{\n\tbind 127.0.0.1\n\ttls {certificate}\n",
        "127.0.0.1:8080": setting.relay,
    }


KINDS: Mapping[str, Kind] = {
    "nginx": Kind("nginx", "nginx", "nginx.conf", _nginx, ("-t", "-c"), ("-g", "daemon off;", "-c")),
    "haproxy": Kind("haproxy", "haproxy", "haproxy.cfg", _haproxy, ("-c", "-f"), ("-db", "-f")),
    "caddy": Kind("caddy", "caddy", "Caddyfile", _caddy, ("validate", "--adapter", "caddyfile", "--config"),
                  ("run", "--adapter", "caddyfile", "--config")),
}  # fmt: skip


class _Here(AbstractResolver):
    """Every name leads to this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


@dataclass
class Proxy:
    """`ask` is a client somewhere out there."""

    setting: Setting

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.setting.port}"

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[aiohttp.ClientSession]:
        context = ssl.create_default_context(cafile=str(self.setting.certificate.authority))
        connector = aiohttp.TCPConnector(resolver=_Here(), ssl=context, local_addr=(CLIENT, 0))
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(patience())) as client:
            yield client

    async def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> tuple[int, str, bool]:
        """Status, text, and whether relay itself answered. The path goes out as it is, a body once it is asked for."""
        async with self.client() as client:
            url = URL(f"{self.url}{path}", encoded=True)
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            data = io.BytesIO(body) if body else None
            sending = client.request(method, url, data=data, headers=sent, allow_redirects=False, expect100=bool(data))
            async with sending as answer:
                return answer.status, await answer.text(), "X-Content-Type-Options" in answer.headers

    def logged(self) -> str:
        return self.setting.log.read_text("utf-8")


def configured(kind: Kind, setting: Setting) -> Path:
    """The file of deploy/ with what is true here."""
    text = (DEPLOY / kind.file).read_text("utf-8")
    for written, true in kind.changes(setting).items():
        assert written in text, f"deploy/{kind.file} does not say {written!r}"
        text = text.replace(written, true)
    file = setting.folder / kind.file
    file.write_text(text, "utf-8")
    return file


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def checked(name: str, relay: str = "127.0.0.1:8080") -> subprocess.CompletedProcess[str]:
    """Return what the proxy itself says of its file."""
    kind = KINDS[name]
    program = needs(kind.program, kind.package)
    with _folder() as folder:
        file = configured(kind, Setting(folder, *free_ports(1), relay, make_certificate(folder, NAME)))
        return subprocess.run([program, *kind.check, str(file)], env=_environment(folder), text=True,
                              capture_output=True, timeout=patience(), check=False)  # fmt: skip


@contextlib.asynccontextmanager
async def proxy(name: str, relay: str) -> AsyncIterator[Proxy]:
    """The proxy of this name before the relay at host:port."""
    kind = KINDS[name]
    program = needs(kind.program, kind.package)
    with _folder() as folder:
        setting = Setting(folder, *free_ports(1), relay, make_certificate(folder, NAME))
        file = configured(kind, setting)
        with (folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                program, *kind.run, str(file), env=_environment(folder), stdout=log, stderr=log
            )
        try:
            await until(lambda: process.returncode is not None or _listens(setting.port))
            assert process.returncode is None, f"{name} ended:\n{setting.log.read_text('utf-8')}"
            yield Proxy(setting)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": str(folder)}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
