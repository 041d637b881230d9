"""Logging in at a provider of OpenID Connect: authorization code, PKCE, state and nonce."""

from typing import Any
from urllib.parse import urlencode

import structlog
from aiohttp import web

from relay.config import Oidc
from relay.console.access import messages
from relay.console.access.begun import Begun
from relay.console.access.entrance import Entrance
from relay.console.access.id_token import UnknownKey, Untrusted, claims_of, groups_in, name_in
from relay.console.access.origin import PAGES, alike, leading_back, route_of
from relay.console.access.provider import Metadata, Provider, ProviderAway
from relay.console.access.roles import OIDC, groups_of_use, mark_of_provider, role_of_groups
from relay.receiving.connection import client_of
from relay.store.sessions import Session

SECONDS = 600  # for which a login may take at the provider
LONGEST = 4096  # characters of a code

log = structlog.get_logger(__name__)


class SingleSignOn:
    """The way there and the way back."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._provider: Provider | None = None
        self._retired: list[Provider] = []

    def routes(self) -> list[web.RouteDef]:
        serving, path = self._entrance.serving, f"{PAGES}/oidc"
        return [web.get(f"{path}/start", serving(self.start)), web.get(f"{path}/callback", serving(self.finish))]

    async def aclose(self) -> None:
        for provider in (*self._retired, *filter(None, [self._provider])):
            await provider.aclose()

    async def start(self, request: web.Request) -> web.StreamResponse:
        provider, back = self._of_now(), leading_back(request.query.get("next", ""))
        try:
            metadata = await provider.metadata()
        except ProviderAway as error:
            return self._away(request, provider, error)
        begun = Begun.now(back)
        query = {
            "response_type": "code",
            "client_id": provider.settings.client_id,
            "redirect_uri": self._redirect(),
            "scope": metadata.scopes,
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": begun.challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in metadata.authorization else "?"
        response = web.Response(status=303, headers={"Location": f"{metadata.authorization}{joint}{urlencode(query)}"})
        # Lax: the way back begins at the provider.
        response.set_cookie(
            self._cookie, begun.cookie, path="/", max_age=SECONDS, httponly=True,
            secure=self._entrance.visitors.secure, samesite="Lax",
        )  # fmt: skip
        return response

    async def finish(self, request: web.Request) -> web.StreamResponse:
        provider, begun = self._of_now(), Begun.read(request.cookies.get(self._cookie, ""))
        if begun is None:
            return self._unbegun(request)
        try:
            metadata = await provider.metadata()
        except ProviderAway as error:
            return self._away(request, provider, error)
        if wait := await self._entrance.wait(request, f"{OIDC} {client_of(request)}"):
            return self._entrance.later(request, wait)
        try:
            session, detail = await self._identify(request, provider, metadata, begun)
        except Untrusted as error:
            response = await self._refuse(request, str(error))
        except ProviderAway as error:
            if not error.refused:
                await self._entrance.give_back(request, f"{OIDC} {client_of(request)}")
            response = self._away(request, provider, error)
        else:
            if role_of_groups(provider.settings, session.groups) is None:
                await self._entrance.turned_away(request, session.name, OIDC, "of no group that may", **detail)
                response = self._entrance.refused(request, messages.NOT_LET_IN, messages.NO_GROUP, name=session.name)
            else:
                await self._entrance.right(request, f"{OIDC} {client_of(request)}")
                response = await self._entrance.let_in(request, session, begun.back, **detail)
        response.del_cookie(
            self._cookie, path="/", httponly=True, secure=self._entrance.visitors.secure, samesite="Lax"
        )
        return response

    async def _identify(
        self, request: web.Request, provider: Provider, metadata: Metadata, begun: Begun
    ) -> tuple[Session, dict[str, str]]:
        """Whom the provider has sent back. Raises Untrusted and ProviderAway."""
        if not alike(request.query.get("state", ""), begun.state):
            raise Untrusted("the answer belongs to another login: its state is another")
        _check_issuer(request, provider.settings, metadata)
        if error := request.query.get("error", ""):
            raise Untrusted(f"the provider refused: {error if error.isidentifier() else 'no reason'}"[:100])
        code = request.query.get("code", "")
        if not code or len(code) > LONGEST:
            raise Untrusted("there is no code in the answer")
        tokens = await provider.exchange(code, begun.verifier, self._redirect())
        claims = await self._claims(provider, tokens.get("id_token"), begun.nonce)
        groups = groups_in(claims, provider.settings.groups_claim)
        if groups is None:
            more = await self._userinfo(provider, tokens, claims["sub"])
            groups, claims = groups_in(more, provider.settings.groups_claim), {**more, **claims}
        name = name_in(claims)
        if not name:
            raise Untrusted("the ID token has no name that can be shown")
        kept = groups_of_use(provider.settings, groups or ())
        session = Session(name, OIDC, self._entrance.clock(), mark_of_provider(provider.settings), groups=kept)
        return session, {"account": claims["sub"], "issuer": provider.settings.name}

    async def _claims(self, provider: Provider, token: object, nonce: str) -> dict[str, Any]:
        now = self._entrance.clock()
        try:
            return claims_of(token, await provider.keys(), provider.settings, nonce=nonce, now=now)
        except UnknownKey:
            return claims_of(token, await provider.keys(anew=True), provider.settings, nonce=nonce, now=now)

    async def _userinfo(self, provider: Provider, tokens: dict[str, Any], subject: str) -> dict[str, Any]:
        access = tokens.get("access_token")
        more = await provider.userinfo(access) if isinstance(access, str) and access.isascii() else {}
        if more and more.get("sub") != subject:
            raise Untrusted("what the provider says at its userinfo_endpoint is of somebody else")
        return more

    def _unbegun(self, request: web.Request) -> web.Response:
        """No try: any page can lead whoever looks at it here, and with them all who share their address."""
        why = "this browser has begun no login, or more than ten minutes ago"
        self._entrance.lines.warning(
            log, "console.refused", OIDC, peer=client_of(request), path=route_of(request), reason=why
        )
        return self._entrance.refused(request, messages.NOT_LET_IN, messages.UNCERTAIN)

    async def _refuse(self, request: web.Request, why: str) -> web.Response:
        await self._entrance.turned_away(request, "", OIDC, why)
        return self._entrance.refused(request, messages.NOT_LET_IN, messages.UNCERTAIN)

    def _away(self, request: web.Request, provider: Provider, error: ProviderAway) -> web.Response:
        self._entrance.lines.error(log, "console.provider_away", issuer=provider.settings.issuer, reason=str(error))
        return self._entrance.refused(request, messages.NOT_NOW, messages.UNREACHED, status=503)

    def _of_now(self) -> Provider:
        """By the settings as they are now. Raises HTTPNotFound where there are none."""
        settings = self._entrance.console.oidc
        if settings is None:
            raise web.HTTPNotFound
        if self._provider is None or self._provider.settings != settings:
            if self._provider:  # somebody may just be asking it: closed when relay stops
                self._retired.append(self._provider)
            self._provider = Provider(settings)
        return self._provider

    def _redirect(self) -> str:
        return f"{self._entrance.console.url}{PAGES}/oidc/callback"

    @property
    def _cookie(self) -> str:
        return f"{self._entrance.visitors.cookie}-oidc"


def _check_issuer(request: web.Request, oidc: Oidc, metadata: Metadata) -> None:
    """An answer of one provider must not be taken to another: https://www.rfc-editor.org/rfc/rfc9207"""
    named = request.query.get("iss")
    if named != oidc.issuer if named is not None else metadata.names_itself:
        raise Untrusted("the answer is of another issuer, or does not say of which")
