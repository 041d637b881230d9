"""A provider of OpenID Connect that checks what a real one checks, and spoils of its answers what a test wants.

It knows one client and one person, who is logged in already: who is sent to it is sent back at once.
"""

import base64
import json
import secrets
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_plus, urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from tests.support.clock import Clock

CLIENT, SECRET = "relay", "s3cr3t: with signs & spaces"
JANA = {"sub": "u-17", "preferred_username": "jana", "email": "jana@example.com", "groups": ["everybody", "data"]}
KEYS = {"RS256": RSAKey.generate_key(2048, {"kid": "rsa"}), "ES256": ECKey.generate_key("P-256", {"kid": "ec"})}
with warnings.catch_warnings(action="ignore"):
    SHORT_KEY = RSAKey.generate_key(1024, {"kid": "short"})
STRANGER = RSAKey.generate_key(2048)


@dataclass
class Provider:
    """`spoil` changes the claims of the next ID tokens, `metadata` what it says of itself.

    refusals  what it refused, and why
    """

    clock: Clock
    redirect: str = ""  # the one address that it was told of
    person: Mapping[str, Any] = field(default_factory=lambda: dict(JANA))
    info: Mapping[str, Any] = field(default_factory=dict)
    spoil: Callable[[dict[str, Any]], dict[str, Any]] = dict
    sign: Callable[[dict[str, Any]], str] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    published: list[Any] = field(default_factory=lambda: [*KEYS.values()])
    answer: Mapping[str, str] = field(default_factory=dict)  # what comes back besides, or instead
    refusals: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    issuer: str = ""
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def id_token(self, nonce: str) -> str:
        now = int(self.clock())
        claims = {"iss": self.issuer, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce, **self.person}
        claims = self.spoil(claims)
        if self.sign:
            return self.sign(claims)
        key = KEYS["RS256"]
        return str(jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key))

    async def discovery(self, _request: web.Request) -> web.Response:
        return web.json_response({
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "scopes_supported": ["openid", "profile", "email", "groups", "offline_access"],
            "authorization_response_iss_parameter_supported": True,
        } | self.metadata)  # fmt: skip

    async def keys(self, _request: web.Request) -> web.Response:
        return web.json_response(KeySet(self.published).as_dict(private=False))

    async def authorize(self, request: web.Request) -> web.Response:
        """RFC 6749 §4.1.1, RFC 7636 §4.3: nobody is sent anywhere but where the client said before."""
        query = dict(request.query)
        rules = {
            "client": query.get("client_id") == CLIENT,
            "redirect_uri": query.get("redirect_uri") == self.redirect,
            "response_type": query.get("response_type") == "code",
            "scope": query.get("scope") == "openid profile email groups",
            "challenge": query.get("code_challenge_method") == "S256" and len(query.get("code_challenge", "")) == 43,
            "state": len(query.get("state", "")) >= 32,
            "nonce": len(query.get("nonce", "")) >= 32,
            "tenant": query.get("tenant") == "1",
        }
        if refused := self._refused(rules):
            return web.Response(status=400, text=refused)
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.issuer, **self.answer}
        address = f"{self.redirect}?{urlencode({name: value for name, value in back.items() if value})}"
        return web.Response(status=302, headers={"Location": address})

    async def token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        begun = self._codes.pop(form.get("code", ""), None)  # once
        verifier = form.get("code_verifier", "")
        rules = {
            "grant_type": form.get("grant_type") == "authorization_code",
            "code": begun is not None,
            "redirect_uri": form.get("redirect_uri") == self.redirect,
            "verifier": begun is not None and _challenge(verifier) == begun["code_challenge"],
            "client secret": self._client(request, form) == (CLIENT, SECRET),
        }
        if self._refused(rules) or begun is None:
            return web.json_response({"error": "invalid_grant", "error_description": "<script>"}, status=400)
        tokens = {"access_token": "the-access-token", "token_type": "Bearer", "id_token": self.id_token(begun["nonce"])}
        return web.json_response(tokens)

    async def userinfo(self, request: web.Request) -> web.Response:
        known = request.headers.get("Authorization") == "Bearer the-access-token"
        return web.json_response(self.info if known else {}, status=200 if known else 401)

    def _client(self, request: web.Request, form: Mapping[str, str]) -> tuple[str, str]:
        """By RFC 6749 §2.3.1, in one way: in the header, form-encoded first; or in the form, where that is agreed."""
        ways = self.metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        if "client_secret_post" in ways:
            return (form.get("client_id", ""), form.get("client_secret", "")) if not shown else ("", "")
        name, _, secret = base64.b64decode(shown).decode().partition(":") if scheme == "Basic" else ("", "", "")
        return ("", "") if "client_secret" in form else (unquote_plus(name), unquote_plus(secret))

    def _refused(self, rules: Mapping[str, bool]) -> str:
        broken = [rule for rule, holds in rules.items() if not holds]
        self.refusals += broken
        return ", ".join(broken)


@asynccontextmanager
async def oidc_provider(clock: Clock) -> AsyncIterator[Provider]:
    provider = Provider(clock)

    @web.middleware
    async def note(request: web.Request, handler: Any) -> web.StreamResponse:
        provider.asked.append(request.path)
        response: web.StreamResponse = await handler(request)
        return response

    app = web.Application(middlewares=[note])
    app.add_routes([
        web.get("/.well-known/openid-configuration", provider.discovery),
        web.get("/keys", provider.keys),
        web.get("/authorize", provider.authorize),
        web.post("/token", provider.token),
        web.get("/userinfo", provider.userinfo),
    ])  # fmt: skip
    async with TestServer(app, host="127.0.0.1") as server:
        provider.issuer = f"http://127.0.0.1:{server.port}"
        yield provider


def unsigned(claims: dict[str, Any]) -> str:
    """Return what `none` looks like."""
    return f"{_encoded({'alg': 'none'})}.{_encoded(claims)}."


def forged(**header: str) -> Callable[[dict[str, Any]], str]:
    """By the client's secret, or by a stranger's key: under the name of the provider's, or of none."""
    key = OctKey.import_key(SECRET.encode() + b" and more bytes") if header["alg"] == "HS256" else STRANGER
    return lambda claims: str(jwt.encode(header, claims, key))


def _challenge(verifier: str) -> str:
    return _base64(sha256(verifier.encode()).digest())


def _encoded(document: Mapping[str, Any]) -> str:
    return _base64(json.dumps(document).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
