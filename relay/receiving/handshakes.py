"""Handshakes of senders before they send events: a challenge, Event Grid's validation, the confirmation of SNS."""

import re
from collections.abc import Mapping

from aiohttp import web

from relay import metrics
from relay.domain.documents import decode, decode_any, mapping
from relay.errors import KeysUnavailable, NotJson
from relay.receiving.configured_source import Configured
from relay.receiving.key_cache import KeyCache
from relay.receiving.problems import HttpProblem
from relay.receiving.scheme import SignedRequest, Wanted
from relay.receiving.sns import CONFIRMATION, SignedMessage
from relay.receiving.sources import RateLimit

CHALLENGE_HEADER = "webhook-challenge"
_CHALLENGE = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")  # base64 in both alphabets, hexadecimal, UUIDs, JWTs
EVENT_TYPE = "aeg-event-type"
MAX_QUESTION = 4096  # bytes of a body that is only a question
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
NOT_CONFIRMED = "The subscription could not be confirmed at Amazon. Send it again."
_ORIGIN = re.compile(r"[A-Za-z0-9*]([A-Za-z0-9.*-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?")
_EVENTFUL = ("operation", "operationId", "newOperationId", "batch", "batchId", "data", "payload")


def may_ask(request: SignedRequest, configured: Configured) -> bool:
    """Return whether a request may be a question. Nearly everything is an event, and costs no more than this."""
    if configured.source.signature.scheme == "sns":
        return CONFIRMATION.encode() in request.body
    asks = CHALLENGE_HEADER in request.headers or EVENT_TYPE in request.headers
    return len(request.body) <= MAX_QUESTION and (asks or b'"challenge"' in request.body)


async def answer(request: SignedRequest, configured: Configured, cache: KeyCache) -> web.Response | None:
    """Return the answer to a verified request that only asks; None for an event. HttpProblem."""
    document, headers = await _answer(request, configured, cache), {}
    if not document:
        return None
    metrics.events.labels(configured.name, "challenge").inc()
    if "challenge" in document:
        headers = {CHALLENGE_HEADER: document["challenge"]}
    return web.json_response(document, headers=headers)


async def _answer(request: SignedRequest, configured: Configured, cache: KeyCache) -> Mapping[str, str]:
    if isinstance(topics := configured.source.signature.rules.public, SignedMessage):
        if not (address := topics.confirmation(request.body)):
            return {}
        try:
            # As a key is asked for: within a time, once an hour however often the message comes, by no redirect.
            await cache.get(Wanted(address, "", lambda _: {"": True}), f"{configured.name} confirmed")
        except KeysUnavailable as error:
            raise HttpProblem(503, NOT_CONFIRMED) from error
        return {"status": "confirmed"}
    if code := validation_of(request):
        return {"validationResponse": code}
    challenge = "" if configured.foreign else challenge_of(request)
    return {"challenge": challenge} if challenge else {}


def validation_of(request: SignedRequest) -> str:
    """Return the code of Event Grid's validation: https://learn.microsoft.com/azure/event-grid/webhook-event-delivery"""
    if request.headers.get(EVENT_TYPE) != [b"SubscriptionValidation"]:
        return ""
    try:
        events = decode_any(request.body)
    except NotJson:
        return ""
    event = mapping(events[0] if isinstance(events, list) and len(events) == 1 else None)
    code = mapping(event.get("data")).get("validationCode") if event.get("eventType") == VALIDATION else None
    return code if isinstance(code, str) and _CHALLENGE.fullmatch(code) else ""


def challenge_of(request: SignedRequest) -> str:
    """Return the challenge that a verified request wants back; '' for an event. The header is unsigned: body first."""
    if not (CHALLENGE_HEADER in request.headers or b'"challenge"' in request.body):
        return ""
    try:
        document = decode(request.body) if request.body.strip() else {}
    except NotJson:
        return ""
    text = document.get("challenge") if document else _header(request)
    eventful = any(document.get(key) is not None for key in _EVENTFUL)
    return text if isinstance(text, str) and _CHALLENGE.fullmatch(text) and not eventful else ""


def origin_permission(origin: str, limit: RateLimit | None) -> Mapping[str, str]:
    """Return the answer to OPTIONS (CloudEvents' HTTP 1.1 Web Hooks 1.0.2, section 4): the permitted rate a minute."""
    if not _ORIGIN.fullmatch(origin):
        return {}
    rate = max(1, int(limit.count * 60 / limit.period)) if limit else "*"
    return {"Allow": "OPTIONS, POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": f"{rate}"}


def _header(request: SignedRequest) -> str:
    values = request.headers.get(CHALLENGE_HEADER, ())
    return values[0].decode("latin-1") if len(values) == 1 else ""
