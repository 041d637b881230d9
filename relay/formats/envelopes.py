"""Envelopes around a sender's document: of SNS, Pub/Sub, CloudEvents and Event Grid. Pure.

Opening never raises: what has no such envelope, or one whose content is no JSON object, stays as it is. What was said
on the envelope is at `$envelope`, for a binary CloudEvent from its headers.
"""

import binascii
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from relay.domain.documents import decode
from relay.errors import NotJson

Opened = tuple[dict[str, Any], dict[str, Any]]  # the content, and what the envelope says
Headers = Mapping[str, str]
MAX_LEVELS = 2


def _json(text: object) -> dict[str, Any] | None:
    try:
        return decode(text.encode() if isinstance(text, str) else text) if isinstance(text, str | bytes) else None
    except (NotJson, ValueError):
        return None


def _base64(text: object) -> dict[str, Any] | None:
    try:
        return _json(b64decode(text, validate=True)) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        return None


def _sns(body: dict[str, Any], _headers: Headers) -> Opened | None:
    content = _json(body.get("Message")) if body.get("Type") == "Notification" else None
    return None if content is None else (content, body)


def _pubsub(body: dict[str, Any], _headers: Headers) -> Opened | None:
    message = body.get("message")
    if type(message) is not dict or (content := _base64(message.get("data"))) is None:
        return None
    return content, {**message, "subscription": body.get("subscription")}


def _cloudevents(body: dict[str, Any], headers: Headers) -> Opened | None:
    """https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md"""
    if "specversion" in body:
        data = body.get("data")
        content = data if type(data) is dict else _json(data) or _base64(body.get("data_base64"))
        return (content or {}, body)
    if "ce-specversion" in headers:
        return body, {name[3:]: unquote(text) for name, text in headers.items() if name.startswith("ce-")}
    return None


def _eventgrid(body: dict[str, Any], _headers: Headers) -> Opened | None:
    data = body.get("data")
    return (data, body) if "eventType" in body and type(data) is dict else None


ENVELOPES: Mapping[str, Callable[[dict[str, Any], Headers], Opened | None]] = {
    "sns": _sns, "pubsub": _pubsub, "cloudevents": _cloudevents, "eventgrid": _eventgrid,
}  # fmt: skip


def opened(body: Any, headers: Headers, names: tuple[str, ...], limit: int) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Open these envelopes; yield the content, and what the inner one says: of a list of them, of the first `most`."""
    batch = body[:limit] if names and type(body) is list and body else [body]
    return (_opened(sent, headers, names) for sent in batch)


def _opened(body: Any, headers: Headers, names: tuple[str, ...]) -> tuple[Any, dict[str, Any]]:
    facts: dict[str, Any] = {}
    levels = 0
    for name in names:
        if levels < MAX_LEVELS and type(body) is dict and (inner := ENVELOPES[name](body, headers)):
            body, facts = inner
            levels += 1
    return body, facts
