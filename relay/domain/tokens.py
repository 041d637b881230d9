"""Signed tokens of links, buttons and sessions, and the secrets that sign them. Pure.

A token is for one purpose and the facts that it names: `facts.signature`, both base64url, the facts as a JSON list,
which anyone may read, and 20 bytes of HMAC-SHA256 over them, with a key of its purpose. A token for one thing never
opens another.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from relay.errors import InvalidSignature

SEAL = 20  # bytes; RFC 2104 §5 wants half of the hash at the least
MAX_TOKEN = 2_000


@dataclass(frozen=True)
class Signing:
    """`secrets` are the current ones, asked each time: the first signs, all verify. Without any nothing is signed."""

    secrets: Callable[[], Sequence[bytes]]

    @property
    def available(self) -> bool:
        return bool(self.secrets())

    def issue(self, purpose: str, *facts: str) -> str:
        """Make the token, always the same for the same facts, so a mail keeps its bytes over all attempts."""
        payload = _encoded(json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
        return f"{payload}.{_signature(self.secrets()[0], purpose, payload)}"

    def redeem(self, purpose: str, token: str) -> tuple[str, ...]:
        """Return the facts. InvalidSignature for anything that no secret of these signed for this purpose."""
        payload, _, signature = token.partition(".")
        shown = signature.encode("utf-8", "replace")
        # Compared as text: the spare bits of base64 would let one signature be written in several ways.
        genuine = [hmac.compare_digest(shown, _signature(key, purpose, payload).encode()) for key in self.secrets()]
        if not any(genuine) or len(token) > MAX_TOKEN:
            raise InvalidSignature("no token of this relay, or one for something else")
        return tuple(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def _signature(secret: bytes, purpose: str, payload: str) -> str:
    """Return the signature of a payload, by a key derived from the secret for this purpose."""
    key = hmac.digest(secret, f"relay {purpose}".encode(), "sha256")
    return _encoded(hmac.digest(key, payload.encode("utf-8", "replace"), "sha256")[:SEAL])


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
