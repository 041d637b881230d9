"""Verification and creation of signatures, ids of events by their headers, and handshakes of senders. Pure."""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from relay.domain.documents import MAX_ID, decode
from relay.errors import InvalidSignature, NotJson
from relay.receiving.schemes import SCHEMES, Draft, SignedRequest
from relay.receiving.sources import RateLimit

_TIMESTAMP = re.compile(rb"[0-9]{1,12}")  # seconds since 1970; longer ones are not read at all


def verify(
    scheme: str,
    request: SignedRequest,
    secrets: Mapping[str, bytes],
    *,
    header: str | None,
    tolerance: float,
    now: float,
) -> str:
    """The name of the secret that made the request's signature; empty for a scheme without secrets.

    `now` (epoch seconds) and `tolerance` (seconds) bound the age of signatures that carry a time.
    Whatever the request holds, the only error is InvalidSignature. All secrets are tried, whichever fits:
    the time it takes tells nothing about which one, or how much of a signature, was right.
    """
    rules = SCHEMES[scheme]
    if not rules.needs_secret:
        return ""
    offer = rules.read(request, (header or rules.header).lower())
    if offer.timestamp is not None:
        _check_age(offer.timestamp, tolerance, now)
    matched = []
    for name, secret in secrets.items():
        proofs = rules.proofs(secret, offer.signed)
        matches = [hmac.compare_digest(proof, signature) for proof in proofs for signature in offer.signatures]
        if any(matches) and secret:  # an empty secret is no secret: anyone can sign with it
            matched.append(name)
    if not matched:
        raise InvalidSignature("no configured secret makes this signature")
    return matched[0]


def verify_unread(
    scheme: str,
    headers: SignedRequest,
    secrets: Mapping[str, bytes],
    *,
    header: str | None,
    tolerance: float,
    now: float,
) -> None:
    """Refuse, as `verify` would, whatever the body is: for a request of which nothing but the headers is here.

    InvalidSignature is certain then; that there is none says nothing yet.
    """
    rules = SCHEMES[scheme]
    if not rules.needs_secret:
        return
    if rules.shape is None:
        verify(scheme, headers, secrets, header=header, tolerance=tolerance, now=now)
        return
    offer = rules.read(headers, (header or rules.header).lower())
    if offer.timestamp is not None:
        _check_age(offer.timestamp, tolerance, now)
    if not any(rules.shape.fullmatch(signature) for signature in offer.signatures):
        raise InvalidSignature("no signature has the form of one")


def signed_id(scheme: str, request: SignedRequest) -> bytes:
    """The id of a request that `verify` has passed, as far as its signature covers one; else empty.

    A header that is not signed says nothing: whoever is on the way could give an event the id of a later one, which
    then would count as its repetition.
    """
    read = SCHEMES[scheme].message_id
    return read(request) if read else b""


def sign(
    scheme: str, body: bytes, secret: bytes, *, header: str | None = None, message_id: str = "", timestamp: float = 0
) -> dict[str, str]:
    """The headers that make a request with this body pass `verify`."""
    rules = SCHEMES[scheme]
    return rules.sign(Draft(body, header or rules.header, message_id, int(timestamp)), secret)


def _check_age(timestamp: bytes, tolerance: float, now: float) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise InvalidSignature("expected a timestamp in seconds since 1970")
    if abs(age := now - int(timestamp)) > tolerance:
        raise InvalidSignature(f"the signature is {age:.0f} s old; tolerated are {tolerance:g} s either way")


SHOWN = 200  # characters of a ce-id that stand before the digest of all of it


@dataclass(frozen=True, slots=True)
class EventIdentity:
    """What the headers say: the signed id (webhook-id or svix-id), and the ce-id; each may be empty."""

    signed: str = ""
    unsigned: str = ""

    @classmethod
    def of(cls, scheme: str, request: SignedRequest) -> "EventIdentity":
        """Of a verified request. ValueError if its signed id is none that could be shown or kept."""
        signed = _text([signed_id(scheme, request)])
        if signed is None:
            raise ValueError(f"Expected a webhook-id of up to {MAX_ID} printable characters.")
        return cls(signed, _text(request.headers.get("ce-id", ())) or "")

    @classmethod
    def from_quarantine(cls, headers: Mapping[str, str]) -> "EventIdentity":
        """From the `headers` that were kept with its body."""
        return cls(headers.get("webhook-id", ""), headers.get("ce-id", ""))

    @property
    def headers(self) -> dict[str, str]:
        return {name: text for name, text in (("webhook-id", self.signed), ("ce-id", self.unsigned)) if text}

    def ids(self, body: bytes) -> dict[str, str]:
        """The arguments for `relay.domain.parsing.parse`, given the request's body."""
        return {"delivery_id": self.signed, "unsigned_id": _bound(self.unsigned, body) if self.unsigned else ""}


def _bound(ce_id: str, body: bytes) -> str:
    digest = blake2b(ce_id.encode() + b"\0" + body, digest_size=16).hexdigest()
    return f"{ce_id[:SHOWN]}#{digest}"


def _text(values: Sequence[bytes]) -> str | None:
    """A header's one value; None for one that is too long, or has what cannot be shown, or for two."""
    text = values[0].decode(errors="replace") if values else ""
    return None if len(values) > 1 or len(text) > MAX_ID or not text.isprintable() or "\ufffd" in text else text


CHALLENGE_HEADER = "webhook-challenge"
_CHALLENGE = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")  # base64 in both alphabets, hexadecimal, UUIDs, JWTs
MAX_QUESTION = 4096  # bytes of a body that is only a question
_ORIGIN = re.compile(r"[A-Za-z0-9*]([A-Za-z0-9.*-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?")
_EVENTFUL = ("operation", "operationId", "newOperationId", "batch", "batchId", "data", "payload")


def challenge_of(request: SignedRequest) -> str:
    """What a verified request wants to hear again; '' for all that is no challenge."""
    if len(request.body) > MAX_QUESTION or not (CHALLENGE_HEADER in request.headers or b'"challenge"' in request.body):
        return ""  # an event, as nearly everything is: nothing is decoded twice
    try:
        document = decode(request.body) if request.body.strip() else {}
    except NotJson:
        return ""
    text = document.get("challenge") if document else _header(request)
    eventful = any(document.get(key) is not None for key in _EVENTFUL)
    return text if isinstance(text, str) and _CHALLENGE.fullmatch(text) and not eventful else ""


def origin_permission(origin: str, limit: RateLimit | None) -> Mapping[str, str]:
    """The headers that permit this origin to send, at the source's rate (requests a minute); none for no origin."""
    if not _ORIGIN.fullmatch(origin):
        return {}
    rate = max(1, int(limit.count * 60 / limit.period)) if limit else "*"
    return {"Allow": "OPTIONS, POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": f"{rate}"}


def _header(request: SignedRequest) -> str:
    values = request.headers.get(CHALLENGE_HEADER, ())
    return values[0].decode("latin-1") if len(values) == 1 else ""
