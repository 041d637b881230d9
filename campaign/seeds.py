"""Good requests, made from the API's own documents: one for each document, address and scheme."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from secrets import token_bytes
from typing import Any

from relay.receiving.signatures import sign
from tests.support.samples import bodies

Header = tuple[bytes, bytes]
JSON = (b"Content-Type", b"application/json")
FORM = (b"Content-Type", b"application/x-www-form-urlencoded")
HOST = (b"Host", b"relay.example.com")
READ = (
    b"/",
    b"/healthz",
    b"/readyz",
    b"/readyz?verbose",
    b"/metrics",
    b"/openapi.json",
    b"/console",
    b"/unsubscribe/a.b",
)
TOLERANCE = "1h"  # a signature is made once and sent for the whole of a part


@dataclass(frozen=True, slots=True)
class Request:
    """A request piece by piece, so that each can be spoilt. `length`: the body is announced by Content-Length."""

    method: bytes
    target: bytes
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    version: bytes = b"HTTP/1.1"
    length: bool = True

    def raw(self) -> bytes:
        lines = [b"%s: %s\r\n" % header for header in self.headers]
        if self.length and (self.body or self.method == b"POST"):
            lines.append(b"Content-Length: %d\r\n" % len(self.body))
        return b"%s %s %s\r\n%s\r\n%s" % (self.method, self.target, self.version, b"".join(lines), self.body)

    def having(self, *headers: Header) -> "Request":
        return replace(self, headers=(*self.headers, *headers))

    def without(self, name: bytes) -> "Request":
        return replace(self, headers=tuple(header for header in self.headers if header[0].lower() != name.lower()))


@dataclass(frozen=True)
class SourceFacts:
    """Record of how a sender of this source proves itself."""

    scheme: str
    header: str | None = None
    event: str = ""
    secret: str = field(default_factory=lambda: token_bytes(16).hex())

    @property
    def settings(self) -> dict[str, Any]:
        signature: dict[str, Any] = {"scheme": self.scheme, "secrets": {"current": self.secret},
                                     "tolerance": TOLERANCE}  # fmt: skip
        return {"event": self.event, "signature": signature | ({"header": self.header} if self.header else {})}


def signed(sources: Mapping[str, SourceFacts], source: str, body: bytes, message_id: str) -> Request:
    """Return a genuine request of this source, of now."""
    facts = sources[source]
    headers = sign(facts.scheme, body, facts.secret.encode(), header=facts.header, message_id=message_id,
                   timestamp=time.time())  # fmt: skip
    lines = tuple((name.encode(), value.encode()) for name, value in headers.items())
    return Request(b"POST", f"/webhooks/{source}".encode(), (HOST, JSON, *lines), body)


def documents() -> dict[str, dict[str, Any]]:
    """Return every document of the API in the envelope that senders use, by the name of its message; of just now."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {name: body | {"timestamp": stamp} for name, body in bodies().items()}


def seeds(sources: Mapping[str, SourceFacts]) -> list[Request]:
    """Return a good request for each document and source, and for every other public address."""
    events = [
        signed(sources, source, json.dumps(document).encode(), f"seed-{source}-{name}")
        for name, document in documents().items()
        for source in sources
    ]
    forms = [
        Request(b"POST", b"/unsubscribe/a.b", (HOST, FORM), b"List-Unsubscribe=One-Click"),
        Request(b"POST", b"/slack/interactions", (HOST, FORM), b"payload=%7B%7D"),
    ]
    return [*events, *forms, *(Request(b"GET", path, (HOST,)) for path in READ)]
