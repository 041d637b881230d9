"""A provider of OpenID Connect: discovery, keys, tokens and the ID token. joserfc verifies signature and claims."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlsplit

import aiohttp

from relay.config import Oidc
from relay.console.access.identity import LONGEST_NAME
from relay.errors import RelayError
from relay.receiving.oidc import LEAST_BITS, import_key

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

TIMEOUT = aiohttp.ClientTimeout(total=10.0)
MAX_ANSWER = 512 * 1024  # bytes
FRESH = 3600.0  # seconds for which metadata and keys are kept
LOOK = 60.0  # seconds between two looks for a new key
PATIENCE = 5.0  # seconds after a failure in which it is not asked again: strangers can bring that about
WELL_KNOWN = "/.well-known/openid-configuration"
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
SCOPES = ("openid", "profile", "email")  # and `groups` where the provider has it
BASIC, POST = "client_secret_basic", "client_secret_post"
# Signed with a key that the provider alone has: neither `none`, nor HS with a secret that we have as well.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY = 60  # seconds between two clocks
MAX_AGE = 600  # seconds of an ID token: it was made for this login
MAX_TOKEN = 100_000  # characters
NAMES = ("preferred_username", "email", "name", "sub")


class ProviderUnavailable(RelayError):
    """It does not answer, or not as the specification says. The message is for relay's log."""


class Untrusted(RelayError):
    """A login that is refused. The message is for relay's log, never for the user."""


class UnknownKey(Untrusted):
    """Signed with a key that is not among these: the provider may have a new one."""


def http_session() -> aiohttp.ClientSession:
    """Return a client with few connections: a slow provider holds few requests."""
    connector = aiohttp.TCPConnector(limit=8)
    return aiohttp.ClientSession(timeout=TIMEOUT, connector=connector, cookie_jar=aiohttp.DummyCookieJar())


