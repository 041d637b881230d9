"""What all ways in share: how somebody is let in, how one is refused, and that both are written down."""

import contextlib
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps

import structlog
from aiohttp import web

from relay.config import Config, Console
from relay.console.access import messages
from relay.console.access.origin import leading_back, route_of, same_origin
from relay.console.access.pages import Render, answer
from relay.console.access.roles import role_of
from relay.console.access.visitors import Visitors
from relay.errors import StoreUnavailable
from relay.receiving.connection import client_of
from relay.receiving.peers import UNIX, owner_of
from relay.receiving.problems import RETRY_AFTER, RateLimitedLog
from relay.store.audit import Act, AuditTrail, say
from relay.store.sessions import Session
from relay.store.tries import Tries

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
UNKNOWN = "unknown"  # whom the audit trail names where nobody is: what was typed may be a password


@dataclass
class Entrance:
    """`opened` says whether there is a console at all."""

    config: Callable[[], Config]
    visitors: Visitors
    audit: AuditTrail
    clock: Callable[[], float]
    render: Render
    tries: Tries
    opened: Callable[[], bool]
    lines: RateLimitedLog = field(default_factory=lambda: RateLimitedLog(time.monotonic))

    @property
    def console(self) -> Console:
        return self.config().console

    def serving(self, handler: Handler) -> Handler:
        """Not there while the console is off; a store that does not answer is a page, too."""

        @wraps(handler)
        async def serve(request: web.Request) -> web.StreamResponse:
            if not self.opened():
                raise web.HTTPNotFound
            try:
                return await handler(request)
            except StoreUnavailable as error:
                return self.unavailable(request, error)

        return serve

    def unavailable(self, request: web.Request, error: StoreUnavailable) -> web.Response:
        self.lines.warning(log, "console.unavailable", reason=str(error))
        return self.refused(
            request, messages.NOT_NOW, messages.AWAY, status=503, headers={"Retry-After": f"{RETRY_AFTER}"}
        )

    async def wait(self, request: web.Request, name: str) -> float:
        """Count a try to come in as this name, or by this way. Answers how many seconds it has to wait; 0: go on."""
        return await self.tries.begin(name, _owner(request), self.clock())

    async def right(self, request: web.Request, name: str) -> None:
        await self.tries.right(name, _owner(request))

    async def give_back(self, request: web.Request, name: str) -> None:
        await self.tries.give_back(name, _owner(request))

    def later(self, request: web.Request, seconds: float) -> web.Response:
        whole = math.ceil(seconds)
        headers = {"Retry-After": f"{whole}"}
        return self.refused(request, messages.NOT_NOW, messages.LATER, status=429, headers=headers, seconds=whole)

    def from_here(self, request: web.Request) -> bool:
        return same_origin(request, self.console.url)

    def elsewhere(self, request: web.Request, why: str) -> web.Response:
        """What a page of somebody else has sent, in the name of whoever looks at it."""
        self.lines.warning(log, "console.forged", why, peer=client_of(request), reason=why, path=route_of(request))
        return self.refused(request, messages.REFUSED, messages.ELSEWHERE)

    def refused(
        self,
        request: web.Request,
        heading: str,
        text: str,
        *,
        status: int = 403,
        headers: dict[str, str] | None = None,
        **facts: object,
    ) -> web.Response:
        values = {"heading": heading, "text": text, "facts": facts}
        return answer(self.render(request, "refused.html", values), status, headers)

    async def let_in(self, request: web.Request, session: Session, back: str, **detail: str) -> web.Response:
        """StoreUnavailable before anybody is: no login is without its entry."""
        role = role_of(self.console, session)
        act = Act(session.name, "console login", "", self._detail(request, session.via, role=f"{role}", **detail), "in")
        await self.audit.note(act)
        response = web.Response(status=303, headers={"Location": leading_back(back)})
        await self.visitors.admit(request, response, session)
        say(act)
        return response

    async def turned_away(self, request: web.Request, name: str, via: str, why: str, **detail: str) -> None:
        """Written down with what strangers bring about; a store that is away does not keep anybody waiting for it."""
        act = Act(name or UNKNOWN, "console login", "", self._detail(request, via, **detail), f"refused: {why}")
        say(act)
        with contextlib.suppress(StoreUnavailable):
            await self.audit.note(act, stranger=True)

    def _detail(self, request: web.Request, via: str, **detail: str) -> dict[str, str]:
        return {"by": via, "peer": client_of(request), **detail}


def _owner(request: web.Request) -> str:
    peer = client_of(request)
    return peer if peer == UNIX else owner_of(peer)
