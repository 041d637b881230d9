"""Changes to a genuine request without its secret.

A forgery answers the request that it makes of a genuine one, or None where it would make none: the schemes differ in
what they sign, and some allow two spellings of the same.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from random import Random

from campaign.genuine import Genuine
from campaign.requests import Header, Request

HEADERS = ("X-Webhook-Signature", "X-Hub-Signature-256", "X-Hub-Signature", "Stripe-Signature", "X-Slack-Signature",
           "webhook-signature", "svix-signature", "Authorization", "X-Api-Key", "X-Acme-Signature", "Signature",
           "Cookie", "Proxy-Authorization", "WWW-Authenticate")  # fmt: skip
FULL_WIDTH = {f"{digit}".encode(): chr(0xFF10 + digit).encode() for digit in range(10)}
LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
WORDS = (b"none", b"null", b"sha256=none", b"v1,", b"v1=", b"t=0,v1=", b"[]", b"*")
VERSIONS = (b"v2", b"v1a", b"v9", b"sha512", b"sha1")
SPREAD = 10 * 86_400  # seconds

Forge = Callable[[Random, Genuine], Request | None]


def changed_body(change: Callable[[Random, bytes], bytes]) -> Forge:
    def forge(dice: Random, genuine: Genuine) -> Request | None:
        body = change(dice, genuine.request.body)
        if not genuine.covers_body or body == genuine.request.body:
            return None
        return replace(genuine.request, body=body)

    return forge


def changed_proof(change: Callable[[Random, bytes], bytes]) -> Forge:
    """Another text in the signature's header, unless it is the same in capitals where these may differ."""

    def forge(dice: Random, genuine: Genuine) -> Request | None:
        proof = change(dice, genuine.proof)
        # No header's text holds these; HTTP itself would refuse it, or take white space away at its ends.
        if any(mark in proof for mark in (b"\r", b"\n", b"\0")) or proof.strip() == genuine.proof:
            return None
        if (
            genuine.scheme in ("hmac-sha256", "hmac", "token", "basic", "oidc")
            and proof.strip().lower() == genuine.proof.lower()
        ):
            return None
        if (
            genuine.scheme == "oidc" and proof[:-1] == genuine.proof[:-1]
        ):  # whose last letter has bits that mean nothing
            return None
        return genuine.with_proof(proof)

    return forge


def by(secret: Callable[[Random, Genuine], bytes]) -> Forge:
    def forge(dice: Random, genuine: Genuine) -> Request | None:
        other = secret(dice, genuine)
        return None if other == genuine.secret else genuine.signed_by(other)

    return forge


def digest(algorithm: str) -> Forge:
    def forge(_dice: Random, genuine: Genuine) -> Request | None:
        prefix, _, _ = genuine.proof.partition(b"=")
        proof = hmac.new(genuine.secret, genuine.request.body, algorithm).hexdigest().encode()
        return genuine.with_proof(prefix + b"=" + proof) if genuine.covers_body else None

    return forge


def without_key(_dice: Random, genuine: Genuine) -> Request:
    return genuine.with_proof(b"sha256=" + hashlib.sha256(genuine.request.body).hexdigest().encode())


def proof_of_another(_dice: Random, genuine: Genuine) -> Request | None:
    """The signature of another genuine request."""
    if genuine.other is None or not genuine.covers_body:
        return None
    return replace(genuine.request, headers=genuine.other.headers)


def twice(order: Callable[[bytes], tuple[bytes, ...]]) -> Forge:
    return lambda _dice, genuine: genuine.with_proof(*order(genuine.proof))


def elsewhere(dice: Random, genuine: Genuine) -> Request | None:
    """The right text under a wrong name."""
    name = dice.choice(HEADERS).encode()
    if name.lower() == genuine.name.lower() or {name.lower(), genuine.name.lower()} == {
        b"webhook-signature",
        b"svix-signature",
    }:
        return None
    return genuine.request.without(genuine.name).having((name, genuine.proof))


def other_time(dice: Random, genuine: Genuine) -> Request | None:
    """The time changed, the signature kept."""
    stamp = genuine.timestamp()
    if not stamp:
        return None
    old, new = b"%d" % stamp, b"%d" % (stamp + dice.choice((-1, 1)) * dice.randrange(1, SPREAD))
    return replace(genuine.request, headers=_replaced(genuine.request.headers, old, new))


def long_ago(dice: Random, genuine: Genuine) -> Request | None:
    """Signed rightly, but too long ago, or too far ahead."""
    if not genuine.timestamp():
        return None
    return genuine.signed_by(genuine.secret, age=dice.choice((-1, 1)) * dice.randrange(2 * 86_400, SPREAD))


def other_id(dice: Random, genuine: Genuine) -> Request | None:
    if genuine.scheme != "standard-webhooks":
        return None
    return genuine.request.without(b"webhook-id").having((b"webhook-id", b"forged-%d" % dice.randrange(10**9)))


