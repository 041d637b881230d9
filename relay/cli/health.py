"""relay health: does the relay of this configuration, on this machine, take events? The containers' health check.

It asks the operators' listener, which says why it does not; and the world's, which says yes or no, where the other one
does not answer it. It is asked every few seconds, so it imports next to nothing.
"""

import contextlib
import http.client
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from relay.cli.options import config_option, json_option, refuse, visible
from relay.cli.own_addresses import OwnAddress, own_addresses
from relay.errors import RelayError

HEALTHY = ("ok", "fsync", "replicated", "memory")  # what /readyz?verbose says of a part that is as it should be


@dataclass
class Answer:
    """What the relay at this address says of itself; `reason` is empty if it takes events."""

    address: str
    ready: bool = False
    reason: str = ""
    checks: dict[str, str] = field(default_factory=dict)  # by part, those that are not as they should be


class _Unheard(RelayError):
    """It did not say how it is. `hangs`: nor would it elsewhere."""

    def __init__(self, reason: str, *, hangs: bool = False) -> None:
        super().__init__(reason)
        self.hangs = hangs


@click.command(short_help="Ask the relay that runs here whether it takes events.")
@config_option
@click.option("--timeout", metavar="SECONDS", default=3.0, show_default=True, type=click.FloatRange(0.1, 60),
              help="How long it may take to answer.")  # fmt: skip
@json_option
def health(config: Path, timeout: float, *, as_json: bool) -> None:
    """Ask the relay that runs on this machine with this configuration whether it takes events (GET /readyz?verbose).

    It asks where operators do, with their token. Leaves with 0 if relay takes events, else with 1 and what stands in
    the way.
    """
    try:
        world, operators = own_addresses(config, os.environ)
    except RelayError as error:
        refuse(error)
    answer = _ask(world, operators, timeout)
    if as_json:
        click.echo(json.dumps(asdict(answer), ensure_ascii=False))
    elif answer.ready:
        click.echo(f"relay at {answer.address} takes events.")
        for part, state in answer.checks.items():
            click.echo(visible(f"  {part}: {state}"))
    else:
        refuse(RelayError(f"relay at {answer.address} {answer.reason}"))
    raise SystemExit(0 if answer.ready else 1)


def _ask(world: OwnAddress, operators: OwnAddress, timeout: float) -> Answer:
    """What it says of itself: to operators, or else to the world."""
    answer, silent = Answer(str(world)), {}
    try:
        try:
            ready, parts = _readiness(operators, "/readyz?verbose", timeout)
        except _Unheard as unheard:
            if unheard.hangs:
                raise
            silent = {"server.admin": f"{operators} {unheard}"}
            ready, parts = _readiness(world, "/readyz", timeout)
    except _Unheard as unheard:
        answer.reason = str(unheard)
        return answer
    answer.ready = ready
    answer.checks = {name: str(state) for name, state in parts.items() if state not in HEALTHY} | silent
    answer.reason = "" if ready else f"takes no events. {_joined(answer.checks)}".strip()
    return answer


def _readiness(address: OwnAddress, path: str, timeout: float) -> tuple[bool, Mapping[str, Any]]:
    """Whether it is ready, and what it says of its parts. _Unheard: what it did instead of saying so."""
    connection = _connection(address, timeout)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {address.token}"} if address.token else {})
        response = connection.getresponse()
        body: Any = json.loads(response.read())
        if response.status == http.client.UNAUTHORIZED:
            raise _Unheard("has another token than the configuration; was it changed without a restart?")
        return body["ready"] is True and response.status == http.client.OK, dict(body.get("checks", {}))
    except ConnectionRefusedError:
        raise _Unheard("is not running: nothing listens there. `relay serve` starts it") from None
    except TimeoutError:
        raise _Unheard(f"has not answered within {timeout:g} s", hangs=True) from None
    except ssl.SSLError as error:
        raise _Unheard(f"cannot be asked over TLS: {(error.reason or 'no reason said').lower()}") from None
    except (http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        raise _Unheard("is not relay, but something else that listens there") from None
    except OSError as error:
        raise _Unheard(f"cannot be reached: {error.strerror or error}") from None
    finally:
        connection.close()


def _connection(address: OwnAddress, timeout: float) -> http.client.HTTPConnection:
    """Nothing leaves this machine, so the certificate is not checked: it names what others call relay."""
    if not address.tls:
        return http.client.HTTPConnection(address.host, address.port, timeout=timeout)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if address.certificate:  # relay asks for one, and may have its own from the same authority
        with contextlib.suppress(OSError):
            context.load_cert_chain(address.certificate, address.key or None, password="")
    return http.client.HTTPSConnection(address.host, address.port, timeout=timeout, context=context)


def _joined(checks: Mapping[str, str]) -> str:
    return "; ".join(f"{part}: {state}" for part, state in checks.items())
