"""Forgeries of a genuine request without its secret: a table of them, and the functions that make them.

A forgery returns the request that it makes of a genuine one, or None where it would make none: the schemes differ in
what they sign, and some allow two spellings of the same.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from campaign.mutations import flipped
from campaign.seeds import Request
from relay.receiving.schemes import SCHEMES
from relay.receiving.signatures import sign

HEADERS = ("X-Webhook-Signature", "X-Hub-Signature-256", "X-Hub-Signature", "Stripe-Signature", "X-Slack-Signature",
           "webhook-signature", "svix-signature", "Authorization", "X-Api-Key", "X-Acme-Signature", "Signature",
           "Cookie", "Proxy-Authorization", "WWW-Authenticate")  # fmt: skip
FULL_WIDTH = {f"{digit}".encode(): chr(0xFF10 + digit).encode() for digit in range(10)}
LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
WORDS = (b"none", b"null", b"sha256=none", b"v1,", b"v1=", b"t=0,v1=", b"[]", b"*")
VERSIONS = (b"v2", b"v1a", b"v9", b"sha512", b"sha1")
SAME = {b"webhook-signature", b"svix-signature"}
ANY_CASE = ("hmac-sha256", "hmac", "token", "basic")  # schemes whose text may be in capitals, in part
SPREAD = 10 * 86_400  # seconds


@dataclass(frozen=True)
class Genuine:
    """A request as its sender made it. `header`: where the source wants the signature, if it says so."""

    request: Request
    scheme: str
    secret: bytes
    header: str
    other: Request  # genuine as well, about something else, at the same address
    others: tuple[bytes, ...]  # secrets of other sources

    @property
    def name(self) -> bytes:
        return (self.header or SCHEMES[self.scheme].header).encode()

    @property
    def proof(self) -> bytes:
        """Return the header of the signature."""
        return next(value for name, value in self.request.headers if name.lower() == self.name.lower())

    @property
    def covers_body(self) -> bool:
        return self.scheme not in ("token", "basic")

    def with_proof(self, *proofs: bytes) -> Request:
        return self.request.without(self.name).having(*((self.name, proof) for proof in proofs))

    def signed_by(self, secret: bytes, *, age: float = 0.0) -> Request:
        """Sign with this secret, as the scheme does."""
        made = sign(self.scheme, self.request.body, secret, header=self.header or None, message_id="forged",
                    timestamp=self.timestamp() - age)  # fmt: skip
        request = self.request
        for name in made:
            request = request.without(name.encode())
        return request.having(*((name.encode(), value.encode("latin-1")) for name, value in made.items()))

    def timestamp(self) -> float:
        for name, value in self.request.headers:
            if name.lower() in (b"webhook-timestamp", b"x-slack-request-timestamp"):
                return float(value)
            if name.lower() == b"stripe-signature":
                return float(value.partition(b"t=")[2].partition(b",")[0])
        return 0.0


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
        if genuine.scheme in ANY_CASE and proof.strip().lower() == genuine.proof.lower():
            return None
        return genuine.with_proof(proof)

    return forge


def by(secret: Callable[[Random, Genuine], bytes]) -> Forge:
    def forge(dice: Random, genuine: Genuine) -> Request | None:
        other = secret(dice, genuine)
        return None if other == genuine.secret else genuine.signed_by(other)

    return forge


def other_hash(dice: Random, genuine: Genuine) -> Request | None:
    prefix, body = genuine.proof.partition(b"=")[0], genuine.request.body
    ways = [hmac.new(genuine.secret, body, name).hexdigest() for name in ("sha1", "sha512", "md5")]
    proof = dice.choice((*ways, hashlib.sha256(body).hexdigest())).encode()  # the last one without a key
    return genuine.with_proof(prefix + b"=" + proof) if genuine.covers_body else None


def elsewhere(dice: Random, genuine: Genuine) -> Request | None:
    """The right text under a wrong name."""
    name = dice.choice(HEADERS).encode()
    if name.lower() == genuine.name.lower() or {name.lower(), genuine.name.lower()} == SAME:
        return None
    return genuine.request.without(genuine.name).having((name, genuine.proof))


def other_time(dice: Random, genuine: Genuine) -> Request | None:
    """The time changed, the signature kept."""
    stamp = genuine.timestamp()
    if not stamp:
        return None
    old, new = b"%d" % stamp, b"%d" % (stamp + dice.choice((-1, 1)) * dice.randrange(1, SPREAD))
    headers = tuple((name, value.replace(old, new)) for name, value in genuine.request.headers)
    return replace(genuine.request, headers=headers)


def long_ago(dice: Random, genuine: Genuine) -> Request | None:
    """Signed rightly, but too long ago, or too far ahead."""
    if not genuine.timestamp():
        return None
    return genuine.signed_by(genuine.secret, age=dice.choice((-1, 1)) * dice.randrange(2 * 86_400, SPREAD))


def other_id(dice: Random, genuine: Genuine) -> Request | None:
    if genuine.scheme != "standard-webhooks":
        return None
    return genuine.request.without(b"webhook-id").having((b"webhook-id", b"forged-%d" % dice.randrange(10**9)))


def nearly(dice: Random, genuine: Genuine) -> bytes:
    """With another letter. The last ones of base64 may hold nothing, and the beginning says how the rest is read."""
    index = dice.randrange(len(b"whsec_"), len(genuine.secret) - 4)
    other = dice.choice(LETTERS.replace(genuine.secret[index : index + 1], b""))
    return genuine.secret[:index] + bytes([other]) + genuine.secret[index + 1 :]


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


def full_width(dice: Random, proof: bytes) -> bytes:
    """One digit in another alphabet, which some libraries take for the same number."""
    digits = [index for index, letter in enumerate(proof) if letter in b"0123456789"]
    if not digits:
        return proof
    index = dice.choice(digits)
    return proof[:index] + FULL_WIDTH[proof[index : index + 1]] + proof[index + 1 :]


def spaced(dice: Random, proof: bytes) -> bytes:
    index = dice.randrange(len(proof) // 2, len(proof))
    return proof[:index] + dice.choice((b" ", b"\t", b",", b"=")) + proof[index:]


def guesses(dice: Random, _proof: bytes) -> bytes:
    prefix = dice.choice((b"", b"v1,", b"sha256=", b"v1=", b"v0="))
    return dice.choice((b",", b" ")).join(prefix + dice.randbytes(32).hex().encode() for _ in range(60))


FORGERIES: Mapping[str, Forge] = {
    "a bit of the body": changed_body(flipped),
    "a longer body": changed_body(lambda dice, body: body + dice.choice((b" ", b"\n", b"\0", b"{}", body))),
    "a shorter body": changed_body(lambda dice, body: body[: dice.randrange(len(body))]),
    "a body in capitals": changed_body(lambda _, body: body.upper()),
    "an empty body": changed_body(lambda _dice, _body: b""),
    "a bit of the signature": changed_proof(flipped),
    "a truncated signature": changed_proof(lambda dice, proof: proof[: -dice.randrange(1, len(proof) + 1)]),
    "the signature twice in one": changed_proof(lambda _, proof: proof + proof.rpartition(b"=")[2]),
    "capitals for small letters": changed_proof(lambda _, proof: proof.swapcase()),
    "digits of another alphabet": changed_proof(full_width),
    "white space in the middle": changed_proof(spaced),
    "an empty signature": changed_proof(lambda _dice, _proof: b""),
    "its beginning alone": changed_proof(lambda _, proof: proof[: proof.find(b"=") + 1] or proof[:3]),
    "the words none and null": changed_proof(lambda dice, _: dice.choice(WORDS)),
    "sixty guesses": changed_proof(guesses),
    "another version": changed_proof(lambda dice, proof: dice.choice(VERSIONS) + proof[2:]),
    "another key": by(lambda dice, _: dice.randbytes(24).hex().encode()),
    "an empty key": by(lambda _dice, _genuine: b""),
    "the key of another source": by(lambda dice, genuine: dice.choice(genuine.others)),
    "a key that is nearly right": by(nearly),
    "a well-known key": by(lambda dice, _: dice.choice((b"secret", b"changeme", b"password", b"relay", b"0" * 32))),
    "a key beginning with whsec_": by(lambda dice, _: b"whsec_" + dice.choice((b"", b"=", b"AAAA", b"!!!!"))),
    "another hash, or one without a key": other_hash,
    "the signature of another request": lambda _, genuine: (
        replace(genuine.request, headers=genuine.other.headers) if genuine.covers_body else None
    ),
    "the signature in two headers": lambda _, genuine: genuine.with_proof(genuine.proof, genuine.proof),
    "a wrong one before it": lambda _, genuine: genuine.with_proof(genuine.proof[::-1], genuine.proof),
    "a wrong one behind it": lambda _, genuine: genuine.with_proof(genuine.proof, b"x"),
    "an empty one before it": lambda _, genuine: genuine.with_proof(b"", genuine.proof),
    "no signature": lambda _, genuine: genuine.request.without(genuine.name),
    "under another name": elsewhere,
    "another time": other_time,
    "long ago": long_ago,
    "another id": other_id,
    "the secret in a wrong place": token_elsewhere,
}  # fmt: skip
