"""Verification and creation of signatures, and ids of events by their headers. Pure."""

import hmac
import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from relay.domain.documents import MAX_ID
from relay.domain.fields import immutable
from relay.errors import InvalidSignature
from relay.receiving.scheme import Draft, Keys, Scheme, SignedRequest, Wanted
from relay.receiving.schemes import SCHEMES

_TIMESTAMP = re.compile(rb"[0-9]{1,12}")  # seconds since 1970; longer ones are not read at all
NO_KEYS: Keys = {}
SHOWN = 200  # characters of a ce-id before the digest of all of it


def verify(
    scheme: str | Scheme,
    request: SignedRequest,
    secrets: Mapping[str, bytes],
    *,
    header: str | None,
    tolerance: float,
    now: float,
    unread: bool = False,
    keys: Keys = NO_KEYS,
) -> str:
    """Return the name of the secret that made the signature, '' for a scheme without secrets; or InvalidSignature.

    `now` (epoch seconds) and `tolerance` (seconds) bound the age of a signed time. All secrets are tried in constant
    time, whichever fits. `unread`: the body is not there yet, so only what no body could make genuine is refused.
    `keys`: the public ones that were fetched for it.
    """
    rules = SCHEMES[scheme] if isinstance(scheme, str) else scheme
    if not rules.needs_secret:
        return ""
    offer = rules.read(request, (header or rules.header).lower())
    if offer.timestamp is not None:
        _check_age(offer.timestamp, tolerance, now)
    if unread and rules.shape:
        if not any(rules.shape.fullmatch(signature) for signature in offer.signatures):
            raise InvalidSignature(f"no {rules.asked} has the form of one")
        return ""
    if rules.public:
        rules.public.verify(offer.signed, keys, tolerance=tolerance, now=now)
        return ""
    matched = []
    for name, secret in secrets.items():
        proofs = rules.proofs(secret, offer.signed)
        matches = [hmac.compare_digest(proof, signature) for proof in proofs for signature in offer.signatures]
        if any(matches) and secret:  # an empty secret is no secret: anyone can sign with it
            matched.append(name)
    if not matched:
        signs = rules.asked == "signature"
        refusal = "no configured secret makes this signature" if signs else "the {} is none of the configured secrets"
        raise InvalidSignature(refusal.format(rules.asked))
    return matched[0]


def wanted_key(rules: Scheme, request: SignedRequest, header: str | None) -> Wanted | None:
    """Return the public key that `verify` needs, of a scheme that has such. Raises InvalidSignature."""
    if rules.public is None:
        return None
    return rules.public.wanted(rules.read(request, (header or rules.header).lower()).signed)


def sign(
    scheme: str | Scheme, body: bytes, secret: bytes, *, header: str | None = None, message_id: str = "",
    timestamp: float = 0,
) -> dict[str, str]:  # fmt: skip
    """Return the headers that make a request with this body pass `verify`."""
    rules = SCHEMES[scheme] if isinstance(scheme, str) else scheme
    return rules.sign(Draft(body, header or rules.header, message_id, int(timestamp)), secret)


def _check_age(timestamp: bytes, tolerance: float, now: float) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise InvalidSignature("expected a timestamp in seconds since 1970")
    if abs(age := now - int(timestamp)) > tolerance:
        raise InvalidSignature(f"the signature is {age:.0f} s old; tolerated are {tolerance:g} s either way")


@immutable
class EventIdentity:
    """Ids in the headers: the signed one (webhook-id or svix-id), and the ce-id; each may be empty."""

    signed: str = ""
    unsigned: str = ""

    @classmethod
    def of(cls, scheme: str, request: SignedRequest) -> "EventIdentity":
        """Read a verified request. ValueError if its signed id cannot be shown."""
        read = SCHEMES[scheme].message_id
        signed = _text([read(request) if read else b""])
        if signed is None:
            raise ValueError(f"Expected a webhook-id of up to {MAX_ID} printable characters.")
        return cls(signed, _text(request.headers.get("ce-id", ())) or "")

    @classmethod
    def from_quarantine(cls, headers: Mapping[str, str]) -> "EventIdentity":
        """Read the headers that the quarantine has."""
        return cls(headers.get("webhook-id", ""), headers.get("ce-id", ""))

    @property
    def headers(self) -> dict[str, str]:
        return {name: text for name, text in (("webhook-id", self.signed), ("ce-id", self.unsigned)) if text}

    def ids(self, body: bytes) -> dict[str, str]:
        """Return the arguments for `parse`; the unsigned `ce-id` counts only together with its body."""
        return {"delivery_id": self.signed, "unsigned_id": _bound(self.unsigned, body) if self.unsigned else ""}


def _bound(ce_id: str, body: bytes) -> str:
    digest = blake2b(ce_id.encode() + b"\0" + body, digest_size=16).hexdigest()
    return f"{ce_id[:SHOWN]}#{digest}"


def _text(values: Sequence[bytes]) -> str | None:
    """Return a header's one value; None for two, or one that is too long or not printable."""
    text = values[0].decode(errors="replace") if values else ""
    return None if len(values) > 1 or len(text) > MAX_ID or not text.isprintable() or "\ufffd" in text else text
