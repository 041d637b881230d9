"""The OpenAPI 3.1 description of what relay serves, as `GET /openapi.json` gives it. Pure data.

The schemas say what relay insists on, not all it understands: an envelope may carry anything besides.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from relay import __version__
from relay.domain.events import BATCH_EVENTS, OPERATION_EVENTS, PRIORITIES, STATUSES
from relay.domain.fields import MAX_ID

Schema = dict[str, Any]

PROBLEM = "application/problem+json"
RETRY_AFTER: Schema = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}

# The operators' listener is where they got this document from.
OWN_SERVER: Schema = {"servers": [{"url": "/", "description": "server.admin, for operators"}]}
# What `POST /webhooks/{source}` answers besides 200 and 202.
REFUSALS: Mapping[int, str] = {
    400: "Not a JSON object that can be read in one way only.",
    401: "The signature is missing, wrong or too old.",
    404: "No source has this name.",
    405: "Events are sent with POST.",
    408: "The body took too long.",
    413: "The body is too large.",
    415: "The body is not JSON by its content type, or is compressed.",
    422: "JSON, but no event, or none that this source may say: `field` names the part at fault. Without it, relay "
    "itself failed on it. Sending it again does not help: the body is kept in the quarantine.",
    429: "The source is over its rate limit.",
    503: "The event could not be made durable. Send it again.",
}


@dataclass(frozen=True, slots=True)
class Besides:
    """What describes itself: paths of the operators' listener, and the schemas and security schemes they refer to."""

    paths: Schema
    schemas: Schema
    security: Schema


NOTHING = Besides({}, {}, {})


def document(
    public: Collection[str], operators: Collection[str] = (), public_url: str = "", besides: Besides = NOTHING
) -> Schema:
    """The description of the addresses that the world is served, and of those that operators are served besides.

    `public_url` is where the outside reaches the former, if known.
    """
    served = {address: described for address, described in _paths().items() if address in public}
    own = {address: described | OWN_SERVER for address, described in _paths().items() if address in operators}
    whole: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "relay",
            "version": __version__,
            "summary": "The webhook target for long-running operations.",
        },
        "paths": served | own | {address: path | OWN_SERVER for address, path in besides.paths.items()},
        "components": {
            "schemas": _schemas() | besides.schemas,
            "securitySchemes": _security() | besides.security,
        },
    }
    return whole | ({"servers": [{"url": public_url}]} if public_url else {})


def _paths() -> Schema:
    ready = _get("Whether events can be accepted and delivered.", "#/components/schemas/Readiness")
    ready["responses"]["503"] = ready["responses"]["200"] | {"description": "They cannot."}
    ready["parameters"] = [
        {"name": "verbose", "in": "query", "allowEmptyValue": True, "schema": {"type": "string"},
         "description": "On the operators' listener: `checks` says what cannot, and why."}
    ]  # fmt: skip
    return {
        "/": {"get": _text("What this is, in a sentence or two.", "text/plain")},
        "/webhooks/{source}": {"post": _receive(), "options": _permit()},
        "/healthz": {"get": _get("The process is alive.", "#/components/schemas/Health")},
        "/readyz": {"get": ready},
        "/metrics": {"get": _for_operators(_text("Counts and times, in the text format of Prometheus.", "text/plain"))},
        "/openapi.json": {"get": _for_operators(_get("This document.", ""))},
        "/unsubscribe/{token}": _unsubscribe(),
        "/console": {"get": _for_operators(_text("The operators' page.", "text/html"))},
        "/slack/interactions": {"post": _interact()},
    }


def _receive() -> Schema:
    answer = _json("#/components/schemas/Answer")
    return {
        "summary": "Report what happened to an operation or a batch.",
        "operationId": "receive",
        "security": [{"signature": []}, {"bearer": []}, {"token": []}, {}],
        "parameters": [
            {"name": "source", "in": "path", "required": True, "schema": {"type": "string"},
             "description": "A source of the configuration."},
            {"name": "webhook-id", "in": "header", "schema": {"type": "string", "maxLength": MAX_ID},
             "description": "Under `standard-webhooks`, which signs it, names the event before `eventId` does: the "
                            "same id again is a duplicate. Svix's spelling (`svix-id` …) is the same."},
            {"name": "ce-id", "in": "header", "schema": {"type": "string", "maxLength": MAX_ID},
             "description": "CloudEvents, binary mode: names the event where its body does not, for this body alone."},
        ],
        "requestBody": {"required": True, "content": _json("#/components/schemas/Envelope")},
        "responses": {
            "202": {"description": "The event and all its deliveries are durable.", "content": answer},
            "200": {"description": "Known already, or older than what is known. Do not send it again. A signed body "
                                   "that is only a `challenge` hears that again.",
                    "content": answer},
            **{f"{status}": _refusal(status, text) for status, text in REFUSALS.items()},
        },
    }  # fmt: skip


def _permit() -> Schema:
    """https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md, section 4."""
    text: Schema = {"schema": {"type": "string"}}
    return {
        "summary": "Ask whether events may be sent here, as CloudEvents does. Each is checked all the same.",
        "operationId": "permit",
        "parameters": [
            {"name": "source", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "WebHook-Request-Origin", "in": "header", "required": True, **text},
        ],
        "responses": {
            "200": {
                "description": "They may, so many a minute.",
                "headers": dict.fromkeys(("Allow", "WebHook-Allowed-Origin", "WebHook-Allowed-Rate"), text),
            },
            "404": _refusal(404, REFUSALS[404]),
            "405": _refusal(405, "Nobody asks: there is no origin."),
        },
    }


