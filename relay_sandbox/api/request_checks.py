"""Bodies and queries, checked: as their model, or a refusal that names the field at fault."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from relay.configfile.validation import suggest
from relay.domain.documents import decode
from relay.errors import NotJson
from relay.receiving.problems import HttpProblem
from relay_sandbox.api.routes import Route


async def body_of(route: Route, request: web.Request) -> Any:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise HttpProblem(415, "The body is compressed; send it as it is.", close=True)
    raw = await request.read()
    if not raw.strip() and route.optional:
        return None
    if "Content-Type" in request.headers and not request.content_type.endswith("json"):
        raise HttpProblem(415, f"Expected application/json, got {request.content_type[:100]}.")
    try:
        return checked(route.body, decode(raw))
    except NotJson as error:
        raise HttpProblem(400, f"Expected a JSON object: {error}") from None


def query_of(route: Route, request: web.Request) -> Any:
    query = request.query
    if twice := next((name for name in query if len(query.getall(name)) > 1), ""):
        raise HttpProblem(422, f"{twice[:100]}: it stands there twice", field=twice[:100])
    return checked(route.query, dict(query), "parameter")


def checked(model: Any, fields: Mapping[str, Any], kind: str = "field") -> Any:
    """`fields` as the model. HttpProblem (422) names the first field at fault and lists up to ten faults."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        texts = [f"{_field_of(fault)}: {_message(fault, model, kind)}" for fault in faults[:10]]
        raise HttpProblem(422, "; ".join(texts), field=_field_of(faults[0])) from None


def _field_of(fault: ErrorDetails) -> str:
    return ".".join(f"{step}" for step in fault["loc"])[:300] or "body"


def _message(fault: ErrorDetails, model: type[BaseModel], kind: str) -> str:
    if fault["type"] == "extra_forbidden":
        names = [field.alias or name for name, field in model.model_fields.items()] if len(fault["loc"]) == 1 else []
        if not names:
            return "unknown parameter; this address takes none" if kind == "parameter" else "unknown field"
        return f"unknown {kind}; {suggest(str(fault['loc'][-1]), names)}"
    if fault["type"] == "missing":
        return "missing; it is required"
    message = fault["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
