"""A good request of each signature scheme, to change one thing about."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from relay.receiving.scheme import SignedRequest
from relay.receiving.schemes import SCHEMES
from relay.receiving.signatures import sign, verify

BODY = b'{"event":"operation.progress","operation":{"operationId":"op-1"}}'
SECRET = b"a-secret-of-the-platform"
NOW = 1_705_750_800.0
TOLERANCE = 300.0
SIGNING = [name for name, scheme in SCHEMES.items() if scheme.needs_secret and not scheme.public]
COVERING = [name for name in SIGNING if name not in ("token", "basic")]  # the body
TIMED = ["standard-webhooks", "stripe", "slack"]

Headers = Mapping[str, list[bytes]]


@dataclass(frozen=True)
class Case:
    """A good request of one scheme; tests change one thing."""

    scheme: str
    body: bytes = BODY
    secrets: Mapping[str, bytes] = field(default_factory=lambda: {"current": SECRET})
    headers: Headers | None = None
    header: str | None = None
    query_token: str | None = None
    now: float = NOW

    @property
    def good(self) -> Headers:
        signed = sign(self.scheme, BODY, SECRET, header=self.header, message_id="msg-1", timestamp=NOW)
        return {name.lower(): [value.encode()] for name, value in signed.items()}

    @property
    def signature(self) -> bytes:
        """The value of the header that holds the signature."""
        return self.good[self.name][0]

    @property
    def name(self) -> str:
        return (self.header or SCHEMES[self.scheme].header).lower()

    def with_signature(self, *values: bytes) -> "Case":
        return replace(self, headers={**self.good, self.name: list(values)})

    def verify(self) -> str:
        headers = self.good if self.headers is None else self.headers
        request = SignedRequest(self.body, headers, self.query_token)
        return verify(self.scheme, request, self.secrets, header=self.header, tolerance=TOLERANCE, now=self.now)


def hexed(body: bytes = BODY) -> bytes:
    return hmac.new(SECRET, body, hashlib.sha256).hexdigest().encode()


def based(body: bytes = BODY, secret: bytes = SECRET) -> bytes:
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest())
