"""HTTP in: bytes → verified → parsed → ingested → answered.

Nothing in a body is read, logged or counted before its signature is found genuine, and 2xx is said only after the
event and its deliveries are durable. Every other answer is a problem document (`relay.receiving.problems`).
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from aiohttp import hdrs, web

from relay import metrics
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.faults import handling
from relay.domain.parsing import parse
from relay.domain.strict_json import decode
from relay.errors import HandlingFailed, InvalidEvent, InvalidSignature, NoRoom, NotJson, StoreUnavailable
from relay.outage import Outage
from relay.receiving import handshakes, openapi, request_body
from relay.receiving.identity import EventIdentity
from relay.receiving.problems import HEADERS, HttpProblem, RateLimitedLog, answering
from relay.receiving.rate_limit import RateLimiter
from relay.receiving.schemes import SCHEMES, SignedRequest
from relay.receiving.signatures import verify
from relay.receiving.sources import RateLimit, Signature, Source

OUTCOMES: Mapping[int, str] = {
    400: "malformed", 401: "unsigned", 404: "unknown_source", 405: "wrong_method", 408: "too_slow", 413: "too_large",
    415: "unsupported", 422: "invalid", 429: "rate_limited", 503: "unavailable",
}  # fmt: skip
UNSIGNED = "The signature is missing, wrong or too old."  # one answer for all three: a stranger learns nothing
NOT_DURABLE = "The event could not be made durable. Send it again: it is told once."
ROOT = """\
This is relay, the webhook target for long-running operations: it tells people in Slack and by e-mail what happens to \
them. Events are sent with POST to /webhooks/{source}; /healthz and /readyz say how it is.
"""
NOT_HANDLED = (
    "relay could not handle this event by a fault of its own, and has kept it: its operators see it and replay it. "
    "Sending it again does not help."
)
KEPT_HEADERS = ("content-type", "user-agent")  # with a body in the quarantine, beside its ids

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether events can be accepted and delivered; `checks` says of each part what is the matter, or "ok"."""

    ready: bool
    checks: Mapping[str, str]


