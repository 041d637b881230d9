"""Logging in at a provider of OpenID Connect: authorization code, PKCE, state and nonce."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote, urlencode

import aiohttp
import structlog
from aiohttp import web

from relay.config import Oidc
from relay.console.access import browser
from relay.console.access.browser import PAGES, alike, leading_back, route_of
from relay.console.access.identity import OIDC, groups_to_keep, mark_of, role_of_groups
from relay.console.access.login_flow import LoginFlow
from relay.console.access.oidc import Provider, ProviderUnavailable, Untrusted, display_name, groups_of, http_session
from relay.receiving.connection import client_of
from relay.store.sessions import Session

SECONDS = 600  # for which a login may take at the provider
SECRET_BYTES = 32
MAX_CODE = 4096  # characters

log = structlog.get_logger(__name__)


class OidcState:
    """State of a login at the provider, in the browser's cookie alone: all of it follows from its secret."""

    def __init__(self, secret: str, back: str) -> None:
        self.cookie = f"{secret}.{quote(back, safe='')}"
        self.back = back
        self.state, self.nonce, self.verifier = (
            _base64(hmac.digest(secret.encode(), purpose, "sha256")) for purpose in (b"state", b"nonce", b"verifier")
        )
        # S256: https://www.rfc-editor.org/rfc/rfc7636#section-4.2
        self.challenge = _base64(sha256(self.verifier.encode()).digest())

    @classmethod
    def read(cls, cookie: str) -> "OidcState | None":
        secret, _, back = cookie.partition(".")
        return cls(secret, unquote(back)) if 0 < len(secret) <= 2 * SECRET_BYTES and secret.isascii() else None


class SingleSignOn:
    """The way to the provider and the way back."""

    def __init__(self, flow: LoginFlow) -> None:
        self._flow = flow
        self._http: aiohttp.ClientSession | None = None
        self._provider: Provider | None = None

    def routes(self) -> list[web.RouteDef]:
        serving, path = self._flow.serving, f"{PAGES}/oidc"
        return [web.get(f"{path}/start", serving(self.start)), web.get(f"{path}/callback", serving(self.finish))]

    async def aclose(self) -> None:
        if self._http:
            await self._http.close()

    async def start(self, request: web.Request) -> web.StreamResponse:
        provider = self._current()
        try:
            address, scope = (await provider.metadata())["authorization_endpoint"], await provider.scope()
        except ProviderUnavailable as error:
            return self._unavailable(request, provider, error)
        login = OidcState(secrets.token_urlsafe(SECRET_BYTES), leading_back(request.query.get("next", "")))
        query = urlencode({
            "response_type": "code",
            "client_id": provider.settings.client_id,
            "redirect_uri": self._redirect,
            "scope": scope,
            "state": login.state,
            "nonce": login.nonce,
            "code_challenge": login.challenge,
            "code_challenge_method": "S256",
        })  # fmt: skip
        response = web.Response(status=303, headers={"Location": f"{address}{'&' if '?' in address else '?'}{query}"})
        response.set_cookie(self._cookie, login.cookie, max_age=SECONDS, **self._flow.sessions.cookie_options)
        return response

    async def finish(self, request: web.Request) -> web.StreamResponse:
        provider, login = self._current(), OidcState.read(request.cookies.get(self._cookie, ""))
        if login is None:  # any page can redirect its reader here
            why = "this browser has begun no login, or more than ten minutes ago"
            caller = {"peer": client_of(request), "path": route_of(request), "reason": why}
            self._flow.lines.warning(log, "console.refused", OIDC, **caller)
            return self._flow.refused(request, browser.NOT_LET_IN, browser.UNCERTAIN)
        try:
            session, detail = await self._session(request, provider, login)
        except Untrusted as error:
            self._flow.record_refusal(request, "", OIDC, str(error))
            response = self._flow.refused(request, browser.NOT_LET_IN, browser.UNCERTAIN)
        except ProviderUnavailable as error:  # the cookie stays: the page may be asked again
            return self._unavailable(request, provider, error)
        else:
            if role_of_groups(provider.settings, session.groups) is None:
                self._flow.record_refusal(request, session.name, OIDC, "of no group that may", **detail)
                response = self._flow.refused(request, browser.NOT_LET_IN, browser.NO_GROUP, name=session.name)
            else:
                response = await self._flow.let_in(request, session, login.back, **detail)
        response.del_cookie(self._cookie, **self._flow.sessions.cookie_options)
        return response

    async def _session(
        self, request: web.Request, provider: Provider, login: OidcState
    ) -> tuple[Session, dict[str, str]]:
        """Return the session of the user that the provider has sent back. Raises Untrusted and ProviderUnavailable."""
        settings = provider.settings
        tokens = await provider.exchange(await _code(request, provider, login), login.verifier, self._redirect)
        claims = await provider.claims(tokens.get("id_token"), nonce=login.nonce, now=self._flow.clock())
        groups = groups_of(claims, settings.groups_claim)
        if groups is None:
            more = await _userinfo(provider, tokens, claims["sub"])
            groups, claims = groups_of(more, settings.groups_claim), {**more, **claims}
        name = display_name(claims)
        if not name:
            raise Untrusted("the ID token has no name that can be shown")
        session = Session(
            name, OIDC, self._flow.clock(), mark_of(settings), groups=groups_to_keep(settings, groups or ())
        )
        return session, {"account": claims["sub"], "issuer": settings.name}

    def _unavailable(self, request: web.Request, provider: Provider, error: ProviderUnavailable) -> web.Response:
        self._flow.lines.error(log, "console.provider_away", issuer=provider.settings.issuer, reason=str(error))
        return self._flow.refused(request, browser.NOT_NOW, browser.UNREACHED, status=503)

    def _current(self) -> Provider:
        """Return the provider of the current settings. Raises HTTPNotFound where there are none."""
        settings: Oidc | None = self._flow.console.oidc
        if settings is None:
            raise web.HTTPNotFound
        if self._provider is None or self._provider.settings != settings:
            self._http = self._http or http_session()
            self._provider = Provider(settings, self._http)
        return self._provider

    @property
    def _redirect(self) -> str:
        return f"{self._flow.console.url}{PAGES}/oidc/callback"

    @property
    def _cookie(self) -> str:
        return f"{self._flow.sessions.cookie}-oidc"


async def _code(request: web.Request, provider: Provider, login: OidcState) -> str:
    """Return the code, if the answer is the one to this login and of this provider. Raises Untrusted."""
    query, metadata = request.query, await provider.metadata()
    if not alike(query.get("state", ""), login.state):
        raise Untrusted("the answer belongs to another login: its state is another")
    # An answer of one provider must not be taken to another: https://www.rfc-editor.org/rfc/rfc9207
    unnamed = metadata.get("authorization_response_iss_parameter_supported") is not True
    if query.get("iss") != provider.settings.issuer and not ("iss" not in query and unnamed):
        raise Untrusted("the answer is of another issuer, or does not say of which")
    if error := query.get("error", ""):
        raise Untrusted(f"the provider refused: {error if error.isidentifier() else 'no reason'}"[:100])
    code = query.get("code", "")
    if not code or len(code) > MAX_CODE:
        raise Untrusted("there is no code in the answer")
    return code


async def _userinfo(provider: Provider, tokens: dict[str, Any], subject: str) -> dict[str, Any]:
    access = tokens.get("access_token")
    more = await provider.userinfo(access) if isinstance(access, str) and access.isascii() else {}
    if more and more.get("sub") != subject:
        raise Untrusted("what the provider says at its userinfo_endpoint is of somebody else")
    return more


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
