"""Who sent these bytes: whether one of a source's secrets made the signature, and how a sender makes it. Pure."""

import hmac
import re
from collections.abc import Mapping

from relay.errors import InvalidSignature
from relay.receiving.schemes import SCHEMES, Draft, SignedRequest

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
