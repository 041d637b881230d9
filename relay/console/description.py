"""The JSON side as OpenAPI 3.1: made of the same table and models that answer, so it cannot say anything else."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from relay.console.access.visitors import NAME
from relay.console.view import Action, View
from relay.receiving.openapi import Besides

Schema = dict[str, Any]

WHERE = "#/components/schemas/{model}"
SECURITY: Sequence[Mapping[str, Any]] = ({"console": []}, {"session": []})
SCHEMES: Schema = {
    "console": {"type": "http", "scheme": "bearer", "description": "A token of `console.tokens`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": NAME,
        "description": f"Of who has logged in to the console; with TLS its name is `__Host-{NAME}`.",
    },
}
DONE: Schema = {
    "type": "object",
    "required": ["done", "text"],
    "properties": {
        "done": {"type": "boolean"},
        "text": {"type": "string", "description": "What came of it, in English; its values stand beside it."},
    },
}
REFUSALS = {
    "400": "Not JSON.",
    "401": "Neither a token nor a session was shown.",
    "403": "It needs the role operator, or the session's X-CSRF-Token.",
    "404": "There is nothing of this name, or the console is off.",
    "422": "A field is not as it should be: `field` names it.",
    "503": "The store does not answer.",
}


def described(views: Sequence[View], actions: Sequence[Action], base: str) -> Besides:
    """The paths below `base`, and what they refer to."""
    answers, schemas = _schemas([view.facts for view in views])
    forms, more = _schemas([action.form for action in actions])
    paths: Schema = {}
    for view in views:
        paths[f"{base}{view.path}"] = {"get": _get(view, answers[view.facts])}
    for action in actions:
        paths.setdefault(f"{base}{action.path}", {})["post"] = _post(action, forms[action.form])
    return Besides(paths, schemas | more | {"Done": DONE}, SCHEMES)


def _schemas(models: Sequence[type[BaseModel]]) -> tuple[Mapping[type[BaseModel], Schema], Schema]:
    """Where the schema of each is, and these schemas."""
    modes = [(model, "serialization") for model in dict.fromkeys(models)]
    places, schema = models_json_schema(modes, ref_template=WHERE)  # type: ignore[arg-type]
    return {model: places[model, "serialization"] for model in models}, schema.get("$defs", {})


def _get(view: View, answer: Schema) -> Schema:
    return {
        "summary": view.title,
        "operationId": _name("get", view.path),
        "security": [*SECURITY],
        "parameters": [*_parameters(view)],
        "responses": {
            "200": {"description": view.title, "content": {"application/json": {"schema": answer}}},
            **_refusals(),
        },
    }


def _post(action: Action, form: Schema) -> Schema:
    done = {"application/json": {"schema": {"$ref": WHERE.format(model="Done")}}}
    return {
        "summary": action.summary,
        "operationId": _name("post", action.path),
        "security": [*SECURITY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": form}}},
        "responses": {
            "200": {"description": "It is done.", "content": done},
            "409": {"description": "Nothing was done; `text` says why.", "content": done},
            **_refusals(),
        },
    }


def _parameters(view: View) -> list[Schema]:
    schema = view.question.model_json_schema(ref_template=WHERE)
    required, definitions = schema.get("required", ()), schema.get("$defs", {})
    return [
        {
            "name": name,
            "in": "path" if name in _parts(view.path) else "query",
            "required": name in required or name in _parts(view.path),
            "schema": _inlined(described_field, definitions),
        }
        for name, described_field in schema.get("properties", {}).items()
    ]


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Parameters are few and plain: what they refer to stands where it is referred to."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        return _inlined(definitions[reference.rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items()}


def _refusals() -> Schema:
    content = {"application/problem+json": {"schema": {"$ref": WHERE.format(model="Problem")}}}
    return {status: {"description": text, "content": content} for status, text in REFUSALS.items()}


def _parts(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def _name(verb: str, path: str) -> str:
    words = re.findall(r"[a-z]+", path)
    return verb + "".join(word.capitalize() for word in words)
