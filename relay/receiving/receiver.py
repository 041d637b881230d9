"""HTTP in: bytes → verified → parsed → ingested → answered.

Nothing in a body is read, logged or counted before its signature is verified; 2xx means that the event is durable.
"""

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import InitVar, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import structlog
from aiohttp import hdrs, web

from relay import metrics
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.errors import HandlingFailed, InvalidEvent, NoRoom, NotJson, StoreUnavailable
from relay.log_lines import RateLimitedLog
from relay.outage import LONG, Outage, note
from relay.receiving import handshakes, pings, request_body
from relay.receiving.addresses import Route
from relay.receiving.configured_source import Configured, Early, RateLimiter, Remember, check_age
from relay.receiving.connection import client_of
from relay.receiving.key_cache import KeyCache
from relay.receiving.outcomes import FAULT, Outcome, answer, reason, status_of, take_each, taken
from relay.receiving.probes import Probes, Readiness
from relay.receiving.problems import HEADERS, HttpProblem
from relay.receiving.reading import Refusal, readers
from relay.receiving.scheme import SignedRequest
from relay.receiving.signatures import EventIdentity
from relay.receiving.sources import Source
from relay.receiving.unknown_words import UnknownWords
from relay.tracing import Accepting, Spans

log = structlog.get_logger(__name__)

OUTCOMES: Mapping[int, str] = {
    400: "malformed", 401: "unsigned", 404: "unknown_source", 405: "wrong_method", 408: "too_slow", 413: "too_large",
    415: "unsupported", 422: "invalid", 429: "rate_limited", 503: "unavailable",
}  # fmt: skip
UNCONFIRMED = "relay cannot confirm that the event is kept. Send it again: it counts once."
NOT_HANDLED = (
    "relay could not handle this event by a fault of its own, and has kept it: its operators see it and replay it. "
    "Sending it again does not help."
)


