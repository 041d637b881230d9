"""`/api/v1`: what the pages show, and what can be done on them, as JSON; and its part of /openapi.json."""

import time
from collections.abc import Iterator, Sequence

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from relay.console import forms
from relay.console.access import IDENTITY
from relay.console.context import Context
from relay.console.facts import Unknown
from relay.console.view import Action, Handler, View
from relay.errors import StoreUnavailable
from relay.log_lines import RateLimitedLog
from relay.operating.relay_sock import ZONE
from relay.receiving.openapi import Address
from relay.receiving.problems import HttpProblem

log = structlog.get_logger(__name__)

STATUSES = (400, 401, 403, 404, 422, 503)


class Outcome(BaseModel):
    """The outcome of an action, with facts about it."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    done: bool
    text: str


class JsonApi:
    """Handlers, which raise HttpProblem."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lines = RateLimitedLog(time.monotonic)

    def facts(self, view: View) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            parameters = [field.alias or name for name, field in view.question.model_fields.items()]
            if unknown := next((name for name in request.query if name not in parameters), ""):
                raise HttpProblem(422, f"{unknown}: expected one of {', '.join(parameters) or 'none'}", field=unknown)
            facts = await view.answer(self._context, forms.question_of(view, request))
            body, headers = facts.model_dump_json().encode(), {ZONE: self._context.config().timezone}
            return web.Response(body=body, content_type="application/json", headers=headers)

        return answer

    def call(self, action: Action) -> Handler:
        async def act(request: web.Request) -> web.StreamResponse:
            form = await forms.called_with(action, request)
            done = await action.perform(self._context, form, request[IDENTITY])
            shown = done.shown.model_dump(mode="json") if done.shown else {}
            answer = {"done": not done.refused, **done.facts, **shown, "text": done.text}
            return web.json_response(answer, status=409 if done.refused else 200)

        return act

    async def answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValidationError as error:
            field = ".".join(map(str, error.errors()[0]["loc"]))
            raise HttpProblem(422, forms.faults(error), field=field) from None
        except Unknown as error:
            raise HttpProblem(404, str(error)) from None
        except StoreUnavailable as error:
            self._lines.warning(log, "console.unavailable", reason=str(error))
            raise HttpProblem(503, "relay's store does not answer at the moment.") from None


def described(views: Sequence[View], actions: Sequence[Action], base: str) -> Iterator[Address]:
    """Yield the addresses below `base` for /openapi.json."""
    for view in views:
        path, question = base + view.path, view.question
        yield Address("get", path, view.title, view.facts, (200, *STATUSES), question=question, security=("console",))
    for action in actions:
        path, form = base + action.path, action.form
        yield Address("post", path, action.summary, Outcome, (200, 409, *STATUSES), body=form, security=("console",))
