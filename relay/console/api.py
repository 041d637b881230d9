"""`/api/v1`: what the pages show, and what can be done on them, as JSON; and its part of /openapi.json."""

import time
from collections.abc import Iterator, Sequence

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler as AnyHandler
from aiohttp.typedefs import Middleware
from pydantic import BaseModel, ConfigDict, ValidationError

from relay.console import forms
from relay.console.access import IDENTITY
from relay.console.context import Context
from relay.console.facts import Unknown
from relay.console.view import Action, Handler, View
from relay.errors import StoreUnavailable
from relay.operating.relay_sock import ZONE
from relay.receiving.openapi import Address
from relay.receiving.problems import HttpProblem, RateLimitedLog
from relay.receiving.request_body import expect_later

log = structlog.get_logger(__name__)

STATUSES = (400, 401, 403, 404, 422, 503)
ACCESS = ("console", "session")


class Outcome(BaseModel):
    """The outcome of an action, in English; its values stand beside it."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    done: bool
    text: str


def json_api(
    context: Context, views: Sequence[View], actions: Sequence[Action], auth: Sequence[Middleware]
) -> web.Application:
    """Return the sub-application; `auth` sets `IDENTITY` of each request."""
    lines = RateLimitedLog(time.monotonic)

    @web.middleware
    async def answered(request: web.Request, handler: AnyHandler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValidationError as error:
            field = ".".join(map(str, error.errors()[0]["loc"]))
            raise HttpProblem(422, forms.faults(error), field=field) from None
        except Unknown as error:
            raise HttpProblem(404, str(error)) from None
        except StoreUnavailable as error:
            lines.warning(log, "console.unavailable", reason=str(error))
            raise HttpProblem(503, "relay's store does not answer at the moment.") from None

    app = web.Application(middlewares=[*auth, answered])
    app.add_routes([
        *(web.get(view.path, _question(context, view)) for view in views),
        *(web.post(action.path, _call(context, action), expect_handler=expect_later) for action in actions),
    ])  # fmt: skip
    return app


def _question(context: Context, view: View) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        facts = await view.answer(context, forms.question_of(view, request))
        body, headers = facts.model_dump_json().encode(), {ZONE: context.config().timezone}
        return web.Response(body=body, content_type="application/json", headers=headers)

    return answer


def _call(context: Context, action: Action) -> Handler:
    async def act(request: web.Request) -> web.StreamResponse:
        form = await forms.called_with(action, request)
        done = await action.perform(context, form, request[IDENTITY])
        answer = {"done": not done.refused, **done.values, **done.facts, "text": done.worded()}
        return web.json_response(answer, status=409 if done.refused else 200)

    return act


def described(views: Sequence[View], actions: Sequence[Action], base: str) -> Iterator[Address]:
    """Yield the addresses below `base` for /openapi.json."""
    for view in views:
        path, question = base + view.path, view.question
        yield Address("get", path, view.title, view.facts, (200, *STATUSES), question=question, security=ACCESS)
    for action in actions:
        path, form = base + action.path, action.form
        yield Address("post", path, action.summary, Outcome, (200, 409, *STATUSES), body=form, security=ACCESS)
