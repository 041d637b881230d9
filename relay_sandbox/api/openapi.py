"""The OpenAPI 3.1 document of the sandbox, made of the table of routes and the types of the schema. Pure."""

import re
from typing import Any

from pydantic import TypeAdapter

from relay import __version__
from relay_sandbox.api.routes import ROUTES, Route
from relay_sandbox.schema import resources

Schema = dict[str, Any]

PROBLEM = "application/problem+json"
PART = r"^[A-Za-z0-9._~-]{1,128}$"  # of an address: a tenant, a project, an id
TEMPLATE = "#/components/schemas/{model}"
REFUSALS = {
    400: "The body is not a JSON object, or can be read in more than one way.",
    401: "The bearer token is missing or wrong.",
    404: "There is no such thing in this project.",
    409: "It cannot be done in the present state.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not JSON by its content type, or is compressed.",
    422: "Something is missing, unknown or out of range: `field` names it.",
    503: "The state could not be reached. Ask again.",
}


def document(server: str = "") -> Schema:
    """The whole document; `server` is the address that it describes, if it is known."""
    schemas: Schema = {}
    paths: Schema = {}
    for route in ROUTES:
        paths.setdefault(route.address, {})[route.method.lower()] = _operation(route, schemas)
    paths["/downloads/{proof}/{operationId}/{filename}"] = {"get": _download(schemas)}
    whole: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "Async Operations API (sandbox)",
            "version": __version__,
            "description": "Operations here are simulated. `parameters.sandbox` chooses what happens to them.",
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }
    return whole | ({"servers": [{"url": server}]} if server else {})


def _operation(route: Route, schemas: Schema) -> Schema:
    operation: Schema = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [_path_parameter(name) for name in re.findall(r"{(\w+)}", route.address)]
        + _query_parameters(route, schemas),
        "responses": {f"{route.status}": _answer(route, schemas)},
    }
    if route.body:
        content = {"application/json": {"schema": _schema(route.body, schemas, "validation")}}
        operation["requestBody"] = {"required": not route.optional, "content": content}
    checked = (400, 413, 415, 422) if route.body else (422,)
    for status in sorted({401, 503, *checked, *route.refusals}):
        operation["responses"][f"{status}"] = _refusal(status, schemas)
    return operation


def _answer(route: Route, schemas: Schema) -> Schema:
    response: Schema = {"description": "Done." if route.status == 200 else "Taken."}
    if route.answer:
        response["content"] = {"application/json": {"schema": _schema(route.answer, schemas, "serialization")}}
    if route.status == 202:
        response["headers"] = {"Location": {"description": "Where to ask how far it is.", "schema": {"type": "string"}}}
    if route.name == "getResults":
        response["content"]["application/zip"] = {"schema": {"type": "string", "format": "binary"}}
    return response


def _refusal(status: int, schemas: Schema) -> Schema:
    response: Schema = {
        "description": REFUSALS[status],
        "content": {PROBLEM: {"schema": _schema(resources.Problem, schemas, "serialization")}},
    }
    if status == 401:
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return response


def _schema(kind: Any, schemas: Schema, mode: Any) -> Schema:
    """A reference to the type's schema, which is put among `schemas` with all that it refers to."""
    schema = TypeAdapter(kind).json_schema(ref_template=TEMPLATE, mode=mode)
    prefix = "Answer" if mode == "serialization" else ""  # a request and an answer may bear the same name
    parts = schema.pop("$defs", {}) | {kind.__name__: schema}
    for name, part in parts.items():
        schemas[prefix + name] = _renamed(part, prefix)
    return {"$ref": TEMPLATE.format(model=prefix + kind.__name__)}


def _renamed(part: Any, prefix: str) -> Any:
    if isinstance(part, dict):
        return {
            key: TEMPLATE.format(model=prefix + value.rpartition("/")[2]) if key == "$ref" else _renamed(value, prefix)
            for key, value in part.items()
        }
    return [_renamed(item, prefix) for item in part] if isinstance(part, list) else part


def _path_parameter(name: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    }


def _query_parameters(route: Route, schemas: Schema) -> list[Schema]:
    made = TypeAdapter(route.query).json_schema(ref_template=TEMPLATE)
    schemas.update(made.pop("$defs", {}))
    parameters = []
    for name, schema in made.get("properties", {}).items():
        # A query cannot say null: what is left out is None.
        plain = next((option for option in schema.get("anyOf", ()) if option.get("type") != "null"), schema)
        parameters.append({"name": name, "in": "query", "schema": {**plain, **_default(schema)}})
    return parameters


def _default(schema: Schema) -> Schema:
    return {"default": schema["default"]} if schema.get("default") is not None else {}


def _download(schemas: Schema) -> Schema:
    return {
        "operationId": "download",
        "summary": "An artifact. The address carries its own permission and is found in the results.",
        "security": [{}],
        "parameters": [_path_parameter(name) for name in ("proof", "operationId", "filename")],
        "responses": {
            "200": {"description": "The file.", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
            "404": _refusal(404, schemas),
            "422": _refusal(422, schemas),
            "503": _refusal(503, schemas),
        },
    }
