"""The sandbox's HTTP side: who may ask, what was asked, and the answer. One handler for each row of the table."""

import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from relay.configfile.validation import suggest
from relay.errors import StoreUnavailable
from relay.receiving.problems import HEADERS, HttpProblem, answer_problems, problem
from relay.sandbox.api import downloads, openapi, page
from relay.sandbox.api.downloads import attachment
from relay.sandbox.api.listing import listing
from relay.sandbox.api.request_checks import body_of, query_of
from relay.sandbox.api.routes import ROUTES, Route
from relay.sandbox.context import SandboxContext
from relay.sandbox.engine.batches import Batches
from relay.sandbox.engine.operations import Operations
from relay.sandbox.schema.requests import CancelOperation, FieldError, RetryOperation, RotateSecret
from relay.sandbox.simulation import documents, outcomes
from relay.sandbox.simulation.artifacts import archive
from relay.sandbox.storage.records import Batch, Operation, Record, Webhook
from relay.sandbox.webhooks.registrations import Webhooks

MAX_BODY = 2**20
PART = re.compile(openapi.PART)

Kept = TypeVar("Kept", bound=Record)


@dataclass(frozen=True)
class Call:
    """A request that may be answered: `body` and `query` are what the route says, checked."""

    scope: tuple[str, str]
    ids: Mapping[str, str]
    body: Any
    query: Any


Answer = tuple[Any, dict[str, str]] | web.Response | Any


