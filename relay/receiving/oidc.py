"""The scheme `oidc`: a token of OpenID Connect as the bearer, as Google Pub/Sub sends it. Pure; joserfc verifies."""

import json
import re
import warnings
from typing import TYPE_CHECKING, Any

from relay.errors import InvalidSignature
from relay.receiving.scheme import Keys, Wanted

if TYPE_CHECKING:
    from joserfc.jwk import Key

GOOGLE = "https://accounts.google.com"
KEYS_OF = {GOOGLE: "https://www.googleapis.com/oauth2/v3/certs"}  # by issuer
# Of three parts in Base64; the middle one is what the issuer says.
TOKEN = re.compile(rb"[\w-]{2,1000}\.[\w-]{2,5000}\.[\w-]{2,1000}")
ALGORITHMS = ("RS256", "ES256")
LEAST_BITS = 2048  # of an RSA key


class IssuedToken:
    """Tokens of one issuer, for one of these audiences, and of one of these accounts."""

    def __init__(
        self, issuer: str = "", audience: tuple[str, ...] = (), email: tuple[str, ...] = (),
        subject: tuple[str, ...] = (), keys: str = "",
    ) -> None:  # fmt: skip
        self._address = keys or KEYS_OF.get(issuer, "")
        self._expected = {"iss": (issuer,), "aud": audience} | ({"email": email} if email else {})
        self._expected |= {"sub": subject} if subject or not email else {}

    def wanted(self, signed: bytes) -> Wanted:
        """Return the key that the token names. Whatever it says of itself that does not fit is refused before."""
        kid, claims = _unverified(signed)
        self._check(claims)
        return Wanted(self._address, kid, read_keys)

    def verify(self, signed: bytes, keys: Keys, *, tolerance: float, now: float) -> None:
        from joserfc import errors, jwt  # noqa: PLC0415 - an extra

        kid, _ = _unverified(signed)
        if kid not in keys:
            raise InvalidSignature(f"the token is signed with a key that {self._address} does not publish")
        times: Any = {claim: {"essential": True} for claim in ("exp", "iat")}
        try:
            claims = jwt.decode(signed, keys[kid], algorithms=[*ALGORITHMS]).claims
            jwt.JWTClaimsRegistry(now=int(now), leeway=int(tolerance), **times).validate(claims)
        except errors.ClaimError as error:
            raise InvalidSignature(f"the token does not hold: {error.claim}, {type(error).__name__}") from None
        except (errors.JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise InvalidSignature(f"the token does not hold: {type(error).__name__}") from None
        self._check(claims)

    def _check(self, claims: dict[str, Any]) -> None:
        for name, accepted in self._expected.items():
            stated = claims.get(name)
            stated = stated if name == "aud" and isinstance(stated, list) else [stated]
            if not any(value in accepted for value in stated if isinstance(value, str)):
                raise InvalidSignature(f"the token is of another {name}")
        if "email" in self._expected and claims.get("email_verified") is not True:
            raise InvalidSignature("the token's email is not verified")


def _unverified(token: bytes) -> tuple[str, dict[str, Any]]:
    """Return the id of the key and the claims of a token that anyone may have made."""
    from joserfc import errors, jws  # noqa: PLC0415 - an extra

    try:
        parts = jws.extract_compact(token)
        kid, claims = parts.headers().get("kid"), json.loads(parts.payload or b"")
    except (errors.JoseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidSignature(f"the token cannot be read: {type(error).__name__}") from None
    if not isinstance(kid, str) or not isinstance(claims, dict):
        raise InvalidSignature("the token names no key, or has no claims")
    return kid, claims


def read_keys(document: bytes) -> Keys:
    """Return the keys of a key set that may sign. ValueError without any."""
    try:
        published = json.loads(document)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        published = ()
    imported = [key for key in map(import_key, published if isinstance(published, list) else ()) if key]
    if not (keys := {f"{key.kid}": key for key in imported if _may_sign(key)}):
        raise ValueError("has no keys for RS256 or ES256")
    return keys


def import_key(published: Any) -> "Key | None":
    """Return a published key; None if it cannot be read: https://www.rfc-editor.org/rfc/rfc7517#section-5"""
    from joserfc import errors  # noqa: PLC0415 - an extra
    from joserfc.jwk import JWKRegistry  # noqa: PLC0415

    try:
        with warnings.catch_warnings(action="ignore"):  # of short keys
            key = JWKRegistry.import_key(published)
        key.ensure_kid()
    except (errors.JoseError, ValueError, TypeError, KeyError, AttributeError):  # KeyError: of a curve, for instance
        return None
    return key


def _may_sign(key: "Key") -> bool:
    from joserfc.jwk import ECKey, RSAKey  # noqa: PLC0415 - an extra

    if isinstance(key, RSAKey):
        return key.public_key.key_size >= LEAST_BITS
    return isinstance(key, ECKey) and key.curve_name == "P-256"
