"""Where this machine reaches the relay of a configuration, and what it has to show there.

It is read for a health check, every few seconds, so next to nothing is imported and nothing judged that is not needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay.configfile.document import Document, KeyPath, read
from relay.errors import ConfigError, Problem

# What `relay.config.schema` has where the file is silent. Without a port, operators have the one above that of senders.
HOST, ADMIN_HOST, PORT = "0.0.0.0", "127.0.0.1", "8080"  # noqa: S104 - asked, not listened on
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - who listens everywhere listens here
VARIABLES: Mapping[str, KeyPath] = {
    "RELAY_HOST": ("server", "host"),
    "RELAY_PORT": ("server", "port"),
    "RELAY_ADMIN_HOST": ("server", "admin", "host"),
    "RELAY_ADMIN_PORT": ("server", "admin", "port"),
    "RELAY_ADMIN_TOKEN": ("server", "admin", "token"),
}
FREE = "is free for relay to choose, so nobody can know it; give it one"


@dataclass(frozen=True)
class OwnAddress:
    """One of the two listeners. `certificate` and `key` are shown where a client has to show one."""

    host: str
    port: int
    tls: bool = False
    token: str = ""
    certificate: str = ""
    key: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls else ''}://{host}:{self.port}"


def own_addresses(config: Path, env: Mapping[str, str]) -> tuple[OwnAddress, OwnAddress]:
    """Of the world's listener, and of the operators'. ConfigError if one cannot be known."""
    try:
        text = config.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([Problem("", f"cannot be read: {error.strerror}")], str(config)) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem("", "cannot be read: it is not UTF-8 text")], str(config)) from None
    document = read(text, file=str(config), env=env)
    for variable, path in VARIABLES.items():
        value = env.get(variable, "")
        if value and not value.startswith("tcp://"):  # what Kubernetes sets is no port, and relay ignores it
            document.override(path, value, variable)
    server = document.section("server")
    world = _address(document, ("server",), server, HOST, PORT)
    admin = _section(document, ("server", "admin"), server.get("admin"))
    operators = _address(document, ("server", "admin"), admin, ADMIN_HOST, f"{world.port + 1}")
    counts = ("server", *VARIABLES, *(".".join(map(str, path)) for path in VARIABLES.values()))
    if faults := [problem for problem in document.problems if problem.path in counts or "admin" in problem.path]:
        raise ConfigError(faults, str(config))
    return world, operators


def _address(document: Document, path: KeyPath, settings: Mapping[str, Any], host: str, port: str) -> OwnAddress:
    host, port = str(settings.get("host", host)), str(settings.get("port", port))
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        document.report((*path, "port"), f"{port} {FREE}" if port == "0" else "expected a port")
        port = "0"
    if not _is_host(host):
        document.report((*path, "host"), "expected an address or a host's name, such as 0.0.0.0")
    tls = _section(document, (*path, "tls"), settings.get("tls"))
    shown = {name: str(tls[name]) for name in ("certificate", "key") if tls.get("client_ca") and name in tls}
    return OwnAddress(ANY.get(host, host), int(port), bool(tls), str(settings.get("token") or ""), **shown)


def _section(document: Document, path: KeyPath, raw: object) -> Mapping[str, Any]:
    if raw is not None and not isinstance(raw, dict):
        document.report(path, "expected keys and values")
    return raw if isinstance(raw, dict) else {}


def _is_host(text: str) -> bool:
    """Whether a connection can be tried to it at all; anything else, `http.client` and `socket` raise about."""
    try:
        text.encode("idna")
    except UnicodeError:
        return False
    return text.isprintable() and " " not in text
