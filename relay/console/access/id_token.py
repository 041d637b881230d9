"""Whether an ID token is the provider's, for us, of this login, and of now. Pure.

https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation: each rule stands here in its order.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from relay.config import Oidc
from relay.errors import RelayError

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

# Signed with a key that the provider alone has. `none` is no signature, and those with HS are made with a secret that
# we have as well, or, where a library is careless, with what is public.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY = 60  # seconds between two clocks
OLDEST = 600  # seconds: it was made for this login
LONGEST = 100_000  # characters
NAMES = ("preferred_username", "email", "name", "sub")
LONGEST_NAME = 100


class Untrusted(RelayError):
    """The message is for relay's log, never for whoever wanted to log in."""


class UnknownKey(Untrusted):
    """Signed with a key that is not among these: the provider may have a new one."""


def claims_of(token: object, keys: "KeySet", oidc: Oidc, *, nonce: str, now: float) -> dict[str, Any]:
    """What the provider says of whom. Untrusted, unless everything is as it should be."""
    from joserfc import errors, jwt  # noqa: PLC0415 - an extra

    if not isinstance(token, str) or len(token) > LONGEST:
        raise Untrusted("there is no ID token")
    try:
        claims = dict(jwt.decode(token, keys, algorithms=[*ALGORITHMS]).claims)
        times = jwt.JWTClaimsRegistry(
            now=int(now), leeway=LEEWAY, exp={"essential": True}, iat={"essential": True}, sub={"essential": True}
        )
        times.validate(claims)
    except (errors.InvalidKeyIdError, errors.BadSignatureError):  # the latter also of a new key under an old name
        raise UnknownKey("the ID token is signed with a key that the provider does not publish") from None
    except (errors.JoseError, ValueError, TypeError, KeyError) as error:
        raise Untrusted(f"the ID token does not hold: {type(error).__name__}") from None
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    rules = {
        "it is of another issuer": claims.get("iss") == oidc.issuer,
        "it is for another client": oidc.client_id in audiences,
        "it was asked for by another client": claims.get("azp", None if len(audiences) > 1 else oidc.client_id)
        == oidc.client_id,
        "it belongs to another login": isinstance(claims.get("nonce"), str) and claims["nonce"] == nonce,
        "it is too old": claims["iat"] > now - OLDEST - LEEWAY,
        "it is of nobody": isinstance(claims.get("sub"), str) and bool(claims["sub"]),
    }
    if broken := next((rule for rule, holds in rules.items() if not holds), ""):
        raise Untrusted(f"the ID token does not hold: {broken}")
    return claims


def name_in(claims: Mapping[str, Any]) -> str:
    """What people call them; an address only if the provider has seen that it is theirs."""
    for key in NAMES:
        name = claims.get(key)
        if key == "email" and claims.get("email_verified") is not True:
            continue
        if isinstance(name, str) and name.strip() and name.isprintable():
            return name.strip()[:LONGEST_NAME]
    return ""


def groups_in(claims: Mapping[str, Any], claim: str) -> Sequence[str] | None:
    """The groups in this claim, also in one that is inside others (`realm_access.roles`); None: it is not there."""
    value: Any = claims.get(claim)
    if value is None and "." in claim:
        value = claims
        for step in claim.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return [value]
    return [group for group in value if isinstance(group, str)] if isinstance(value, list) else None
