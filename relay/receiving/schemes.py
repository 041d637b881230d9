"""Signature schemes in one table. Pure.

A scheme reads the signatures of a request, builds the valid ones, and signs. `relay.receiving.signatures` compares them
as text, so nothing that a stranger sends is decoded, and only the documented spellings pass.
"""

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from relay.errors import InvalidSignature, RelayError
from relay.receiving.oidc import TOKEN, IssuedToken
from relay.receiving.scheme import Draft, Offer, Scheme, SignedRequest
from relay.receiving.sns import SignedMessage

_HEX_LENGTH = 64
_HEX, _BASE64 = re.compile(rb"[0-9a-f]{64}"), re.compile(rb"[A-Za-z0-9+/]{43}=")  # of the 32 bytes of SHA-256
_HEX_OR_BASE64 = re.compile(b"%b|%b" % (_HEX.pattern, _BASE64.pattern))


def _digest(secret: bytes, signed: bytes) -> bytes:
    return hmac.digest(secret, signed, "sha256")


def _items(value: bytes, separator: bytes) -> list[bytes]:
    return [item for part in value.split(separator) if (item := part.strip(b" \t"))]


def _read_hmac(request: SignedRequest, header: str) -> Offer:
    items = [item.removeprefix(b"sha256=") for item in _items(request.only(header), b",")]
    # Hexadecimal digits mean the same in either case, and .NET writes capitals.
    return Offer(request.body, [item.lower() if len(item) == _HEX_LENGTH else item for item in items])


def _prove_hmac(secret: bytes, signed: bytes) -> tuple[bytes, ...]:
    digest = _digest(secret, signed)
    return digest.hex().encode(), b64encode(digest)


def _prove_hex(secret: bytes, signed: bytes) -> tuple[bytes, ...]:
    return (_digest(secret, signed).hex().encode(),)


def _sign_hmac(draft: Draft, secret: bytes) -> dict[str, str]:
    return {draft.header: f"sha256={_digest(secret, draft.body).hex()}"}


def _read_github(request: SignedRequest, header: str) -> Offer:
    prefix, _, signature = request.only(header).partition(b"=")
    return Offer(request.body, [signature] if prefix == b"sha256" else [])


# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, which Svix spells svix-id,
# svix-timestamp and svix-signature (https://docs.svix.com/receiving/verifying-payloads/how-manual).
_STANDARD = "webhook-signature"


def _spelling(request: SignedRequest) -> str:
    """Return the one spelling that all headers of the request are in."""
    headers = request.headers
    spelled = "webhook-id" in headers or "webhook-timestamp" in headers or _STANDARD in headers
    return "webhook" if spelled else "svix"


def _standard_id(request: SignedRequest) -> bytes:
    return request.only(f"{_spelling(request)}-id")


def _read_standard(request: SignedRequest, header: str) -> Offer:
    spelling = _spelling(request)
    message_id, timestamp = request.only(f"{spelling}-id"), request.only(f"{spelling}-timestamp")
    if b"." in message_id:  # it would move the boundary between the signed parts
        raise InvalidSignature(f"a {spelling}-id must not contain a full stop")
    header = f"{spelling}-signature" if header == _STANDARD else header
    signatures = [item.removeprefix(b"v1,") for item in _items(request.only(header), b" ") if item.startswith(b"v1,")]
    return Offer(b".".join((message_id, timestamp, request.body)), signatures, timestamp)


def _prove_standard(secret: bytes, signed: bytes) -> tuple[bytes, ...]:
    return (b64encode(_digest(key_of(secret), signed)),)


@lru_cache(64)  # of the few that are configured
def key_of(secret: bytes) -> bytes:
    """Return the key in a `whsec_…` secret; any other secret is the key itself."""
    if not secret.startswith(b"whsec_"):
        return secret
    encoded = secret.removeprefix(b"whsec_").rstrip(b"=")
    try:
        return b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        return secret


def _sign_standard(draft: Draft, secret: bytes) -> dict[str, str]:
    signed = f"{draft.message_id}.{draft.timestamp}.".encode() + draft.body
    return {
        "webhook-id": draft.message_id,
        "webhook-timestamp": f"{draft.timestamp}",
        draft.header: f"v1,{_prove_standard(secret, signed)[0].decode()}",
    }


# https://docs.stripe.com/webhooks#verify-manually
def _read_stripe(request: SignedRequest, header: str) -> Offer:
    pairs = [item.partition(b"=") for item in _items(request.only(header), b",")]
    times = [value for key, _, value in pairs if key == b"t"]
    if len(times) != 1:
        raise InvalidSignature(f"expected one t= in the signature, got {len(times)}")
    signatures = [value for key, _, value in pairs if key == b"v1"]
    return Offer(times[0] + b"." + request.body, signatures, times[0])


def _sign_stripe(draft: Draft, secret: bytes) -> dict[str, str]:
    signed = f"{draft.timestamp}.".encode() + draft.body
    return {draft.header: f"t={draft.timestamp},v1={_digest(secret, signed).hex()}"}


# https://docs.slack.dev/authentication/verifying-requests-from-slack
def _read_slack(request: SignedRequest, header: str) -> Offer:
    timestamp = request.only("x-slack-request-timestamp")
    version, _, signature = request.only(header).partition(b"=")
    return Offer(b"v0:" + timestamp + b":" + request.body, [signature] if version == b"v0" else [], timestamp)


