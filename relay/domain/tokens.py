"""Signed tokens of links, each for one purpose and the facts that it names. Pure.

A token is `facts.seal`, both base64url: the facts as a JSON list, which anyone may read, and 20 bytes of HMAC-SHA256
over purpose and facts. Another purpose is another seal, so a token for one thing never opens another.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from relay.errors import InvalidSignature

SEAL = 20  # bytes; RFC 2104 §5 wants half of the hash at the least
LONGEST = 2_000


def issue(key: bytes, purpose: str, *facts: str) -> str:
    """Make the token, always the same for the same facts, so a mail keeps its bytes over all attempts."""
    payload = _encoded(json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    return f"{payload}.{_encoded(_seal(key, purpose, payload))}"


def redeem(key: bytes, purpose: str, token: str) -> tuple[str, ...]:
    """Return the facts. InvalidSignature for anything that this key did not seal for this purpose."""
    payload, dot, seal = token.partition(".")
    genuine = _encoded(_seal(key, purpose, payload))
    # Compared as text: the spare bits of base64 would let one seal be written in several ways.
    if not dot or len(token) > LONGEST or not hmac.compare_digest(seal.encode("utf-8", "replace"), genuine.encode()):
        raise InvalidSignature("no token of this relay, or one for something else")
    return tuple(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def _seal(key: bytes, purpose: str, payload: str) -> bytes:
    return hmac.digest(key, f"{purpose}\0{payload}".encode("utf-8", "replace"), "sha256")[:SEAL]


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
