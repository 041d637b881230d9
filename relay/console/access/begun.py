"""A login at a provider that has begun: it is nowhere but in its browser's cookie.

State, nonce and verifier follow from random bytes there. So strangers who begin ever so many take nothing of Redis, and
any process of any relay may finish one.
"""

import hmac
import secrets
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

RANDOM = 32  # bytes


@dataclass(frozen=True, slots=True)
class Begun:
    """`secret` is this login's; `back` is where it leads, as the cookie says, which its browser may change."""

    secret: str
    back: str

    @classmethod
    def now(cls, back: str) -> Self:
        return cls(secrets.token_urlsafe(RANDOM), back)

    @classmethod
    def read(cls, cookie: str) -> Self | None:
        """None where there is none, or something else."""
        secret, _, back = cookie.partition(".")
        ours = 0 < len(secret) <= 2 * RANDOM and secret.isascii()
        return cls(secret, _decoded(back)) if ours else None

    @property
    def cookie(self) -> str:
        return f"{self.secret}.{_encoded(self.back.encode())}"

    @property
    def state(self) -> str:
        return self._derived("state")

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """What of the verifier everybody may see (S256): https://www.rfc-editor.org/rfc/rfc7636#section-4.2"""
        return _encoded(sha256(self.verifier.encode()).digest())

    def _derived(self, purpose: str) -> str:
        return _encoded(hmac.digest(self.secret.encode(), purpose.encode(), "sha256"))


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> str:
    try:
        return b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return ""
