"""OpenAPI 3.1 description of relay's addresses: a table of them, and models of the required fields."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model
from pydantic.json_schema import models_json_schema

from relay import __version__
from relay.domain.documents import MAX_ID
from relay.domain.events import BATCH_EVENTS, OPERATION_EVENTS, STATUSES

Schema = dict[str, Any]
Content = type[BaseModel] | str  # a model in JSON, or the media type of a text
Identity = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
TEXT: Any = (str | None, None)
STATUS, EVENT = (Field(None, examples=[*values]) for values in (STATUSES, (*OPERATION_EVENTS, *BATCH_EVENTS)))
PROGRESS: Any = (float | dict[str, Any] | None, Field(None, description="0 to 100, or an object with `percentage`."))

Operation = create_model(
    "Operation", operationId=Identity, operationName=TEXT, status=(str | None, STATUS), progress=PROGRESS
)
Batch = create_model("Batch", batchId=Identity)
Envelope = create_model(
    "Envelope", eventId=(Annotated[str, Field(max_length=MAX_ID)] | None, None), event=(str | None, EVENT),
    timestamp=TEXT, operation=(Operation | None, None), batch=(Batch | None, None),
)  # fmt: skip
Answer = create_model(
    "Answer",
    status=Literal["accepted", "duplicate", "late", "ignored"],
    eventId=(str | None, None),
    deliveries=(int | None, None),
    reason=TEXT,
    events=(list[dict[str, Any]] | None, None),  # of a body with several: what came of each
    quarantine=TEXT,
)
Problem = create_model("Problem", type=str, title=str, status=int, detail=TEXT, field=TEXT, quarantine=TEXT)
Ready = create_model("Ready", ready=bool, checks=(dict[str, str] | None, None), memory=(dict[str, int] | None, None))
Rid = create_model("Rid", rid=(str | None, None))
Press = create_model("Press", payload=str)
OneClick = create_model("OneClick", **{"List-Unsubscribe": TEXT, "undo": TEXT})


@dataclass(frozen=True, slots=True)
class Address:
    """One method of one address. `question` has the fields of its path and its query; `security` '' is for none."""

    method: str
    path: str
    summary: str
    answer: Content = "text/plain"
    statuses: Sequence[int] = (200,)
    refusal: Content = Problem  # from status 400 on
    question: type[BaseModel] | None = None
    headers: Sequence[str] = ()  # of the request
    body: type[BaseModel] | None = None
    media: str = "application/json"  # of the body
    security: Sequence[str] = ()


FORM, PAGE, JSON = "application/x-www-form-urlencoded", "text/html", "application/json"
WEBHOOK, LEAVING = "/webhooks/{source}", "/unsubscribe/{token}"
LEFT, RECEIVED = (200, 404, 429, 503), (200, 202, 400, 401, 404, 405, 408, 413, 415, 422, 429, 503)
PINGED = (200, 400, 401, 404, 405, 408, 413, 422, 429, 503)
ADDRESSES = (
    Address("get", "/", "Say what this is."),
    Address("post", WEBHOOK, "Report what happened to an operation or a batch.", Answer, RECEIVED, body=Envelope,
            headers=("webhook-id", "ce-id"), security=("signature", "bearer", "token", "")),
    Address("options", WEBHOOK, "Ask whether events may be sent here (CloudEvents).", statuses=(200, 404, 405),
            headers=("WebHook-Request-Origin",)),
    *(Address(method, f"{WEBHOOK}{rest}", summary, statuses=PINGED, headers=("webhook-id",), question=Rid,
              security=("bearer", "token", ""))
      for rest, summary in (("/{job}", "Say that a job succeeded."), ("/{job}/{state}", "Say how a job goes."))
      for method in ("get", "post")),
    Address("get", "/healthz", "Say that the process is alive.", JSON),
    Address("get", "/readyz", "Say whether events can be accepted and delivered.", Ready, (200, 503), Ready),
    Address("get", "/metrics", "Counts and times, in the text format of Prometheus."),
    Address("get", "/openapi.json", "This document.", JSON),
    Address("get", LEAVING, "Ask the reader. Changes nothing.", PAGE, LEFT, PAGE),
    Address("post", LEAVING, "Unsubscribe (RFC 8058), or with `undo` subscribe again.", PAGE, LEFT, PAGE,
            body=OneClick, media=FORM),
    Address("get", "/console", "The operators' page.", PAGE),
    Address("post", "/slack/interactions", "A button pressed in Slack; signed by Slack.", body=Press, media=FORM,
            statuses=(200, 401, 404, 408, 413, 429, 503)),
)  # fmt: skip
SECURITY: Mapping[str, Schema] = {
    "signature": {"type": "apiKey", "in": "header", "name": "X-Webhook-Signature"},  # other schemes have others
    "bearer": {"type": "http", "scheme": "bearer", "description": "For callbacks that cannot sign."},
    "token": {"type": "apiKey", "in": "query", "name": "token", "description": "The same, in the address."},
    "operator": {"type": "http", "scheme": "bearer", "description": "`server.admin.token`, where there is one."},
    "console": {"type": "http", "scheme": "bearer", "description": "A token of `console.tokens`."},
}  # fmt: skip


def document(
    public: Collection[str], operators: Collection[str] = (), public_url: str = "", besides: Sequence[Address] = ()
) -> Schema:
    """Describe the addresses of the world, below `public_url` if known, and those of operators with `besides`."""
    addresses = [address for address in ADDRESSES if address.path in {*public, *operators}] + [*besides]
    contents = ((address.answer, address.refusal, address.question, address.body) for address in addresses)
    models = dict.fromkeys(model for four in contents for model in four if isinstance(model, type))
    places, schemas = models_json_schema(
        [(model, "serialization") for model in models], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, Schema] = {}
    for address in addresses:
        path = paths.setdefault(address.path, {})
        path[address.method] = _described(address, places, schemas["$defs"], operators=address.path in operators)
        if address.path not in public:  # the operators' listener is where they got this document from
            path["servers"] = [{"url": "/", "description": "server.admin, for operators"}]
    return {
        "openapi": "3.1.0",
        "info": {"title": "relay", "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas["$defs"], "securitySchemes": SECURITY},
        **({"servers": [{"url": public_url}]} if public_url else {}),
    }


def _described(address: Address, places: Mapping[Any, Any], schemas: Schema, *, operators: bool) -> Schema:
    def content(model: Content, media: str) -> Schema:
        if isinstance(model, str):
            return {model: {"schema": {"type": "object" if model == JSON else "string"}}}
        return {"application/problem+json" if model is Problem else media: {"schema": places[model, "serialization"]}}

    fields: Schema = {part: {"type": "string"} for part in re.findall(r"\{(\w+)\}", address.path)}
    where = dict.fromkeys(fields, "path") | dict.fromkeys(address.headers, "header")
    if address.question:
        fields |= schemas[places[address.question, "serialization"]["$ref"].rpartition("/")[2]].get("properties", {})
    security = ("operator", "") if operators else address.security
    return {
        "summary": address.summary,
        "operationId": address.method + "".join(word.capitalize() for word in re.findall("[a-z]+", address.path)),
        "parameters": [
            {"name": name, "in": kind, "required": kind == "path", "schema": fields.get(name, {"type": "string"})}
            for name, kind in (dict.fromkeys(fields, "query") | where).items()
        ],
        "responses": {
            f"{status}": {"description": HTTPStatus(status).phrase, "content": content(model, JSON)}
            for status in (*address.statuses, *((401, 421) if operators else ()))
            for model in [address.refusal if status >= 400 else address.answer]
        },
        **(
            {"requestBody": {"required": True, "content": content(address.body, address.media)}} if address.body else {}
        ),
        **({"security": [{name: []} if name else {} for name in security]} if security else {}),
    }