def _refusal(status: int, text: str) -> Schema:
    refusal: Schema = {"description": text, "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    return refusal | ({"headers": {"Retry-After": RETRY_AFTER}} if status in (429, 503) else {})


def _get(summary: str, schema: str) -> Schema:
    content = _json(schema) if schema else {"application/json": {"schema": {"type": "object"}}}
    return {"summary": summary, "responses": {"200": {"description": summary, "content": content}}}


def _text(summary: str, media: str) -> Schema:
    content = {media: {"schema": {"type": "string"}}}
    return {"summary": summary, "responses": {"200": {"description": summary, "content": content}}}


def _for_operators(described: Schema) -> Schema:
    refusals = {
        "401": _refusal(401, "There is a token (server.admin.token), and it was not shown."),
        "421": _refusal(421, "There is none, and it was asked by another name than one of this machine."),
    }
    return described | {"security": [{"operator": []}, {}], "responses": described["responses"] | refusals}


def _interact() -> Schema:
    form = {"type": "object", "required": ["payload"], "properties": {"payload": {"type": "string"}}}
    return {
        "summary": "A button pressed in Slack; signed by Slack.",
        "operationId": "interact",
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {
            "200": {"description": "Every press is durable, or refused to whoever pressed."},
            **{
                f"{status}": _refusal(status, text)
                for status, text in {
                    401: REFUSALS[401],
                    404: "There are no buttons.",
                    408: REFUSALS[408],
                    413: REFUSALS[413],
                    429: "Too many presses.",
                    503: "The press could not be made durable. Slack warns whoever pressed.",
                }.items()
            },
        },
    }


def _unsubscribe() -> Schema:
    """The page that mails link to. Mail programs post by themselves (RFC 8058)."""
    page = {"text/html": {"schema": {"type": "string"}}}
    answers = {
        "200": {"description": "The page.", "content": page},
        "404": {"description": "No link of this relay.", "content": page},
        "429": {"description": "Too many requests.", "content": page, "headers": {"Retry-After": RETRY_AFTER}},
        "503": {"description": "relay could not do it now.", "content": page, "headers": {"Retry-After": RETRY_AFTER}},
    }
    token = {"name": "token", "in": "path", "required": True, "schema": {"type": "string"},
             "description": "Names the reader and the destination; signed."}  # fmt: skip
    form = {"type": "object", "properties": {"List-Unsubscribe": {"const": "One-Click"}, "undo": {"const": "1"}}}
    forms = {media: {"schema": form} for media in ("application/x-www-form-urlencoded", "multipart/form-data")}
    return {
        "parameters": [token],
        "get": {"summary": "Ask the reader. Changes nothing.", "responses": answers},
        "post": {"summary": "Unsubscribe, or with `undo` subscribe again.", "requestBody": {"content": forms},
                 "responses": answers},
    }  # fmt: skip


def _json(schema: str) -> Schema:
    return {"application/json": {"schema": {"$ref": schema}}}


def _schemas() -> Schema:
    text, identity = {"type": "string"}, {"type": "string", "minLength": 1, "maxLength": MAX_ID}
    operation = {
        "operationId": identity, "operationType": text, "operationName": text,
        "status": text | {"examples": list(STATUSES)}, "priority": text | {"examples": list(PRIORITIES)},
        "progress": {"type": ["number", "object"], "description": "0 to 100, or an object with `percentage`."},
    }  # fmt: skip
    envelope = {
        "eventId": text | {"maxLength": MAX_ID}, "event": text | {"examples": [*OPERATION_EVENTS, *BATCH_EVENTS]},
        "timestamp": text | {"format": "date-time"}, "tenantId": text, "projectId": text,
        "operation": {"type": "object", "required": ["operationId"], "properties": operation},
        "batch": {"type": "object", "required": ["batchId"], "properties": {"batchId": identity, "status": text}},
        **{part: {"type": "object"} for part in ("phase", "results", "error", "cancellation")},
    }  # fmt: skip
    answer = {
        "status": {"enum": ["accepted", "duplicate", "late"]},
        "eventId": {"type": ["string", "null"], "description": "The sender's id, if it named one."},
        "deliveries": {"type": "integer", "minimum": 0},
    }
    problem = {"type": text, "title": text, "status": {"type": "integer"}, "detail": text, "field": text,
               "quarantine": text}  # fmt: skip
    checks = {"type": "object", "additionalProperties": text}
    return {
        "Envelope": {"type": "object", "properties": envelope},
        "Answer": {"type": "object", "required": ["status", "eventId"], "properties": answer},
        "Problem": {"type": "object", "required": ["type", "title", "status"], "properties": problem},
        "Health": {"type": "object", "required": ["status"], "properties": {"status": {"const": "ok"}}},
        "Readiness": {"type": "object", "required": ["ready"],
                      "properties": {"ready": {"type": "boolean"}, "checks": checks}},
    }  # fmt: skip


def _security() -> Schema:
    return {
        "signature": {"type": "apiKey", "in": "header", "name": "X-Webhook-Signature",
                      "description": "`sha256=` and the HMAC of the body; other schemes by configuration."},
        "bearer": {"type": "http", "scheme": "bearer", "description": "For callbacks that cannot sign."},
        "operator": {"type": "http", "scheme": "bearer", "description": "`server.admin.token`, where there is one."},
        "token": {"type": "apiKey", "in": "query", "name": "token", "description": "The same, in the address."},
    }  # fmt: skip
