"""relay send: sign one event and send it, as a platform would."""

import asyncio
import json
import os
import secrets
import time
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from relay.cli.explain import explained
from relay.cli.options import CONFIG, json_option, read_event, refuse, visible
from relay.config import load
from relay.domain import fields
from relay.domain.strict_json import decode
from relay.errors import RelayError
from relay.receiving.schemes import SCHEMES
from relay.receiving.signatures import sign

PATIENCE = 30.0  # seconds for the answer
SHOWN = 4000  # characters of it that are printed


@click.command(short_help="Sign one event and send it.")
@click.argument("event", metavar="EVENT.json", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--to", "url", metavar="URL", required=True,
              help="Where to, for instance http://localhost:8080/webhooks/async-operations.")  # fmt: skip
@click.option("--secret", metavar="S", default="",
              help="What to sign with; env:NAME and file:PATH keep it out of the shell's history.")  # fmt: skip
@click.option(
    "--scheme", type=click.Choice(list(SCHEMES)), default="hmac-sha256", show_default=True, help="How to sign."
)
@click.option("--header", metavar="NAME", help="Where the signature goes, if not where the scheme puts it.")
@click.option("--id", "message_id", metavar="ID", default="",
              help="The webhook-id: under standard-webhooks, which signs it, the same id again is a duplicate. "
                   "Elsewhere the eventId in the body is what counts.")  # fmt: skip
@click.option("--now", is_flag=True,
              help="As if it happened now: its timestamp is the present time, and all its other times keep their "
                   "distance from that.")  # fmt: skip
@click.option("-c", "--config", "config", envvar="RELAY_CONFIG", default=CONFIG, show_default=True, metavar="FILE",
              show_envvar=True, help="The configuration of the relay that it goes to, if it is here.")  # fmt: skip
@json_option
def send(
    *,
    event: str,
    url: str,
    secret: str,
    scheme: str,
    header: str | None,
    message_id: str,
    now: bool,
    config: str,
    as_json: bool,
) -> None:
    """Sign the event in EVENT.json (- for standard input) and POST it, byte for byte as it stands there, or with --now.

    What is accepted is told by rules: where the configuration is here, the command says where, when and what holds it
    back, as `relay explain` does. Leaves with 0 if the answer is a 2xx, else with 1.
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter("expected an address that begins with http:// or https://", param_hint="--to")
    key = _secret(secret)
    if SCHEMES[scheme].needs_secret and not key:
        raise click.UsageError(f"the scheme {scheme} needs a --secret")
    body = _of_now(read_event(event)) if now else read_event(event)
    headers = _headers(body, scheme, key, header, message_id)
    try:
        status, answer = asyncio.run(_post(url, body, headers))
    except RelayError as error:
        refuse(error)
    document = _read(answer)
    accepted = isinstance(document, dict) and document.get("status") == "accepted"
    explanation = _explanation(body, Path(config), url) if accepted else None
    if as_json:
        facts = {"status": status, "answer": document} | ({"explanation": explanation} if explanation else {})
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        click.echo(f"{status} {_phrase(status)}".rstrip())
        click.echo(visible(answer.decode(errors="replace")[:SHOWN]).rstrip())
        if explanation:
            from relay.cli.explanation import show_destinations  # noqa: PLC0415 - as above

            show_destinations(explanation)
    if not 200 <= status < 300:
        raise SystemExit(1)


def _of_now(body: bytes) -> bytes:
    from relay.operating.example_events import moved  # noqa: PLC0415 - `relay --help` needs none of it

    try:
        document = decode(body)
    except RelayError as error:
        raise click.BadParameter(str(error), param_hint="EVENT.json") from None
    if not fields.moment(document.get("timestamp")):
        raise click.BadParameter("the event states no timestamp that its times could be moved by", param_hint="--now")
    return json.dumps(moved(document, datetime.now(UTC)), ensure_ascii=False).encode()


def _explanation(body: bytes, path: Path, url: str) -> dict[str, Any] | None:
    """Explain the event by the configuration; None where it is not here, or not of the relay that this went to."""
    source = urlsplit(url).path.rpartition("/")[2]
    try:
        from relay.channels import CHANNELS  # noqa: PLC0415 - as above

        config = load(path, env=os.environ, channels=CHANNELS) if path.is_file() else None
        return explained(body, config, source) if config and source in config.sources else None
    except RelayError:  # it was accepted all the same
        return None


def _secret(value: str) -> bytes:
    kind, _, name = value.partition(":")
    if kind == "env":
        if name not in os.environ:
            raise click.BadParameter(f"the environment variable {name} is not set", param_hint="--secret")
        return os.environ[name].encode()
    if kind == "file":
        try:
            return Path(name).read_bytes().removesuffix(b"\n").removesuffix(b"\r")
        except OSError as error:
            raise click.BadParameter(f"cannot read {name}: {error.strerror}", param_hint="--secret") from None
    return value.encode()


def _headers(body: bytes, scheme: str, secret: bytes, header: str | None, message_id: str) -> dict[str, str]:
    if scheme == "standard-webhooks" and not message_id:
        message_id = f"msg_{secrets.token_hex(12)}"
    try:
        signature = sign(scheme, body, secret, header=header, message_id=message_id, timestamp=time.time())
    except ValueError:  # its text would hold the secret
        raise click.BadParameter("expected UTF-8 text", param_hint="--secret") from None
    identity = {"webhook-id": message_id} if message_id else {}
    return {"Content-Type": "application/json", **identity, **signature}


async def _post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    import aiohttp  # noqa: PLC0415 - `relay --help` needs no HTTP

    address = url.partition("?")[0]  # what follows may be a token
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE)) as client,
            client.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return response.status, await response.read()
    except TimeoutError:
        raise RelayError(f"{address}: no answer within {PATIENCE:g} s; it may have arrived") from None
    except aiohttp.ClientConnectorCertificateError as error:
        advice = "SSL_CERT_FILE=ca.pem in the environment names the authority to trust"
        raise RelayError(f"{address}: its certificate is not trusted: {error.os_error}; {advice}") from None
    except aiohttp.ClientConnectorError as error:
        raise RelayError(f"{address}: cannot be reached: {error.os_error}") from None
    except aiohttp.ServerDisconnectedError:
        advice = "" if url.startswith("https:") else "; if it speaks TLS, write https://"
        raise RelayError(f"{address}: it closed the connection without an answer{advice}") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise RelayError(f"{address}: {error or type(error).__name__}") from None


def _read(answer: bytes) -> object:
    try:
        return json.loads(answer)
    except ValueError:
        return answer.decode(errors="replace")


def _phrase(status: int) -> str:
    return next((answer.phrase for answer in HTTPStatus if answer == status), "")