def _sign_slack(draft: Draft, secret: bytes) -> dict[str, str]:
    signed = f"v0:{draft.timestamp}:".encode() + draft.body
    return {
        "X-Slack-Request-Timestamp": f"{draft.timestamp}",
        draft.header: f"v0={_digest(secret, signed).hex()}",
    }


def hmac_scheme(algorithm: str, encoding: str, prefix: str = "") -> Scheme:
    """Return the scheme of an HMAC over the body: `sha256` or `sha512`, as `hex` or `base64`, behind a prefix."""
    mark, size = prefix.encode(), hashlib.new(algorithm).digest_size
    digits = rb"[0-9a-f]{%d}" % (2 * size) if encoding == "hex" else rb"[A-Za-z0-9+/]{%d}={1,2}" % -(-4 * size // 3)

    def read(request: SignedRequest, header: str) -> Offer:
        value = request.only(header)
        digest = value.removeprefix(mark)
        fits = value.startswith(mark)
        return Offer(request.body, [digest.lower() if encoding == "hex" else digest] if fits else [])

    def prove(secret: bytes, signed: bytes) -> tuple[bytes, ...]:
        digest = hmac.digest(secret, signed, algorithm)
        return (digest.hex().encode() if encoding == "hex" else b64encode(digest),)

    def made(draft: Draft, secret: bytes) -> dict[str, str]:
        return {draft.header: f"{prefix}{prove(secret, draft.body)[0].decode()}"}

    return Scheme("X-Webhook-Signature", read, prove, made, re.compile(digits))


def _read_basic(request: SignedRequest, header: str) -> Offer:
    kind, _, credentials = request.only(header).partition(b" ")
    # Compared as they come, in Base64: nothing that a stranger sends is decoded.
    return Offer(b"", [hashlib.sha256(credentials.strip(b" ") if kind.lower() == b"basic" else b"").digest()])


def _prove_basic(secret: bytes, _signed: bytes) -> tuple[bytes, ...]:
    return (hashlib.sha256(b64encode(secret)).digest(),)


def _read_token(request: SignedRequest, header: str) -> Offer:
    if header in request.headers:
        token = request.only(header)
        if header == "authorization":  # a header of its own holds the bare token
            kind, _, token = token.partition(b" ")
            token = token.strip(b" ") if kind.lower() == b"bearer" else b""
    else:
        token = (request.query_token or "").encode("utf-8", "surrogatepass")
    # Hashed, so that tokens of every length take the same time to compare.
    return Offer(b"", [hashlib.sha256(token).digest()])


def _read_issued(request: SignedRequest, header: str) -> Offer:
    kind, _, token = request.only(header).partition(b" ")
    token = token.strip(b" ") if kind.lower() == b"bearer" else b""
    return Offer(token, [token])


def _cannot_sign(_draft: Draft, _secret: bytes) -> dict[str, str]:
    raise RelayError("its sender alone can sign for this source; send by a source with a secret")


def oidc_scheme(**options: Any) -> Scheme:
    """Return the scheme of tokens of one issuer; `options` are those of `IssuedToken`."""
    return Scheme("Authorization", _read_issued, lambda *_: (), _cannot_sign, TOKEN, challenge="Bearer",
                  public=IssuedToken(**options))  # fmt: skip


def sns_scheme(**options: Any) -> Scheme:
    """Return the scheme of Amazon SNS; `options` are those of `SignedMessage`."""
    return Scheme("", lambda request, _: Offer(request.body, [b""]), lambda *_: (), _cannot_sign, re.compile(b""),
                  public=SignedMessage(**options))  # fmt: skip


def _prove_token(secret: bytes, _signed: bytes) -> tuple[bytes, ...]:
    return (hashlib.sha256(secret).digest(),)


def _sign_token(draft: Draft, secret: bytes) -> dict[str, str]:
    return {draft.header: f"Bearer {secret.decode()}" if draft.header.lower() == "authorization" else secret.decode()}


SCHEMES: Mapping[str, Scheme] = {
    "hmac-sha256": Scheme("X-Webhook-Signature", _read_hmac, _prove_hmac, _sign_hmac, _HEX_OR_BASE64),
    "standard-webhooks": Scheme(
        _STANDARD, _read_standard, _prove_standard, _sign_standard, _BASE64, dated=True, message_id=_standard_id
    ),
    "github": Scheme("X-Hub-Signature-256", _read_github, _prove_hex, _sign_hmac, _HEX),
    "stripe": Scheme("Stripe-Signature", _read_stripe, _prove_hex, _sign_stripe, _HEX, dated=True),
    "slack": Scheme("X-Slack-Signature", _read_slack, _prove_hex, _sign_slack, _HEX, dated=True),
    "hmac": hmac_scheme("sha256", "hex"),  # with other options: `Signature.rules`
    "token": Scheme("Authorization", _read_token, _prove_token, _sign_token, challenge="Bearer"),
    "basic": Scheme(
        "Authorization",
        _read_basic,
        _prove_basic,
        lambda draft, secret: {draft.header: f"Basic {b64encode(secret).decode()}"},
        challenge='Basic realm="relay", charset="UTF-8"',
    ),
    "oidc": oidc_scheme(),  # with options: `Signature.rules`, as all that prove by public keys
    "sns": sns_scheme(),
    "none": Scheme("", lambda request, _: Offer(request.body, []), lambda *_: (), lambda *_: {}, needs_secret=False),
}