@dataclass(eq=False)
class Receiver:
    """The addresses of senders and probes.

    ingest      makes an event durable with its deliveries; raises StoreUnavailable, HandlingFailed and InvalidEvent
    quarantine  stores (source, body, headers, reason) of a genuine request that is no event, or with `fault` of one
                that relay failed on, and returns its id; raises StoreUnavailable
    """

    sources: InitVar[Mapping[str, Source]]
    ingest: Callable[..., Awaitable[Accepted]]
    quarantine: Callable[..., Awaitable[str]]
    readiness: InitVar[Callable[[], Awaitable[Readiness]]]
    clock: Callable[[], float]
    keys: KeyCache
    max_body: int
    body_timeout: float = 5.0
    public_url: InitVar[str] = ""
    last_runs: pings.LastRuns | None = None  # of jobs that ping
    remember: Remember | None = None
    words: UnknownWords = field(default_factory=UnknownWords)
    outage: Outage = field(default_factory=Outage)
    tracing: Spans | None = None

    def __post_init__(
        self, sources: Mapping[str, Source], readiness: Callable[[], Awaitable[Readiness]], public_url: str
    ) -> None:
        self.probes = Probes(readiness, public_url)
        self._limiter, self._early = RateLimiter(), Early()
        self._lines = RateLimitedLog(self.clock)
        self.reload(sources)

    def reload(self, sources: Mapping[str, Source]) -> None:
        """Take these sources from now on."""
        self._configured = {
            name: Configured(reader, self.remember) for name, reader in readers(sources, self.words).items()
        }

    def routes(self) -> list[Route]:
        webhooks = (Route(f"/webhooks/{{source}}{rest}", self.receive) for rest in ("", *pings.PATHS))
        return [*webhooks, *self.probes.routes()]

    async def receive(self, request: web.BaseRequest, source: str, **job: str) -> web.StreamResponse:
        """Answer what comes for a source. `job` and `state` are in the address of a ping."""
        began, configured = time.perf_counter(), self._configured.get(source)
        if configured and configured.pings != bool(job):
            configured = None  # one that pings has addresses of its jobs, and only such a one
        if request.method == hdrs.METH_OPTIONS and configured:
            origin = request.headers.get("WebHook-Request-Origin", "")
            if permitted := handshakes.origin_permission(origin, configured.source.rate_limit):
                return web.Response(headers=permitted)
        span: Accepting | None = None
        try:
            signed, configured = await self._verified(request, configured)
            if configured.pings:
                body = await pings.read_ping(
                    job, request.query.get("rid"), signed.body,
                    source=configured.name, last_runs=self.last_runs, now=self.clock(),
                )  # fmt: skip
                signed = replace(signed, body=body)
            if handshakes.may_ask(signed, configured) and (
                question := await handshakes.answer(signed, configured, self.keys)
            ):
                return question
            configured.remember(signed, self.clock())
            if self.tracing is not None:
                parents = signed.headers.get("traceparent", ())
                span = self.tracing.accepting(configured.name, parents, time.perf_counter() - began)
            outcomes, quarantine = await self._ingested(signed, configured, span)
        except HttpProblem as refusal:
            # What a stranger made up is not logged.
            outcome = self._refused(request, refusal, configured.name if configured else "")
            if span is not None:
                span.end(outcome)
            raise
        rows = [its.row for its in outcomes]
        if span is not None:
            span.end(status_of(rows), event=next((its.event.name for its in outcomes if its.event), ""))
        for row in rows:
            configured.outcomes(row["status"]).inc()
        configured.acknowledged.observe(time.perf_counter() - began)
        return web.Response(text="OK\n", headers=HEADERS) if configured.pings else answer(rows, quarantine)

    def _refused(self, request: web.BaseRequest, refusal: HttpProblem, source: str) -> str:
        """Count and log a refusal; return the outcome that it is counted as."""
        reason = str(refusal.__cause__ or "") or str(refusal)
        fault = isinstance(refusal.__cause__, HandlingFailed)
        outcome = "fault" if fault else OUTCOMES[refusal.status]
        metrics.events.labels(source, outcome).inc()
        peer = partial(client_of, request)
        if isinstance(refusal.__cause__, StoreUnavailable) and not isinstance(refusal.__cause__, NoRoom):
            self.outage.failed(reason)
        else:
            key = f"{source} {refusal.status}"
            self._lines.warning(
                log, "event.refused", key, source=source, status=refusal.status, reason=reason, peer=peer
            )
        return outcome

    async def _verified(
        self, request: web.BaseRequest, configured: Configured | None
    ) -> tuple[SignedRequest, Configured]:
        """Return the verified request and its source."""
        if configured is None:
            raise HttpProblem(404, "No source has this address.")
        methods = pings.METHODS if configured.pings else (hdrs.METH_POST,)
        if request.method not in methods:
            allowed = ", ".join(methods)
            raise HttpProblem(405, f"Events are sent with {allowed}.", headers={"Allow": allowed})
        if not configured.pings:
            request_body.expect_spelling(request, typed=configured.typed, accept=configured.accept)
        headers, token = request_body.header_lines(request), request_body.query_token(request)
        body = request_body.whole(request, max_size=self.max_body)
        if body is None:  # a name alone is given no memory, and no time to fill it
            configured.verify(SignedRequest(b"", headers, token), self.clock(), unread=True)
            body = await request_body.read(request, max_size=self.max_body, seconds=self.body_timeout)
        signed = SignedRequest(body, headers, token)
        if configured.has_public_keys:
            await configured.authenticate(signed, self.clock(), self.keys)
        else:
            configured.verify(signed, self.clock())
        limit = configured.source.rate_limit
        if limit and (wait := self._limiter.wait(configured.name, limit, self.clock())):
            detail = f"This source may send {limit.count} requests in {limit.period:g} s."
            raise HttpProblem(429, detail, headers={"Retry-After": f"{math.ceil(wait)}"})
        if configured.accept:
            signed = replace(signed, body=request_body.spelled_out(request, body, max_size=self.max_body))
        return signed, configured

    async def _ingested(
        self, signed: SignedRequest, configured: Configured, span: Accepting | None
    ) -> tuple[list[Outcome], str]:
        """Return what came of each event, and the id in the quarantine of a body of which some are refused."""
        try:
            identity = EventIdentity.of(configured.source.signature.scheme, signed)
        except ValueError as error:
            raise HttpProblem(400, f"{error}") from error
        try:
            began = time.perf_counter()
            events = self._read(signed, identity, configured)
            if time.perf_counter() - began >= LONG:
                ids = (event.id for event in events if isinstance(event, Event))
                note(began, source=configured.name, event_id=next(ids, ""))
            alone = len(events) == 1
            outcomes = await take_each(events, lambda event: self._take(event, configured, span, alone=alone))
            refused = [why for its in outcomes if (why := its.refusal)]
            return outcomes, await self._refuse(outcomes, refused, signed, identity, configured) if refused else ""
        except StoreUnavailable as error:
            raise HttpProblem(503, UNCONFIRMED) from error

    async def _refuse(
        self, outcomes: list[Outcome], refused: list[Refusal], signed: SignedRequest, identity: EventIdentity,
        configured: Configured,
    ) -> str:  # fmt: skip
        """Keep the body, and return its id in the quarantine. Raises HttpProblem where none of its events was taken."""
        fault = next((why for why in refused if isinstance(why, HandlingFailed)), None)
        first = fault or refused[0]
        why = reason(outcomes, first)
        kind = first.kind if isinstance(first, InvalidEvent) else FAULT
        if fault:
            metrics.unexpected_errors.inc()
        # Kept before it is refused: a sender that gives up on a 422 has lost nothing.
        quarantine_id = await self._quarantined(signed, identity, configured, why, kind)
        if isinstance(first, InvalidEvent) and not taken(outcomes):
            detail = first.message if len(outcomes) == 1 else why
            raise HttpProblem(422, detail, field=first.field, quarantine=quarantine_id) from first
        if not taken(outcomes):  # it would fail again at every try of the sender
            raise HttpProblem(422, NOT_HANDLED, quarantine=quarantine_id) from first
        name = configured.name
        self._lines.warning(log, "event.refused", f"{name} 202", source=name, status=202, reason=why)
        return quarantine_id

    def _take(
        self, event: Event, configured: Configured, span: Accepting | None, *, alone: bool
    ) -> Awaitable[Accepted]:
        if configured.oldest is not None:
            check_age(event, configured.oldest)
        if span is not None:
            event = replace(event, trace=span.context)
        if configured.permissions is None:
            return self.ingest(event)
        ingest = partial(self.ingest, event, permissions=configured.permissions)
        return self._early.patiently(ingest) if alone else ingest()  # a hundred would not wait in time

    def _read(self, signed: SignedRequest, identity: EventIdentity, configured: Configured) -> list[Event | Refusal]:
        now = datetime.fromtimestamp(self.clock(), UTC)
        ids = identity.ids(signed.body)
        try:
            return configured.events(signed.body, received_at=now, headers=signed.headers, ids=ids)
        except HandlingFailed as fault:
            return [fault]
        except NotJson as error:
            raise HttpProblem(400, f"The body is no unambiguous JSON object: {error}.") from error

    async def _quarantined(
        self, signed: SignedRequest, identity: EventIdentity, configured: Configured, reason: str, kind: str
    ) -> str:
        headers = configured.kept_headers(signed) | identity.headers
        quarantine_id = await self.quarantine(configured.name, signed.body, headers, reason, fault=kind == FAULT)
        metrics.quarantined.labels(configured.name, kind).inc()
        return quarantine_id
