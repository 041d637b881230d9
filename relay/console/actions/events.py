"""Sending relay an event as one of its sources would: signed, and to its own address."""

import contextlib
import json
import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import aiohttp
from pydantic import ConfigDict, Field

from relay.config import Config
from relay.console.access import Identity
from relay.console.context import Context
from relay.console.facts import Form, Name
from relay.console.view import Done
from relay.domain import fields
from relay.domain.strict_json import decode
from relay.errors import RelayError
from relay.operating.explanation import explained, source_named
from relay.operating.test_message import moved
from relay.receiving.problems import HttpProblem
from relay.receiving.signatures import sign

PATIENCE = aiohttp.ClientTimeout(30.0)
ANSWERED = "%(answered)s"
SHOWN = 4000  # characters of the answer


class EventForm(Form):
    """`event` is the body, byte for byte; `now` moves its times so that it happens now. `source`: else the first that
    fixes no event.
    """

    model_config = ConfigDict(str_strip_whitespace=False)

    event: str = Field(max_length=1 << 20)
    source: Name = ""
    now: bool = False


async def send(context: Context, form: EventForm, identity: Identity) -> Done:
    config, now = context.config(), datetime.fromtimestamp(context.clock(), UTC)
    try:
        source = source_named(config, form.source or None)
    except RelayError as error:
        raise HttpProblem(422, str(error), field="source") from None
    body = _body(form, now)
    async with context.act(identity, "send", source) as act:
        url, headers = f"{context.own_url()}/webhooks/{source}", _signed(config, source, body, now)
        status, answer = await _post(url, body, headers)
        act.outcome = f"{status}"
    document = _read(answer)
    facts: dict[str, Any] = {"status": status, "answer": document}
    if isinstance(document, dict) and document.get("status") == "accepted":
        with contextlib.suppress(RelayError):  # it was accepted all the same
            facts["explanation"] = explained(body, config, context.kinds, source, now)
    shown = f"{status} {_phrase(status)}\n{answer.decode(errors='replace')[:SHOWN]}"
    return Done(ANSWERED, {"answered": shown}, refused=not 200 <= status < 300, facts=facts)


def _body(form: EventForm, now: datetime) -> bytes:
    if not form.now:
        return form.event.encode()
    document = decode(form.event.encode())
    if not fields.moment(document.get("timestamp")):
        raise RelayError("the event states no timestamp that its times could be moved by")
    return json.dumps(moved(document, now), ensure_ascii=False).encode()


def _signed(config: Config, source: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers by which this source proves that it sent the body, with the first of its secrets."""
    signature = config.sources[source].signature
    secret = next((key.get_secret_value().encode() for key in signature.secrets.values()), b"")
    name = f"msg_{secrets.token_hex(12)}" if signature.scheme == "standard-webhooks" else ""
    signed = sign(signature.scheme, body, secret, header=signature.header, message_id=name, timestamp=now.timestamp())
    return {"Content-Type": "application/json", **signed}


async def _post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Nothing leaves this machine, so the certificate is not checked: it names what others call relay."""
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as client,
            client.post(url, data=body, headers=headers, allow_redirects=False, ssl=False) as response,
        ):
            return response.status, await response.read()
    except (aiohttp.ClientError, OSError) as error:
        raise RelayError(f"relay does not reach its own address {url}: {error or type(error).__name__}") from None


def _read(answer: bytes) -> object:
    try:
        return json.loads(answer)
    except ValueError:
        return answer.decode(errors="replace")


def _phrase(status: int) -> str:
    return next((answer.phrase for answer in HTTPStatus if answer == status), "")
