"""Good requests, made from the API's own documents: one for each document, address and scheme."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from campaign.configuration import Configuration
from campaign.public_keys import bearer
from campaign.requests import Request
from relay.receiving.signatures import sign
from tests.support.samples import bodies

JSON = (b"Content-Type", b"application/json")
FORM = (b"Content-Type", b"application/x-www-form-urlencoded")
HOST = (b"Host", b"relay.example.com")
PROBES = (b"/", b"/healthz", b"/readyz", b"/readyz?verbose", b"/metrics", b"/openapi.json", b"/console")


def signed(configured: Configuration, source: str, body: bytes, message_id: str) -> Request:
    """Return a genuine request of this source, of now."""
    facts = configured.sources[source]
    if facts.scheme == "oidc":
        headers = bearer()
    else:
        headers = sign(facts.scheme, body, facts.secret.encode(), header=facts.header, message_id=message_id,
                       timestamp=time.time())  # fmt: skip
    lines = tuple((name.encode(), value.encode()) for name, value in headers.items())
    return Request(b"POST", f"/webhooks/{source}".encode(), (HOST, JSON, *lines), body)


def documents() -> dict[str, dict[str, Any]]:
    """Every document of the API in the envelope that senders use, by the name of its message; of just now."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {name: body | {"timestamp": stamp} for name, body in bodies().items()}


def press(configured: Configuration, value: str = "", action: str = "relay_retry") -> Request:
    """A pressed button in Slack."""
    payload = {
        "type": "block_actions", "user": {"id": "U0ANALYST1", "team_id": "T0STANDIN1"}, "team": {"id": "T0STANDIN1"},
        "channel": {"id": "C1"}, "actions": [{"type": "button", "action_id": action, "value": value}],
    }  # fmt: skip
    body = f"payload={quote(json.dumps(payload))}".encode()
    headers = sign("slack", body, configured.slack_secret.encode(), timestamp=time.time())
    lines = tuple((name.encode(), text.encode()) for name, text in headers.items())
    return Request(b"POST", b"/slack/interactions", (HOST, FORM, *lines), body)


def unsubscribing(token: str, *, method: bytes = b"GET") -> Request:
    body = b"List-Unsubscribe=One-Click" if method == b"POST" else b""
    return Request(method, f"/unsubscribe/{token}".encode(), (HOST, FORM) if body else (HOST,), body)


def seeds(configured: Configuration, token: str) -> list[Request]:
    """`token` is that of a genuine link to unsubscribe."""
    return [*_events(configured), press(configured), unsubscribing(token), unsubscribing(token, method=b"POST"),
            *(Request(b"GET", path, (HOST,)) for path in PROBES)]  # fmt: skip


def _events(configured: Configuration) -> Iterator[Request]:
    for name, document in documents().items():
        body = json.dumps(document).encode()
        for source in configured.sources:
            yield signed(configured, source, body, f"seed-{source}-{name}")