def mixed_spellings(dice: Random, genuine: Genuine) -> Request | None:
    """One header in the other spelling of the same scheme."""
    if genuine.scheme != "standard-webhooks":
        return None
    name = dice.choice((b"webhook-id", b"webhook-timestamp", b"webhook-signature"))
    headers = tuple(
        (b"svix" + key[7:] if key.lower() == name else key, value) for key, value in genuine.request.headers
    )
    return replace(genuine.request, headers=headers)


def text_of_key(_dice: Random, genuine: Genuine) -> Request | None:
    """Signed with the text of a `whsec_` secret instead of its bytes, with or without its beginning."""
    if not genuine.secret.startswith(b"whsec_"):
        return None
    stamp, body = b"%d" % genuine.timestamp(), genuine.request.body
    digest = hmac.digest(genuine.secret, b".".join((b"forged", stamp, body)), "sha256")
    headers = (
        (b"webhook-id", b"forged"),
        (b"webhook-timestamp", stamp),
        (b"webhook-signature", b"v1," + base64.b64encode(digest)),
    )
    request = genuine.request
    for name, _ in headers:
        request = request.without(name)
    return request.having(*headers)


def nearly(dice: Random, genuine: Genuine) -> bytes:
    """With another letter. The last ones of base64 may hold nothing, and the beginning says how the rest is read."""
    place = dice.randrange(len(b"whsec_"), len(genuine.secret) - 4)
    other = dice.choice(LETTERS.replace(genuine.secret[place : place + 1], b""))
    return genuine.secret[:place] + bytes([other]) + genuine.secret[place + 1 :]


def whsec(dice: Random, _genuine: Genuine) -> bytes:
    return b"whsec_" + dice.choice((b"", b"=", b"AAAA", b"!!!!", base64.b64encode(dice.randbytes(24))))


def token_elsewhere(dice: Random, genuine: Genuine) -> Request | None:
    """The secret itself where it has no business: in the address of a scheme that signs, in a cookie, in the body."""
    token, request = genuine.secret, genuine.request.without(genuine.name)
    basic = base64.b64encode(b"relay:" + token)
    ways = {
        "query, twice": replace(request, target=request.target + b"?token=" + token + b"&token=" + token),
        "query, another name": replace(request, target=request.target + b"?secret=" + token),
        "fragment": replace(request, target=request.target + b"#token=" + token),
        "path": replace(request, target=request.target + b";token=" + token),
        "cookie": request.having((b"Cookie", b"token=" + token)),
        "password": request.having((b"Authorization", b"Basic " + basic)),
        "another word": request.having((b"Authorization", b"Token " + token)),
        "no word": request.having((b"Authorization", token)),
        "body": replace(request, body=b'{"token": "' + token + b'"}'),
    }
    if genuine.covers_body:
        ways |= {"query": replace(request, target=request.target + b"?token=" + token),
                 "bearer": request.having((b"Authorization", b"Bearer " + token))}  # fmt: skip
    return ways[dice.choice((*ways,))]


def in_query(dice: Random, genuine: Genuine) -> Request | None:
    """A wrong token as ?token=, in all its spellings."""
    if genuine.covers_body:
        return None
    wrong = dice.choice(
        (
            b"",
            b"%00",
            genuine.secret[:-1],
            genuine.secret + b"%00",
            genuine.secret.upper(),
            b"%ff",
            genuine.secret + b"+",
        )
    )
    return replace(genuine.request.without(genuine.name), target=genuine.request.target + b"?token=" + wrong)


def of_stripe(_dice: Random, genuine: Genuine) -> Request | None:
    """Two times, of which one is signed."""
    return genuine.with_proof(b"t=1," + genuine.proof) if genuine.scheme == "stripe" else None


def cut(dice: Random, proof: bytes) -> bytes:
    return proof[: -dice.randrange(1, len(proof) + 1)]


def full_width(dice: Random, proof: bytes) -> bytes:
    """One digit in another alphabet, which some libraries take for the same number."""
    digits = [place for place, letter in enumerate(proof) if letter in b"0123456789"]
    if not digits:
        return proof
    place = dice.choice(digits)
    return proof[:place] + FULL_WIDTH[proof[place : place + 1]] + proof[place + 1 :]


def spaced(dice: Random, proof: bytes) -> bytes:
    place = dice.randrange(len(proof) // 2, len(proof))
    return proof[:place] + dice.choice((b" ", b"\t", b",", b"=")) + proof[place:]


def guesses(dice: Random, _proof: bytes) -> bytes:
    separator = dice.choice((b",", b" ", b", "))
    return separator.join(
        dice.choice((b"", b"v1,", b"sha256=", b"v1=", b"v0=")) + dice.randbytes(32).hex().encode() for _ in range(60)
    )


def _replaced(headers: tuple[Header, ...], old: bytes, new: bytes) -> tuple[Header, ...]:
    return tuple((name, value.replace(old, new)) for name, value in headers)
