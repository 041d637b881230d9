"""The sandbox's HTTP side: authorization, and requests checked before their handlers see them."""

import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from relay.configfile.words import suggest
from relay.domain.documents import decode
from relay.errors import NotJson, StoreUnavailable
from relay.receiving.problems import HEADERS, HttpProblem, answering, problem
from relay_sandbox.api import pages
from relay_sandbox.api.handlers import ApiCall, Handlers
from relay_sandbox.api.routes import ROUTES, Route
from relay_sandbox.context import SandboxContext
from relay_sandbox.engine.batches import Batches
from relay_sandbox.engine.operations import Operations
from relay_sandbox.schema.requests import FieldError

MAX_BODY = 2**20
PART = re.compile(r"[A-Za-z0-9._~-]{1,128}")  # of an address: a tenant, a project, an id


class ApiServer:
    """`token` is what a caller must bring as a bearer."""

    def __init__(self, context: SandboxContext, token: str) -> None:
        self._context = context
        self._token = token
        self.operations = Operations(context)
        self.batches = Batches(context)
        self._handlers = Handlers(context, self.operations, self.batches)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY, middlewares=[answering(), _unavailable])
        handlers = self._handlers.by_route()
        for route in ROUTES:
            app.router.add_route(route.method, route.address, partial(self._serve, route, handlers[route.name]))
        app.router.add_get("/sandbox.json", self._sandbox_info)
        app.router.add_get("/healthz", _health)
        pages.add(app, self._context, self.batches)
        return app

    async def _serve(
        self, route: Route, handle: Callable[[ApiCall], Awaitable[Any]], request: web.Request
    ) -> web.Response:
        self._authorize(request)
        ids = dict(request.match_info)
        for part, value in ids.items():
            if not PART.fullmatch(value):
                raise HttpProblem(422, f"{part}: expected 1 to 128 letters, digits and . _ ~ -", field=part)
        query = query_of(route, request)
        body = await body_of(route, request) if route.body else None
        try:
            answer = await handle(ApiCall((ids["tenantId"], ids["projectId"]), ids, body, query))
        except FieldError as error:
            raise HttpProblem(422, f"{error.field}: {error}", field=error.field) from None
        if isinstance(answer, web.Response):
            return answer
        location = answer.get("trackingUrl") if isinstance(answer, dict) else None
        more = {"Location": location} if location and route.status == 202 else {}
        return web.json_response(answer, status=route.status, headers=HEADERS | more, dumps=_dumps)

    def _authorize(self, request: web.Request) -> None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        presented, expected = token.strip().encode("utf-8", "surrogateescape"), self._token.encode()
        if kind.lower() != "bearer" or not hmac.compare_digest(presented, expected):
            raise HttpProblem(401, "Expected the header Authorization: Bearer TOKEN with the sandbox's token.",
                          headers={"WWW-Authenticate": "Bearer"})  # fmt: skip

    async def _sandbox_info(self, request: web.Request) -> web.Response:
        """For the page: where it opens, and how fast time passes here."""
        self._authorize(request)
        projects = [{"tenant": tenant, "project": project} for tenant, project in await self._context.state.projects()]
        return web.json_response({"speed": self._context.speed, "projects": projects}, headers=HEADERS)


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"}, headers=HEADERS)


@web.middleware
async def _unavailable(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> web.StreamResponse:
    try:
        return await handler(request)  # type: ignore[no-any-return]
    except StoreUnavailable as error:
        return problem(503, f"{error}. Ask again.")


def _dumps(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)


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
