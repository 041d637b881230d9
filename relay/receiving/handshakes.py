"""What senders ask before they send: whether this is an address that wants their events. Pure.

CloudEvents (HTTP 1.1 Web Hooks for Event Delivery 1.0.2, section 4, Abuse Protection) asks with OPTIONS and
`WebHook-Request-Origin`, and takes `WebHook-Allowed-Origin` and `WebHook-Allowed-Rate` for a yes. It is no
authentication: every event is still checked.

Standard Webhooks (1.0.0) defines no such question. Senders that speak it, and others, send a signed POST with a
`challenge` in its body, in a `webhook-challenge` header, or both, and want it back. It is answered in the header and as
JSON, once the signature is found genuine. The header is not signed, so it counts only where the body says nothing at
all, and none of it where the body names an operation or a batch: no event can be turned into a question on its way.
"""

import re
from collections.abc import Mapping

from relay.domain.strict_json import decode
from relay.errors import NotJson
from relay.receiving.schemes import SignedRequest
from relay.receiving.sources import RateLimit

HEADER = "webhook-challenge"
CHALLENGE = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")  # base64 in both alphabets, hexadecimal, UUIDs, JWTs
MOST = 4096  # bytes of a body that is only a question
ORIGIN = re.compile(r"[A-Za-z0-9*]([A-Za-z0-9.*-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?")
EVENTFUL = ("operation", "operationId", "newOperationId", "batch", "batchId", "data", "payload")


def challenge(request: SignedRequest) -> str:
    """What a verified request wants to hear again; '' for all that is no challenge."""
    if len(request.body) > MOST or not (HEADER in request.headers or b'"challenge"' in request.body):
        return ""  # an event, as nearly everything is: nothing is decoded twice
    try:
        document = decode(request.body) if request.body.strip() else {}
    except NotJson:
        return ""
    text = document.get("challenge") if document else _header(request)
    eventful = any(document.get(key) is not None for key in EVENTFUL)
    return text if isinstance(text, str) and CHALLENGE.fullmatch(text) and not eventful else ""


def permission(origin: str, limit: RateLimit | None) -> Mapping[str, str]:
    """The headers that permit this origin to send, at the source's rate (requests a minute); none for no origin."""
    if not ORIGIN.fullmatch(origin):
        return {}
    rate = max(1, int(limit.count * 60 / limit.period)) if limit else "*"
    return {"Allow": "OPTIONS, POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": f"{rate}"}


def _header(request: SignedRequest) -> str:
    values = request.headers.get(HEADER, ())
    return values[0].decode("latin-1") if len(values) == 1 else ""
