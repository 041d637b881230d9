"""relay send: sign one event and send it, as a platform would."""

import asyncio
import json
import os
import secrets
import time
from http import HTTPStatus
from pathlib import Path

import click

from relay.cli.options import json_option, read_event, refuse, visible
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
@json_option
def send(*, event: str, url: str, secret: str, scheme: str, header: str | None, message_id: str, as_json: bool) -> None:
    """Sign the event in EVENT.json (- for standard input) and POST it, byte for byte as it stands there.

    Leaves with 0 if the answer is a 2xx, else with 1.
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter("expected an address that begins with http:// or https://", param_hint="--to")
    key = _secret(secret)
    if SCHEMES[scheme].needs_secret and not key:
        raise click.UsageError(f"the scheme {scheme} needs a --secret")
    body = read_event(event)
    headers = _headers(body, scheme, key, header, message_id)
    try:
        status, answer = asyncio.run(_post(url, body, headers))
    except RelayError as error:
        refuse(error)
    if as_json:
        click.echo(json.dumps({"status": status, "answer": _read(answer)}, ensure_ascii=False))
    else:
        click.echo(f"{status} {_phrase(status)}".rstrip())
        click.echo(visible(answer.decode(errors="replace")[:SHOWN]).rstrip())
    if not 200 <= status < 300:
        raise SystemExit(1)


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
