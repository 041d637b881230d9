"""Connections to a running relay: its unix socket in `data_dir`, or a URL with a token."""

import http.client
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import click

from relay.cli.options import CONFIG, actor, visible
from relay.errors import RelayError
from relay.operating.relay_sock import ACTOR, NAME, OTHERS, RUN_AS, ZONE

API = "/api/v1"
DATA_DIR = re.compile(r"^data_dir: *([\w./-]+) *(?:#.*)?$", re.M)  # in its usual form
TIMEOUT = 90.0  # seconds; test messages take the longest
WRONG_USE = 422
REASONS: Mapping[type[OSError], str] = {
    FileNotFoundError: "there is no such file",
    PermissionError: "it is for the user alone as whom relay runs",
    ConnectionRefusedError: "nobody listens there any more",
}


class NotFound(RelayError):
    """relay knows nothing by this name."""


@dataclass(frozen=True)
class Connection:
    """A way to one relay: `where` it is for people, what comes before the API's path, and the headers to show."""

    http: http.client.HTTPConnection
    where: str
    prefix: str
    headers: Mapping[str, str]


def data_dir(config: Path | None, env: Mapping[str, str]) -> Path:
    """Return the directory of the relay that is meant, without reading anything else of its configuration."""
    if named := env.get("RELAY_DATA_DIR"):
        return Path(named)
    file = config or Path(CONFIG)
    if config and not file.is_file():
        raise RelayError(f"{file}: there is no such file")
    text = file.read_text("utf-8-sig", "replace") if file.is_file() else ""
    if line := DATA_DIR.search(text):
        return Path(line[1])
    if "data_dir" in text:
        from relay.configfile.document import read  # noqa: PLC0415 - most know the directory without it

        document = read(text, file=str(file), env=env, needed=("data_dir",))
        if document.problems:
            raise RelayError(f"{file}: {document.problems[0].message}; RELAY_DATA_DIR names the directory as well")
        return Path(str(document.data.get("data_dir") or "data"))
    return Path("data")


def sockets(directory: Path) -> Iterator[socket.socket]:
    """Yield a connected socket for each relay there, at least one. RelayError if none answers."""
    answered, reason = False, REASONS[FileNotFoundError]
    main = directory / NAME
    for path in (main, *sorted(directory.glob(OTHERS))):
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.connect(str(path))
        except OSError as error:
            connected.close()
            reason = reason if path != main else REASONS.get(type(error), str(error))
            continue
        answered = True
        yield connected
    if not answered:
        start = "" if directory.is_absolute() else f" (data_dir {directory} is relative to where relay was started)"
        raise RelayError(
            f"no relay answers at {main.absolute()}: {reason}{start}. `relay serve` starts one; another directory is "
            "named by --config, RELAY_CONFIG or RELAY_DATA_DIR, a relay elsewhere by --url and RELAY_TOKEN"
        )


def over_socket(connected: socket.socket, patience: float = TIMEOUT) -> Connection:
    connected.settimeout(patience)
    http_connection = http.client.HTTPConnection("relay", timeout=patience)
    http_connection.sock = connected
    who, more = actor(os.environ)
    shown = {ACTOR: quote(who), **({RUN_AS: quote(more["run_as"])} if more else {})}
    return Connection(http_connection, str(connected.getpeername()), "", shown)


def at_url(url: str, patience: float = TIMEOUT) -> Connection:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # an IPv6 address without its end, or a port that is no number below 65536
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter("expected an address such as http://127.0.0.1:8081", param_hint="--url")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    token = os.environ.get("RELAY_TOKEN", "")
    if not (token.isascii() and token.isprintable()):  # never quoted: it is a secret
        raise click.UsageError("RELAY_TOKEN has a character that no token has: expected printable ASCII, in one line")
    shown = {"Authorization": f"Bearer {token}"} if token else {}
    return Connection(kind(parts.hostname, port, timeout=patience), url, parts.path.rstrip("/"), shown)


def ask(opened: Connection, method: str, path: str, form: Mapping[str, Any] | None = None) -> Any:
    """Return what this relay answers. RelayError says why it does not; wrong use is a UsageError."""
    body = None if form is None else json.dumps(form).encode()
    headers = {**opened.headers, **({"Content-Type": "application/json"} if body is not None else {})}
    try:
        opened.http.request(method, f"{opened.prefix}{API}{path}", body, headers)
        response = opened.http.getresponse()
        raw = response.read()
    except TimeoutError:
        raise RelayError(f"relay at {opened.where} has not answered within {opened.http.timeout:g} s") from None
    except ConnectionRefusedError:
        raise RelayError(f"no relay answers at {opened.where}: nobody listens there") from None
    except (OSError, http.client.HTTPException) as error:
        raise RelayError(f"relay at {opened.where} cannot be asked: {error or type(error).__name__}") from None
    finally:
        opened.http.close()
    click.get_current_context().meta[ZONE] = response.headers.get(ZONE, "")
    return _answer(opened.where, response.status, raw)


def _answer(where: str, status: int, raw: bytes) -> Any:
    try:
        answer = json.loads(raw)
        detail = str(answer.get("detail") or "")
    except (ValueError, AttributeError):
        raise RelayError(f"{where} answers {status}, and not as relay does: is it where operators reach it?") from None
    if status in (http.client.OK, http.client.CONFLICT):
        return answer
    if status == WRONG_USE:
        raise click.UsageError(visible(detail))
    if status == http.client.UNAUTHORIZED:
        raise RelayError(f"{where}: {detail} Set RELAY_TOKEN to a token of console.tokens")
    if status == http.client.NOT_FOUND and not detail:
        raise RelayError(
            f"{where} has no {API}: perhaps it is not the address of the operators' listener, server.admin"
        )
    if status == http.client.NOT_FOUND:
        raise NotFound(detail)
    raise RelayError(detail or f"{where} answers {status} {answer.get('title') or ''}".rstrip())