class Server:
    """The handlers. `token` is what a caller must bring as a bearer."""

    def __init__(self, desk: SandboxContext, token: str) -> None:
        self._desk = desk
        self._token = token
        self.operations = Operations(desk)
        self.batches = Batches(desk)
        self.webhooks = Webhooks(desk)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY, middlewares=[answer_problems, _unavailable])
        handlers: Mapping[str, Callable[[Call], Awaitable[Any]]] = {
            "startOperation": self._start, "listOperations": self._list, "getOperation": self._get,
            "cancelOperation": self._cancel, "getResults": self._results, "retryOperation": self._retry,
            "registerWebhook": self._register, "listWebhooks": self._hooks, "getWebhook": self._hook,
            "deleteWebhook": self._forget, "pauseWebhook": partial(self._switch, "Paused"),
            "resumeWebhook": partial(self._switch, "Active"), "rotateSecret": self._rotate,
            "submitBatch": self._submit, "getBatch": self._batch,
        }  # fmt: skip
        for route in ROUTES:
            app.router.add_route(route.method, route.address, partial(self._serve, route, handlers[route.name]))
        downloads.add(app, self._desk)
        app.router.add_get("/openapi.json", self._described)
        app.router.add_get("/sandbox.json", self._about)
        app.router.add_get("/healthz", _healthy)
        page.add(app)
        return app

    async def _serve(
        self, route: Route, handle: Callable[[Call], Awaitable[Any]], request: web.Request
    ) -> web.Response:
        self._authorize(request)
        ids = dict(request.match_info)
        for part, value in ids.items():
            if not PART.fullmatch(value):
                raise HttpProblem(422, f"{part}: expected 1 to 128 letters, digits and . _ ~ -", field=part)
        query = query_of(route, request)
        body = await body_of(route, request) if route.body else None
        try:
            said = await handle(Call((ids["tenantId"], ids["projectId"]), ids, body, query))
        except FieldError as error:
            raise HttpProblem(422, f"{error.field}: {error}", field=error.field) from None
        if isinstance(said, web.Response):
            return said
        location = said.get("trackingUrl") if isinstance(said, dict) else None
        more = {"Location": location} if location and route.status == 202 else {}
        return web.json_response(said, status=route.status, headers=HEADERS | more, dumps=_dumps)

    def _authorize(self, request: web.Request) -> None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        said, expected = token.strip().encode("utf-8", "surrogateescape"), self._token.encode()
        if kind.lower() != "bearer" or not hmac.compare_digest(said, expected):
            raise HttpProblem(401, "Expected the header Authorization: Bearer TOKEN with the sandbox's token.",
                          headers={"WWW-Authenticate": "Bearer"})  # fmt: skip

    async def _start(self, call: Call) -> Answer:
        return await self.operations.start(call.scope, call.body)

    async def _list(self, call: Call) -> Answer:
        return await listing(self._desk, "/".join(call.scope), call.query)

    async def _get(self, call: Call) -> Answer:
        operation = await self._find(Operation, call, "operationId")
        counters = await self._desk.state.counters(operation.id)
        return documents.status(operation, self._desk.clock(), counters, parameters=True)

    async def _cancel(self, call: Call) -> Answer:
        operation = await self._find(Operation, call, "operationId")
        return await self.operations.cancel(operation, call.body or CancelOperation())

    async def _results(self, call: Call) -> Answer:
        operation = await self._find(Operation, call, "operationId")
        if not operation.over:
            raise HttpProblem(409, f"The operation is {operation.status}; there are results when it is over.")
        names = [phase.name for phase in operation.plan.phases]
        if call.query.phase and call.query.phase not in names:
            raise HttpProblem(422, f"phase: the operation has none of this name; {suggest(call.query.phase, names)}",
                          field="phase")  # fmt: skip
        if call.query.format == "download":
            stored = await self._desk.state.files(operation.id)
            whole = archive(outcomes.bundle(operation, self._desk.links, stored))
            return attachment(f"{operation.id}.zip", whole)
        return outcomes.results(operation, self._desk.links, detailed=call.query.format == "detailed",
                                artifacts=call.query.include_artifacts, phase=call.query.phase)  # fmt: skip

    async def _retry(self, call: Call) -> Answer:
        original = await self._find(Operation, call, "operationId")
        return await self.operations.retry(original, call.body or RetryOperation())

    async def _register(self, call: Call) -> Answer:
        return await self.webhooks.register(call.scope, call.body)

    async def _hooks(self, call: Call) -> Answer:
        return await self.webhooks.list(call.scope)

    async def _hook(self, call: Call) -> Answer:
        return await self.webhooks.show(await self._find(Webhook, call, "webhookId"))

    async def _forget(self, call: Call) -> Answer:
        await self.webhooks.delete(await self._find(Webhook, call, "webhookId"))
        return web.Response(status=204, headers=HEADERS)

    async def _switch(self, status: str, call: Call) -> Answer:
        return await self.webhooks.switch(await self._find(Webhook, call, "webhookId"), status)

    async def _rotate(self, call: Call) -> Answer:
        return await self.webhooks.rotate(await self._find(Webhook, call, "webhookId"), call.body or RotateSecret())

    async def _submit(self, call: Call) -> Answer:
        return await self.batches.submit(call.scope, call.body)

    async def _batch(self, call: Call) -> Answer:
        return await self.batches.show(await self._find(Batch, call, "batchId"))

    async def _find(self, kind: type[Kept], call: Call, part: str) -> Kept:
        """404 for what is not there, or belongs to another project."""
        record = await self._desk.state.get(kind, call.ids[part])
        if record is None or (record.tenant, record.project) != call.scope:
            raise HttpProblem(404, f"This project has no {kind.kind} {call.ids[part]}.")
        return record

    async def _about(self, request: web.Request) -> web.Response:
        """For the page: where it opens, and how fast time passes here."""
        self._authorize(request)
        projects = [{"tenant": tenant, "project": project} for tenant, project in await self._desk.state.projects()]
        return web.json_response({"speed": self._desk.speed, "projects": projects}, headers=HEADERS)

    async def _described(self, _request: web.Request) -> web.Response:
        return web.json_response(openapi.document(self._desk.links.base_url), headers=HEADERS)


async def _healthy(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"}, headers=HEADERS)


@web.middleware
async def _unavailable(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> web.StreamResponse:
    try:
        return await handler(request)  # type: ignore[no-any-return]
    except StoreUnavailable as error:
        return problem(503, f"{error}. Ask again.")


def _dumps(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False)
