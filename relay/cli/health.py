"""relay health: does the relay of this configuration, on this machine, take events? The containers' health check.

It is asked every few seconds, so it imports next to nothing: of the configuration it reads two values and judges none.
"""

import http.client
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from relay.cli.options import config_option, json_option, refuse, visible
from relay.configfile.document import read
from relay.errors import ConfigError, Problem, RelayError

HOST, PORT = "0.0.0.0", "8080"  # noqa: S104 - what `relay.config.schema` has where the file is silent
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - who listens everywhere listens here
OF_ADDRESS = ("server", "server.host", "server.port", "RELAY_HOST", "RELAY_PORT")  # the faults that count here
HEALTHY = ("ok", "fsync", "replicated", "memory")  # what /readyz says of a part that is as it should be


@dataclass
class Answer:
    """What the relay at this address says of itself; `reason` is empty if it takes events."""

    address: str
    ready: bool = False
    reason: str = ""
    checks: dict[str, str] = field(default_factory=dict)  # by part, those that are not as they should be


@click.command(short_help="Ask the relay that runs here whether it takes events.")
@config_option
@click.option("--timeout", metavar="SECONDS", default=3.0, show_default=True, type=click.FloatRange(0.1, 60),
              help="How long it may take to answer.")  # fmt: skip
@json_option
def health(config: Path, timeout: float, *, as_json: bool) -> None:
    """Ask the relay that runs on this machine with this configuration whether it takes events (GET /readyz).

    Leaves with 0 if it does, else with 1 and what stands in the way.
    """
    try:
        host, port = address(config, os.environ)
    except RelayError as error:
        refuse(error)
    answer = _ask(host, port, timeout)
    if as_json:
        click.echo(json.dumps(asdict(answer), ensure_ascii=False))
    elif answer.ready:
        click.echo(f"relay at {answer.address} takes events.")
        for part, state in answer.checks.items():
            click.echo(visible(f"  {part}: {state}"))
    else:
        refuse(RelayError(f"relay at {answer.address} {answer.reason}"))
    raise SystemExit(0 if answer.ready else 1)


def address(config: Path, env: Mapping[str, str]) -> tuple[str, int]:
    """Host and port by which this machine reaches the relay of this configuration. ConfigError if it has none."""
    try:
        text = config.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([Problem("", f"cannot be read: {error.strerror}")], str(config)) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem("", "cannot be read: it is not UTF-8 text")], str(config)) from None
    document = read(text, file=str(config), env=env)
    for variable in ("RELAY_HOST", "RELAY_PORT"):
        value = env.get(variable, "")
        if value and not value.startswith(
            "tcp://"
        ):  # what Kubernetes sets is no port, and `relay.config.loading` ignores it
            document.override(("server", variable.removeprefix("RELAY_").lower()), value, variable)
    server = document.section("server")
    host, port = str(server.get("host", HOST)), str(server.get("port", PORT))
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        free = "is free for relay to choose, so nobody can know it; give it one"
        document.report(("server", "port"), f"{port} {free}" if port == "0" else "expected a port")
    if not _is_host(host):
        document.report(("server", "host"), "expected an address or a host's name, such as 0.0.0.0")
    if faults := [problem for problem in document.problems if problem.path in OF_ADDRESS]:
        raise ConfigError(faults, str(config))
    return ANY.get(host, host), int(port)


def _is_host(text: str) -> bool:
    """Whether a connection can be tried to it at all; anything else, `http.client` and `socket` raise about."""
    try:
        text.encode("idna")
    except UnicodeError:
        return False
    return text.isprintable() and " " not in text


def _ask(host: str, port: int, timeout: float) -> Answer:
    answer = Answer(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        body: Any = json.loads(response.read())
        ready, parts = body["ready"], body.get("checks", {})
        answer.checks = {name: str(state) for name, state in parts.items() if state not in HEALTHY}
        answer.ready = ready is True and response.status == http.client.OK
        answer.reason = "" if answer.ready else f"takes no events. {_joined(answer.checks)}".strip()
    except ConnectionRefusedError:
        answer.reason = "is not running: nothing listens there. `relay serve` starts it"
    except TimeoutError:
        answer.reason = f"has not answered within {timeout:g} s"
    except (http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        answer.reason = "is not relay, but something else that listens there"
    except OSError as error:
        answer.reason = f"cannot be reached: {error.strerror or error}"
    finally:
        connection.close()
    return answer


def _joined(checks: Mapping[str, str]) -> str:
    return "; ".join(f"{part}: {state}" for part, state in checks.items())
