"""One scheme of signatures: what it reads of a request, and how that is proved. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from relay.domain.fields import immutable
from relay.errors import InvalidSignature

Keys = Mapping[str, Any]  # public ones, by the id under which a signature names its own


@dataclass(frozen=True, slots=True)
class Wanted:
    """A public key that has to be fetched. `read` makes keys of what is there; ValueError if it cannot."""

    address: str
    id: str
    read: Callable[[bytes], Keys]


class PublicKeys(Protocol):
    """Proof by a public key: of what the scheme reads as `signed`. Raises InvalidSignature."""

    def wanted(self, signed: bytes) -> Wanted: ...

    def verify(self, signed: bytes, keys: Keys, *, tolerance: float, now: float) -> None: ...


@immutable
class SignedRequest:
    """Request as the bytes that a signature can cover."""

    body: bytes
    headers: Mapping[str, Sequence[bytes]]  # by lower-case name, every value that came under it
    query_token: str | None = None  # the value of ?token=, if there is exactly one

    def only(self, header: str) -> bytes:
        """Return the header's only value. A second one is refused: two readers could each believe another."""
        values = self.headers.get(header, ())
        if len(values) != 1 or not values[0]:
            raise InvalidSignature(f"expected one {header} header, got {len(values)}")
        return values[0]


@immutable
class Offer:
    """Signatures of a request, and the bytes that they sign."""

    signed: bytes
    signatures: Sequence[bytes]
    timestamp: bytes | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that is to be signed."""

    body: bytes
    header: str
    message_id: str
    timestamp: int


@dataclass(frozen=True, slots=True)
class Scheme:
    """One kind of signature."""

    header: str  # of the signature, unless the source names another; empty where that is fixed
    read: Callable[[SignedRequest, str], Offer]  # (request, header) → its signatures; raises InvalidSignature
    proofs: Callable[[bytes, bytes], tuple[bytes, ...]]  # (secret, signed) → every valid signature
    sign: Callable[[Draft, bytes], dict[str, str]]  # (draft, secret) → the headers of a signed request
    shape: re.Pattern[bytes] | None = None  # of valid ones; others are refused unread. None: they need no body
    needs_secret: bool = True
    challenge: str = "Signature"  # for WWW-Authenticate, which a 401 must carry
    dated: bool = False  # it signs a time, which `verify` checks
    message_id: Callable[[SignedRequest], bytes] | None = None  # the signed id; None: the body alone is signed
    public: PublicKeys | None = None  # proves it by a key that is fetched before: there are neither secrets nor proofs

    @property
    def asked(self) -> str:
        """Return what a sender proves itself by, as refusals name it."""
        return {"Signature": "signature", "Bearer": "token"}.get(self.challenge, "password")
