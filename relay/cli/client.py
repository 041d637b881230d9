"""The running relay as commands ask it: `/api/v1` over the unix socket in `data_dir`, or at a URL with a token.

No secret of the configuration is read. What commands have in common stands in `SHARED`, once for all of them.
"""

import http.client
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import click

from relay.cli.actor import actor
from relay.cli.formatting import print_json
from relay.cli.options import CONFIG, ConfigFile, refuse, visible
from relay.errors import RelayError
from relay.operating.relay_sock import ACTOR, NAME, OTHERS, RUN_AS, ZONE

API = "/api/v1"
DATA_DIR = re.compile(r"^data_dir:.*$", re.M)
TIMEOUT = 90.0  # seconds; test messages take the longest
WRONG_USE = 422
Asked = Mapping[str, Any]


@dataclass(frozen=True)
class Connection:
    """A way to one relay: `where` it is for people, what comes before the API's path, and the headers to show."""

    http: http.client.HTTPConnection
    where: str
    prefix: str
    shown: Mapping[str, str]


def _keep(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    ctx.meta[f"relay.{option.name}"] = value


def _option(name: str) -> Any:
    return click.get_current_context().meta.get(f"relay.{name}")


SHARED = (
    click.Option(
        ["-c", "--config"], envvar="RELAY_CONFIG", metavar="FILE", type=click.Path(path_type=Path), expose_value=False,
        callback=_keep, show_envvar=True, help="The relay's configuration; its data_dir holds relay.sock.",
    ),
    click.Option(
        ["--url"], metavar="URL", expose_value=False, callback=_keep,
        help="The address of relay's operator listener, instead of the socket; the token is read from RELAY_TOKEN.",
    ),
    click.Option(["--json"], is_flag=True, expose_value=False, callback=_keep, help="Print JSON."),
)  # fmt: skip


cursor_option = click.option("--cursor", metavar="TEXT", help="Continue a list: the value that its last page printed.")


class ClientCommand(click.Command):
    """A command that asks the running relay."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own = super().get_params(ctx)
        return [*own[:-1], *SHARED, *own[-1:]]  # --help is the last

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RelayError as error:
            refuse(error)


def get(path: str, **question: Any) -> Any:
    """Return the facts at this address of the API. RelayError says what is wrong; wrong use is a UsageError."""
    filled = {name: value for name, value in question.items() if value not in (None, "", ())}
    return ask(connection(), "GET", f"{path}?{urlencode(filled, doseq=True)}" if filled else path)


def post(path: str, **form: Any) -> dict[str, Any]:
    """Return what came of an act."""
    answer: dict[str, Any] = ask(connection(), "POST", path, form)
    return answer


def perform(path: str, **form: Any) -> None:
    """Do something, and print what came of it; leave with 1 if nothing was done."""
    concluded(post(path, **form))


def concluded(*answers: Asked) -> None:
    """Print what came of one act, or of several; leave with 1 if one of them was refused."""
    for answer in answers:
        if not printed(answer):
            click.echo(visible(answer["text"]), err=not answer["done"])
    if not all(answer["done"] for answer in answers):
        raise SystemExit(1)


def printed(facts: Asked) -> bool:
    """Print the facts where JSON is wanted."""
    if _option("json"):
        print_json(facts)
    return bool(_option("json"))


def older(page: Asked, mark: str = "") -> None:
    """Say how a list goes on that is longer than a page; the mark says which of several."""
    if page["cursor"]:
        click.echo(f"\nThere are more: --cursor {mark}{visible(page['cursor'])}")


def connection(patience: float = TIMEOUT) -> Connection:
    """Return a connection to the relay that is meant, with so many seconds for an answer. RelayError without one."""
    if url := _option("url"):
        return _at(url, patience)
    return _over(next(sockets(data_dir(_option("config"), os.environ))), patience)


def every_connection() -> Iterator[Connection]:
    """Yield a connection to each relay on the data directory; where a URL is given, to that one."""
    if _option("url"):
        yield connection()
        return
    yield from map(_over, sockets(data_dir(_option("config"), os.environ)))


def config_file() -> Path:
    """Return the configuration that is named, or the usual one, for what reads it without a running relay."""
    named = _option("config")
    file: Path = ConfigFile().convert(named or CONFIG, None, click.get_current_context())
    return file


def data_dir(config: Path | None, env: Mapping[str, str]) -> Path:
    """Return the directory of the relay that is meant, without reading anything else of its configuration."""
    if named := env.get("RELAY_DATA_DIR"):
        return Path(named)
    file = config or Path(CONFIG)
    if config and not file.is_file():
        raise RelayError(f"{file}: there is no such file")
    if file.is_file() and (line := DATA_DIR.search(file.read_text("utf-8-sig", "replace"))):
        from relay.configfile.document import read  # noqa: PLC0415 - most know the directory without it

        document = read(line[0], file=str(file), env=env)
        if document.problems:
            raise RelayError(f"{file}: {document.problems[0].message}; RELAY_DATA_DIR names the directory as well")
        return Path(str(document.data["data_dir"] or "data"))
    return Path("data")


def sockets(directory: Path) -> Iterator[socket.socket]:
    """Yield a connected socket for each relay there, at least one. RelayError if nobody answers."""
    answered, reason = False, "there is no such file"
    main = directory / NAME
    for path in (main, *sorted(directory.glob(OTHERS))):
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.connect(str(path))
        except OSError as error:
            connected.close()
            reason = reason if path != main else _reason(error)
            continue
        answered = True
        yield connected
    if not answered:
        raise RelayError(
            f"no relay answers at {main}: {reason}. `relay serve` starts one; another directory is named by "
            "--config or RELAY_DATA_DIR, a relay elsewhere by --url and RELAY_TOKEN"
        )


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "it is for the user alone as whom relay runs"
    return "nobody listens there any more" if isinstance(error, ConnectionRefusedError) else str(error)


def _over(connected: socket.socket, patience: float = TIMEOUT) -> Connection:
    connected.settimeout(patience)
    http_connection = http.client.HTTPConnection("relay", timeout=patience)
    http_connection.sock = connected
    who, more = actor(os.environ)
    shown = {ACTOR: quote(who), **({RUN_AS: quote(more["run_as"])} if more else {})}
    return Connection(http_connection, str(connected.getpeername()), "", shown)


def _at(url: str, patience: float) -> Connection:
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


def ask(opened: Connection, method: str, path: str, form: Asked | None = None) -> Any:
    """Return what this relay answers. RelayError says why it does not; wrong use is a UsageError."""
    body = None if form is None else json.dumps(form).encode()
    headers = {**opened.shown, **({"Content-Type": "application/json"} if body is not None else {})}
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
    raise RelayError(detail or f"{where} answers {status} {answer.get('title') or ''}".rstrip())