class Receiver:
    """The addresses that senders and probes see. Set `sources` to reload them, `stopping` to be asked no more.

    ingest      makes an event durable with its deliveries; raises StoreUnavailable, and HandlingFailed
    quarantine  keeps (source, body, headers, reason) of a genuine request that is no event, or with `fault` of one
                that relay failed on, and returns its id; raises StoreUnavailable
    clock       epoch seconds
    limits      `max_body` in bytes, `body_timeout` in seconds for all of it
    registry    what `GET /metrics` shows
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        ingest: Callable[[Event], Awaitable[Accepted]],
        quarantine: Callable[..., Awaitable[str]],
        readiness: Callable[[], Awaitable[Readiness]],
        clock: Callable[[], float],
        *,
        max_body: int,
        body_timeout: float = 10.0,
        registry: metrics.CollectorRegistry = metrics.REGISTRY,
        public_url: str = "",
        outage: Outage | None = None,
    ) -> None:
        self.sources = sources
        self.stopping = False
        self._ingest = ingest
        self._quarantine = quarantine
        self._readiness = readiness
        self._clock = clock
        self._max_body = max_body
        self._body_timeout = body_timeout
        self._registry = registry
        self._public_url = public_url
        self._limiter = RateLimiter()
        self._lines = RateLimitedLog(clock)
        self._outage = outage or Outage(clock)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/webhooks/{source}", self.receive, expect_handler=request_body.expect_later),
            web.get("/", self.root),
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
            web.get("/metrics", self.metrics),
            web.get("/openapi.json", self.openapi),
        ]

    async def receive(self, request: web.Request) -> web.Response:
        """One event in. The order of the steps is part of the promise: see the module's docstring."""
        name = request.match_info["source"]
        label = name if name in self.sources else ""  # what a stranger made up is no label, and not logged
        if request.method == hdrs.METH_OPTIONS and label and (permission := self._permission(request, name)):
            return web.Response(headers=permission)
        try:
            signed, source = await self._verified(request, name)
            if challenge := handshakes.challenge(signed):
                metrics.events.labels(label, "challenge").inc()
                return web.json_response({"challenge": challenge}, headers={handshakes.HEADER: challenge})
            event, accepted = await self._ingested(signed, name, source)
        except HttpProblem as refusal:
            reason = str(refusal.__cause__ or "") or str(refusal)
            fault = isinstance(refusal.__cause__, HandlingFailed)
            metrics.events.labels(label, "fault" if fault else OUTCOMES[refusal.status]).inc()
            key = f"{label} {refusal.status}"
            if isinstance(refusal.__cause__, StoreUnavailable) and not isinstance(refusal.__cause__, NoRoom):
                self._outage.failed(reason)
            else:
                self._lines.warning(log, "event.refused", key, source=label, status=refusal.status, reason=reason)
            raise
        metrics.events.labels(label, accepted.status).inc()
        answer: dict[str, object] = {"status": accepted.status, "eventId": event.id or None}
        if accepted.status != "accepted":
            return web.json_response(answer)
        return web.json_response(answer | {"deliveries": accepted.deliveries}, status=202)

    async def root(self, _request: web.Request) -> web.Response:
        return web.Response(text=ROOT)

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(self, _request: web.Request) -> web.Response:
        stopping = Readiness(ready=False, checks={"server": "stopping"})
        readiness = stopping if self.stopping else await self._readiness()
        answer = {"ready": readiness.ready, "checks": dict(readiness.checks)}
        return web.json_response(answer, status=200 if readiness.ready else 503)

    async def metrics(self, _request: web.Request) -> web.Response:
        headers = {"Content-Type": metrics.CONTENT_TYPE_LATEST}
        return web.Response(body=metrics.exposition(self._registry), headers=headers)

    async def openapi(self, request: web.Request) -> web.Response:
        served = [resource.canonical for resource in request.app.router.resources()]
        return web.json_response(openapi.document(served, self._public_url))

    async def _verified(self, request: web.Request, name: str) -> tuple[SignedRequest, Source]:
        """The request, once it is known to be genuine and may be read, and its source as it was then."""
        source = self.sources.get(name)
        if source is None:
            raise HttpProblem(404, "No source has this name.")
        if request.method != hdrs.METH_POST:
            raise HttpProblem(405, "Events are sent with POST.", headers={"Allow": "POST"})
        _expect_plain_json(request)
        body = await request_body.read(request, most=self._max_body, seconds=self._body_timeout)
        signed = SignedRequest(body, request_body.headers(request), _query_token(request))
        self._verify(signed, name, source.signature)
        self._admit(name, source.rate_limit)
        return signed, source

    async def _ingested(self, signed: SignedRequest, name: str, source: Source) -> tuple[Event, Accepted]:
        try:
            identity = EventIdentity.of(source.signature.scheme, signed)
        except ValueError as error:
            raise HttpProblem(400, f"{error}") from error
        try:
            try:
                event = self._parse(signed, identity, name, source)
                return event, await self._ingest(event)
            except InvalidEvent as error:
                # Kept before it is refused: a sender that gives up on a 422 has lost nothing.
                quarantine_id = await self._quarantined(signed, identity, name, str(error))
                raise HttpProblem(422, error.message, field=error.field, quarantine=quarantine_id) from error
            except HandlingFailed as error:  # it would fail again at every try of the sender
                metrics.unexpected_errors.inc()
                quarantine_id = await self._quarantined(signed, identity, name, str(error), fault=True)
                raise HttpProblem(422, NOT_HANDLED, quarantine=quarantine_id) from error
        except StoreUnavailable as error:
            raise HttpProblem(503, NOT_DURABLE) from error

    def _permission(self, request: web.Request, name: str) -> Mapping[str, str]:
        origin = request.headers.get("WebHook-Request-Origin", "")
        return handshakes.permission(origin, self.sources[name].rate_limit)

    def _verify(self, signed: SignedRequest, name: str, signature: Signature) -> None:
        secrets = {key: secret.get_secret_value().encode() for key, secret in signature.secrets.items()}
        try:
            key = verify(
                signature.scheme,
                signed,
                secrets,
                header=signature.header or None,
                tolerance=signature.tolerance,
                now=self._clock(),
            )
        except InvalidSignature as error:
            metrics.signatures_refused.labels(name).inc()
            challenge = {"WWW-Authenticate": SCHEMES[signature.scheme].challenge}
            raise HttpProblem(401, UNSIGNED, headers=challenge) from error
        metrics.signatures_verified.labels(name, key).inc()

    def _admit(self, name: str, limit: RateLimit | None) -> None:
        wait = self._limiter.wait(name, limit, self._clock()) if limit else 0.0
        if limit and wait:
            detail = f"This source may send {limit.count} requests in {limit.period:g} s."
            raise HttpProblem(429, detail, headers={"Retry-After": f"{math.ceil(wait)}"})

    def _parse(self, signed: SignedRequest, identity: EventIdentity, name: str, source: Source) -> Event:
        now = datetime.fromtimestamp(self._clock(), UTC)
        try:
            with handling():
                document = decode(signed.body)
                ids = identity.ids(signed.body)
                return parse(document, source=name, received_at=now, default_event=source.event,
                             platform=source.platform, **ids)  # fmt: skip
        except NotJson as error:
            raise HttpProblem(400, f"The body is no unambiguous JSON object: {error}.") from error

    async def _quarantined(
        self, signed: SignedRequest, identity: EventIdentity, name: str, reason: str, *, fault: bool = False
    ) -> str:
        headers = {key: signed.headers[key][0].decode("latin-1") for key in KEPT_HEADERS if key in signed.headers}
        quarantine_id = await self._quarantine(name, signed.body, headers | identity.headers, reason, fault=fault)
        metrics.quarantined.labels(name, "fault" if fault else "invalid").inc()
        return quarantine_id


def make_app(receiver: Receiver) -> web.Application:
    """The application for `relay.receiving.server.serve`; other parts may add their routes before it is served."""
    app = web.Application(middlewares=[answering()])
    app.add_routes(receiver.routes())
    app.on_response_prepare.append(_label)
    return app


async def _label(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = HEADERS["Server"]  # aiohttp would tell its version, and Python's
    for header, value in HEADERS.items():
        response.headers.setdefault(header, value)


def _expect_plain_json(request: web.Request) -> None:
    """Compressed bodies are refused unread, so there is nothing to explode. No content type means JSON."""
    encodings = [value.strip().lower() for value in request.headers.getall(hdrs.CONTENT_ENCODING, [])]
    if any(encoding not in ("", "identity") for encoding in encodings):
        raise HttpProblem(415, "Send the body without a content encoding.")
    media = request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    if media not in ("", "application/json") and not (media.startswith("application/") and media.endswith("+json")):
        raise HttpProblem(415, "Send the body as application/json.")


def _query_token(request: web.Request) -> str | None:
    tokens = request.query.getall("token", [])
    return tokens[0] if len(tokens) == 1 else None
