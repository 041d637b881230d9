"""Unsubscribe page of mails: GET changes nothing, since mail scanners open links; POST unsubscribes.

Mail programs send the same POST as the page's button (https://www.rfc-editor.org/rfc/rfc8058). The token is verified
first: a forged link costs an HMAC, is not read, and counts against no limit.
"""

import math
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import parse_qsl

import structlog
from aiohttp import hdrs, web

from relay.domain.deliveries import Delivery
from relay.domain.tokens import Signing
from relay.errors import InvalidSignature, StoreUnavailable
from relay.log_lines import RateLimitedLog
from relay.outage import Outage
from relay.receiving import request_body
from relay.receiving.addresses import READ, Route
from relay.receiving.configured_source import RateLimiter
from relay.receiving.connection import client_of
from relay.receiving.problems import RETRY_AFTER
from relay.receiving.sources import RateLimit
from relay.store.audit import Act, AuditTrail, say
from relay.store.queries.suppressions import UNSUBSCRIBED, Suppressions
from relay.unsubscribe.page import POLICY, UNDO, language_of, page

PURPOSE = "unsubscribe"
LIMIT = RateLimit(count=300, period=60.0)  # of one link: all mails of a list to one address have the same
RECORDED = RateLimit(count=10, period=86_400.0)  # acts of one link that the audit trail has; the log has all
MAX_BODY = 4096
BODY_TIMEOUT = 10.0  # seconds
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",  # the address alone is enough to unsubscribe
    "X-Robots-Tag": "noindex",
    "Vary": "Accept-Language",
}

log = structlog.get_logger(__name__)


class Unsubscribe:
    """Links to unsubscribe and their pages: none without a secret, or a `public_url`, which is asked anew each time."""

    def __init__(
        self,
        suppressions: Suppressions,
        signing: Signing,
        public_url: Callable[[], str],
        clock: Callable[[], float],
        *,
        outage: Outage | None = None,
        audit: AuditTrail | None = None,
    ) -> None:
        self._audit = audit
        self._suppressions = suppressions
        self._signing = signing
        self._public_url = public_url
        self._clock = clock
        self._limiter = RateLimiter()
        self._lines = RateLimitedLog(clock)
        self._outage = outage or Outage(clock)

    async def link(self, delivery: Delivery, language: str) -> str:
        """Make the link for the reader of this delivery; '' if there is none."""
        outside = self._public_url().rstrip("/")
        if not outside or not self._signing.available:
            return ""
        token = self._signing.issue(PURPOSE, delivery.destination, delivery.address, language)
        return f"{outside}/unsubscribe/{token}"

    def routes(self) -> list[Route]:
        path = "/unsubscribe/{token}"
        return [Route(path, self.show, READ), Route(path, self.submit, (hdrs.METH_POST,))]

    async def show(self, request: web.BaseRequest, token: str) -> web.Response:
        """Show the page with its button (GET and HEAD). Changes nothing."""

        async def page_name(destination: str, address: str) -> str:
            reason = await self._suppressions.reason(destination, address)
            return "done" if reason == UNSUBSCRIBED else "ask"

        return await self._answer(request, token, page_name)

    async def submit(self, request: web.BaseRequest, token: str) -> web.Response:
        """Unsubscribe, or take it back (POST). Suppressions by an operator or a bounce stay."""

        async def change(destination: str, address: str) -> str:
            undo = UNDO in await _form(request)
            act = Act("reader", "resubscribe" if undo else "unsubscribe", f"at {destination}", address=address)
            # First: a crash in between leaves an entry without an outcome, and the reader asks again.
            kept = self._audit if not self._limiter.wait(f"audit {token}", RECORDED, self._clock()) else None
            first = await kept.note(act) if kept else ""
            if undo:
                changed = await self._suppressions.remove(address, destination, reason=UNSUBSCRIBED)
            else:
                changed = await self._suppressions.add(address, destination, reason=UNSUBSCRIBED)
            act.outcome = "done" if changed else "nothing to change"
            if changed:
                signature = token.rpartition(".")[2]
                log.info("address.resubscribed" if undo else "address.unsubscribed", destination=destination,
                         token=f"…{signature[-8:]}")  # fmt: skip
            if kept:
                await kept.end(first, act)
            else:
                say(act)
            return "undone" if undo else "done"

        return await self._answer(request, token, change)

    async def _answer(
        self, request: web.BaseRequest, token: str, step: Callable[[str, str], Awaitable[str]]
    ) -> web.Response:
        """Answer with a page for people; only a body that is none gets a problem document."""
        language = language_of(request.headers.get("Accept-Language", ""))
        try:
            destination, address, mail_language = self._signing.redeem(PURPOSE, token)
            language = language_of(mail_language)
            if wait := self._limiter.wait(token.rpartition(".")[2], LIMIT, self._clock()):
                return _page("later", language, 429, retry_after=wait)
            name = await step(destination, address)
        except InvalidSignature:
            self._lines.warning(log, "unsubscribe.refused", peer=partial(client_of, request))
            return _page("wrong", language, 404)
        except StoreUnavailable as error:
            self._outage.failed(str(error))
            return _page("later", language, 503, retry_after=RETRY_AFTER)
        return _page(name, language, about=(destination, address))


async def _form(request: web.BaseRequest) -> list[tuple[str, str]]:
    """Read the fields of a small form; other bodies have none (RFC 8058 allows multipart too)."""
    body = await request_body.read(request, max_size=MAX_BODY, seconds=BODY_TIMEOUT)
    if request.content_type != "application/x-www-form-urlencoded":
        return []
    return parse_qsl(body.decode("utf-8", "replace"))


def _page(
    name: str, language: str, status: int = 200, *, about: tuple[str, str] = ("", ""), retry_after: float = 0
) -> web.Response:
    """Build the answer; `about` is the destination and the address."""
    return web.Response(
        text=page(name, language, *about),
        status=status,
        content_type="text/html",
        charset="utf-8",
        headers=HEADERS | ({"Retry-After": f"{math.ceil(retry_after)}"} if retry_after else {}),
    )