class Provider:
    """The provider of these settings. Every method raises ProviderUnavailable."""

    def __init__(
        self, settings: Oidc, http: aiohttp.ClientSession, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self._http = http
        self._clock = clock
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._failed: tuple[float, str] = (float("-inf"), "")

    async def metadata(self) -> Mapping[str, Any]:
        """https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata"""
        if self._metadata and self._clock() - self._metadata[0] < FRESH:
            return self._metadata[1]
        failed_at, reason = self._failed
        if self._clock() - failed_at < PATIENCE:
            raise ProviderUnavailable(reason)
        try:
            metadata = await self._ask("GET", self.settings.issuer.rstrip("/") + WELL_KNOWN)
            self._check(metadata)
        except ProviderUnavailable as error:
            self._failed = (self._clock(), str(error))
            raise
        self._metadata = (self._clock(), metadata)
        return metadata

    async def scope(self) -> str:
        supported = (await self.metadata()).get("scopes_supported") or ()
        return " ".join([*SCOPES, *(["groups"] if "groups" in supported else [])])

    async def keys(self, *, refresh: bool = False) -> "KeySet":
        """Return the keys; `refresh` for one that is new. UnknownKey if they were read a moment ago."""
        from joserfc.jwk import KeySet  # noqa: PLC0415 - an extra

        age = self._clock() - self._keys[0] if self._keys else float("inf")
        if refresh and age < LOOK:
            raise UnknownKey("the ID token is signed with a key that the provider does not publish")
        if self._keys and not refresh and age < FRESH:
            return self._keys[1]
        published = (await self._ask("GET", (await self.metadata())["jwks_uri"])).get("keys")
        keys = KeySet([key for key in map(import_key, published if isinstance(published, list) else ()) if key])
        if not keys:
            raise ProviderUnavailable("none of its keys can be read")
        self._keys = (self._clock(), keys)
        return keys

    async def exchange(self, code: str, verifier: str, redirect: str) -> dict[str, Any]:
        """Return the tokens for the code of a login that was begun with this verifier."""
        metadata, client = await self.metadata(), self.settings.client_id
        secret = self.settings.client_secret.get_secret_value()
        ways = metadata.get("token_endpoint_auth_methods_supported") or [BASIC]
        basic = BASIC in ways or POST not in ways
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        if not basic:
            form |= {"client_id": client, "client_secret": secret}
        shown = {"Authorization": aiohttp.encode_basic_auth(quote_plus(client), quote_plus(secret))} if basic else {}
        return await self._ask("POST", metadata["token_endpoint"], data=form, headers=shown)

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """Return more claims of a user; none where the provider has no such address."""
        address = (await self.metadata()).get("userinfo_endpoint")
        return await self._ask("GET", address, headers={"Authorization": f"Bearer {access_token}"}) if address else {}

    async def claims(self, token: object, *, nonce: str, now: float) -> dict[str, Any]:
        """Return the claims of an ID token of this login. Untrusted, unless everything is as it should be."""
        try:
            return claims_of(token, await self.keys(), self.settings, nonce=nonce, now=now)
        except UnknownKey:
            return claims_of(token, await self.keys(refresh=True), self.settings, nonce=nonce, now=now)

    def _check(self, metadata: Mapping[str, Any]) -> None:
        """Every address has TLS, unless the provider itself, on this machine, has none."""
        if metadata.get("issuer") != self.settings.issuer:
            raise ProviderUnavailable("it calls itself another issuer than console.oidc.issuer, sign by sign")
        for key in (*ENDPOINTS, *({"userinfo_endpoint"} & metadata.keys())):
            address = metadata.get(key)
            schemes = ("https", urlsplit(self.settings.issuer).scheme)
            if not isinstance(address, str) or urlsplit(address).scheme not in schemes:
                raise ProviderUnavailable(f"its {key} is missing, or not https")

    async def _ask(
        self, method: str, url: str, *, headers: Mapping[str, str] = MappingProxyType({}), **options: Any
    ) -> dict[str, Any]:
        """Return its answer. No redirect is followed: a secret goes nowhere but where it was meant to."""
        where = f"{method} {urlsplit(url).path}"
        headers = {"Accept": "application/json", **headers}
        try:
            async with self._http.request(method, url, allow_redirects=False, headers=headers, **options) as response:
                body = bytearray()
                async for piece in response.content.iter_any():
                    body += piece
                    if len(body) > MAX_ANSWER:
                        raise ProviderUnavailable(f"{where}: more than {MAX_ANSWER} bytes")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ProviderUnavailable(f"{where}: {type(error).__name__}") from None
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if response.status != 200:
            raise ProviderUnavailable(f"{where}: {response.status}{_error_code(document)}")
        if not isinstance(document, dict):
            raise ProviderUnavailable(f"{where}: no JSON object")
        return document


def claims_of(token: object, keys: "KeySet", oidc: Oidc, *, nonce: str, now: float) -> dict[str, Any]:
    """https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation"""
    from joserfc import errors, jwt  # noqa: PLC0415 - an extra

    if not isinstance(token, str) or len(token) > MAX_TOKEN:
        raise Untrusted("there is no ID token")
    try:
        claims = dict(jwt.decode(token, keys, algorithms=[*ALGORITHMS]).claims)
        jwt.JWTClaimsRegistry(
            now=int(now),
            leeway=LEEWAY,
            iss={"essential": True, "value": oidc.issuer},
            aud={"essential": True, "value": oidc.client_id},
            nonce={"essential": True, "value": nonce},
            azp={"essential": isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1, "value": oidc.client_id},
            **{claim: {"essential": True} for claim in ("exp", "iat", "sub")},  # type: ignore[arg-type]
        ).validate(claims)
        if not isinstance(claims["sub"], str):  # which the oldest joserfc takes
            raise errors.InvalidClaimError("sub")
    except (errors.InvalidKeyIdError, errors.BadSignatureError):  # the latter also of a new key under an old name
        raise UnknownKey("the ID token is signed with a key that the provider does not publish") from None
    except errors.ClaimError as error:
        raise Untrusted(f"the ID token does not hold: {error.claim}, {type(error).__name__}") from None
    except (errors.JoseError, ValueError, TypeError, KeyError) as error:
        raise Untrusted(f"the ID token does not hold: {type(error).__name__}") from None
    if claims["iat"] <= now - MAX_AGE - LEEWAY:
        raise Untrusted("the ID token does not hold: it is too old")
    return claims


def short_keys(keys: "KeySet") -> list[str]:
    """List the RSA keys that can be broken, each with its size."""
    from joserfc.jwk import RSAKey  # noqa: PLC0415 - an extra

    sizes = {str(key.kid): key.public_key.key_size for key in keys if isinstance(key, RSAKey)}
    return [f"the key {name} of {bits} bits" for name, bits in sizes.items() if bits < LEAST_BITS]


def display_name(claims: Mapping[str, Any]) -> str:
    """Return what a user is called; an e-mail address only if the provider has verified it."""
    for key in NAMES:
        name = claims.get(key)
        if key == "email" and claims.get("email_verified") is not True:
            continue
        if isinstance(name, str) and name.strip() and name.isprintable():
            return name.strip()[:LONGEST_NAME]
    return ""


def groups_of(claims: Mapping[str, Any], claim: str) -> Sequence[str] | None:
    """Return the groups in a claim, also a nested one; None if it is missing, or an unverified e-mail address."""
    value: Any = claims.get(claim)
    if value is None and "." in claim:
        value = claims
        for step in claim.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
    if claim == "email" and claims.get("email_verified") is not True:
        return None
    if isinstance(value, str):
        return [value]
    return [group for group in value if isinstance(group, str)] if isinstance(value, list) else None


def _error_code(document: object) -> str:
    """Return the code of RFC 6749 §5.2, such as `invalid_grant`; never what else the answer says."""
    code = document.get("error") if isinstance(document, dict) else None
    return f", {code}" if isinstance(code, str) and code.isascii() and code.isidentifier() and len(code) < 50 else ""
