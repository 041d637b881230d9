"""`/api/v1` as aiohttp serves it: what the pages show, and what can be done on them, as JSON."""

import time
from functools import wraps

import structlog
from aiohttp import web
from pydantic import ValidationError

from relay.console import asking
from relay.console.access import IDENTITY
from relay.console.desk import Desk
from relay.console.view import Action, Handler, Unknown, View
from relay.errors import StoreUnavailable
from relay.operating.relay_sock import ZONE
from relay.receiving.problems import HttpProblem, RateLimitedLog

log = structlog.get_logger(__name__)


class JsonApi:
    """One for the sub-application. Handlers raise HttpProblem."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lines = RateLimitedLog(time.monotonic)

    def facts(self, view: View) -> Handler:
        @self._answering
        async def answer(request: web.Request) -> web.StreamResponse:
            facts = await view.ask(self._desk, asking.question_of(view, request))
            body, headers = facts.model_dump_json().encode(), {ZONE: self._desk.config().timezone}
            return web.Response(body=body, content_type="application/json", headers=headers)

        return answer

    def call(self, action: Action) -> Handler:
        @self._answering
        async def act(request: web.Request) -> web.StreamResponse:
            done = await action.do(self._desk, await asking.called_with(action, request), request[IDENTITY])
            answer = {"done": not done.refused, **done.values, **done.facts, "text": done.text % done.values}
            return web.json_response(answer, status=409 if done.refused else 200)

        return act

    def _answering(self, handler: Handler) -> Handler:
        @wraps(handler)
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except ValidationError as error:
                field = ".".join(map(str, error.errors()[0]["loc"]))
                raise HttpProblem(422, asking.faults(error), field=field) from None
            except Unknown as error:
                raise HttpProblem(404, str(error)) from None
            except StoreUnavailable as error:
                self._lines.warning(log, "console.unavailable", reason=str(error))
                raise HttpProblem(503, "relay's store does not answer at the moment.") from None

        return answer
