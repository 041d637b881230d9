"""A provider of OpenID Connect: what it says of itself, its keys, and what it gives for a code. All is read bounded."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlsplit

import aiohttp

from relay.config import Oidc
from relay.console.access.id_token import UnknownKey
from relay.console.access.key_set import keys_in
from relay.errors import RelayError

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

TIMEOUT = aiohttp.ClientTimeout(total=10.0)
MOST = 512 * 1024  # bytes of an answer
FRESH = 3600.0  # seconds for which what it says of itself counts, and its keys
LOOK = 60.0  # seconds between two looks for a new key
PATIENCE = 5.0  # seconds after a failure in which it is not asked again: strangers can bring that about
WELL_KNOWN = "/.well-known/openid-configuration"
SCOPES = ("openid", "profile", "email", "groups")  # the last where the provider has it
BASIC, POST = "client_secret_basic", "client_secret_post"


class ProviderAway(RelayError):
    """It does not answer, or not as the specification says. The message is for relay's log.

    `refused`: it took what it was asked for wrong (4xx), as it does with a code that was guessed.
    """

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.refused = refused


@dataclass(frozen=True)
class Metadata:
    """https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata"""

    authorization: str
    token: str
    keys: str
    userinfo: str
    scopes: str
    basic: bool  # how the client shows its secret
    names_itself: bool  # in each answer, by RFC 9207


class Provider:
    """One of these settings; another one has a Provider of its own."""

    def __init__(self, settings: Oidc, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._failed: tuple[float, str] = (float("-inf"), "")

    async def metadata(self) -> Metadata:
        if self._metadata and self._clock() - self._metadata[0] < FRESH:
            return self._metadata[1]
        failed_at, reason = self._failed
        if self._clock() - failed_at < PATIENCE:
            raise ProviderAway(reason)
        try:
            metadata = self._read(await self._get(self.settings.issuer.rstrip("/") + WELL_KNOWN))
        except ProviderAway as error:
            self._failed = (self._clock(), str(error))
            raise
        self._metadata = (self._clock(), metadata)
        return metadata

    async def keys(self, *, anew: bool = False) -> "KeySet":
        """`anew`: there may be one that was not there before. UnknownKey if that was found out a moment ago."""
        age = self._clock() - self._keys[0] if self._keys else float("inf")
        if self._keys and age < (LOOK if anew else FRESH):
            if anew:
                raise UnknownKey("the ID token is signed with a key that the provider does not publish")
            return self._keys[1]
        document = await self._get((await self.metadata()).keys)
        keys = keys_in(document)
        if not keys:
            raise ProviderAway("none of its keys can be read")
        self._keys = (self._clock(), keys)
        return keys

    async def exchange(self, code: str, verifier: str, redirect: str) -> dict[str, Any]:
        """What it gives for the code of a login that was begun with this verifier."""
        metadata, settings = await self.metadata(), self.settings
        secret, client = settings.client_secret.get_secret_value(), settings.client_id
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        headers = {"Accept": "application/json"}
        if metadata.basic:
            shown = f"{quote_plus(client)}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(shown).decode()}"
        else:
            form |= {"client_id": client, "client_secret": secret}
        return await self._ask("POST", metadata.token, data=form, headers=headers)

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """More of whom an ID token is about; nothing where the provider has no such address."""
        address = (await self.metadata()).userinfo
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        return await self._ask("GET", address, headers=headers) if address else {}

    async def aclose(self) -> None:
        if self._session:
            await self._session.close()

    async def _get(self, url: str) -> dict[str, Any]:
        return await self._ask("GET", url, headers={"Accept": "application/json"})

    async def _ask(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        """Its answer. No redirect is followed: a secret goes nowhere but where it was meant to."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=8)  # who waits longer than the timeout for a place comes again
            self._session = aiohttp.ClientSession(
                timeout=TIMEOUT, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
        where = f"{method} {urlsplit(url).path}"
        try:
            async with self._session.request(method, url, allow_redirects=False, **options) as response:
                body = bytearray()
                async for piece in response.content.iter_any():
                    body += piece
                    if len(body) > MOST:
                        raise ProviderAway(f"{where}: more than {MOST} bytes")
                if response.status != 200:
                    refused = 400 <= response.status < 500
                    raise ProviderAway(f"{where}: {response.status}{_reason(body)}", refused=refused)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ProviderAway(f"{where}: {type(error).__name__}") from None
        return _object(body, where)

    def _read(self, document: Mapping[str, Any]) -> Metadata:
        settings = self.settings
        if document.get("issuer") != settings.issuer:
            raise ProviderAway("it calls itself another issuer than console.oidc.issuer, sign by sign")
        ways = document.get("token_endpoint_auth_methods_supported") or [BASIC]
        supported = document.get("scopes_supported") or []
        return Metadata(
            authorization=self._endpoint(document, "authorization_endpoint"),
            token=self._endpoint(document, "token_endpoint"),
            keys=self._endpoint(document, "jwks_uri"),
            userinfo=self._endpoint(document, "userinfo_endpoint") if document.get("userinfo_endpoint") else "",
            scopes=" ".join(scope for scope in SCOPES if scope in supported or scope in SCOPES[:3]),
            basic=BASIC in ways or POST not in ways,
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        )

    def _endpoint(self, document: Mapping[str, Any], key: str) -> str:
        """With TLS, unless the provider itself, on this machine, has none."""
        address = document.get(key)
        if not isinstance(address, str) or urlsplit(address).scheme not in (
            "https",
            urlsplit(self.settings.issuer).scheme,
        ):
            raise ProviderAway(f"its {key} is missing, or not https")
        return address


def _object(body: bytes | bytearray, where: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ProviderAway(f"{where}: no JSON object")
    return document


def _reason(body: bytes | bytearray) -> str:
    """The code of RFC 6749 §5.2, such as `invalid_grant`; never what else stands there."""
    try:
        code = _object(body, "")["error"]
    except (ProviderAway, KeyError):
        return ""
    return f", {code}" if isinstance(code, str) and code.isascii() and code.isidentifier() and len(code) < 50 else ""
