"""The pages and the JSON as aiohttp serves them: what is asked is read, answered, and shown in one of two ways."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any, get_origin
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import structlog
from aiohttp import web
from pydantic import BaseModel, ValidationError

from relay.console import news
from relay.console.access import WHO, Who
from relay.console.access.forms import read_fields
from relay.console.access.messages import AWAY, NOT_NOW
from relay.console.access.origin import PAGES, leading_back
from relay.console.desk import Desk
from relay.console.framed import Frame, framed
from relay.console.pages import Pages
from relay.console.streams import Streams
from relay.console.view import Action, Done, Facts, Unknown, View
from relay.console.words import said
from relay.errors import StoreUnavailable
from relay.receiving import request_body
from relay.receiving.problems import HttpProblem, RateLimitedLog

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CHOSEN = "relay_language"
YEAR = 31_536_000  # seconds
LARGEST, BODY_TIMEOUT = 1024 * 1024, 10.0  # bytes of what a program posts, and seconds for them
LONGEST_ADDRESS = 6000  # characters; whoever serves us takes 8190, and browsers more


class Site:
    """One for both sub-applications."""

    def __init__(self, desk: Desk, pages: Pages, views: Sequence[View]) -> None:
        self._desk = desk
        self._pages = pages
        self._lines = RateLimitedLog(time.monotonic)
        self._navigation = [(f"{PAGES}{view.path}", view.title) for view in views if view.listed]

    def page(self, view: View) -> Handler:
        @self._answering
        async def show(request: web.Request) -> web.StreamResponse:
            question = _question(view, request)
            facts = await view.ask(self._desk, question)
            context = self.context(request, view, question, facts)
            response = _html(self._pages.render(view.template, context["language"], context))
            news.forget(request, response)
            return response

        return show

    def framed(self, view: View) -> Handler:
        """What is not ours, for a frame of the page."""

        @self._answering
        async def show(request: web.Request) -> web.StreamResponse:
            return framed(await view.html(self._desk, _question(view, request)) if view.html else Frame(""))

        return show

    def live(self, view: View, streams: Streams) -> Handler:
        """The part of the page that lives, again and again."""

        @self._answering
        async def follow(request: web.Request) -> web.StreamResponse:
            question = _question(view, request)

            async def look() -> str:
                facts = await view.ask(self._desk, question)
                context = self.context(request, view, question, facts)
                return self._pages.render(view.live, context["language"], context)

            key = view.path, question, self._language(request), request[WHO].role
            return await streams.follow(request, key, look)

        return follow

    def _answering(self, handler: Handler) -> Handler:
        """What cannot be shown is a page, too."""

        @wraps(handler)
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except ValidationError as error:
                return self._plain(request, 400, said("That cannot be looked up"), "; ".join(_faults(error)))
            except Unknown as error:
                return self._unknown(request, error)
            except StoreUnavailable as error:
                self._unavailable(error)
                text = self._pages.translated(AWAY, {}, self._language(request))
                return self._plain(request, 503, NOT_NOW, text)

        return answer

    def facts(self, view: View) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            try:
                facts = await view.ask(self._desk, _question(view, request))
            except ValidationError as error:
                raise _unprocessable(error) from None
            except Unknown as error:
                raise HttpProblem(404, str(error)) from None
            except StoreUnavailable as error:
                raise self._unavailable(error) from None
            return web.Response(body=facts.model_dump_json().encode(), content_type="application/json")

        return answer

    def form(self, action: Action) -> Handler:
        """What a page posts. It leads back to where it came from, with what came of it."""

        @self._answering
        async def act(request: web.Request) -> web.StreamResponse:
            posted = await read_fields(request)
            back = leading_back(posted.get("back", ""))
            fields = {name: value for name, value in _asked(posted).items() if name not in ("csrf", "back")}
            try:
                done = await action.do(self._desk, _read(action.form, fields), request[WHO])
                if done.refused and action.keeps:
                    back = _refilled(back, fields)
            except ValidationError as error:  # the page would refuse the same
                done = Done("Nothing was done: %(fault)s", {"fault": "; ".join(_faults(error))}, refused=True)
            except Unknown as error:
                done = Done("Nothing was done: %(fault)s", {"fault": str(error)}, refused=True)
            response = web.Response(status=303, headers={"Location": back})
            text = self._pages.translated(done.text, done.values, self._language(request))
            news.tell(request, response, text, refused=done.refused)
            return response

        return act

    def call(self, action: Action) -> Handler:
        """What a program posts: JSON."""

        async def act(request: web.Request) -> web.Response:
            try:
                done = await action.do(self._desk, action.form.model_validate(await _json(request)), request[WHO])
            except ValidationError as error:
                raise _unprocessable(error) from None
            except Unknown as error:
                raise HttpProblem(404, str(error)) from None
            except StoreUnavailable as error:
                raise self._unavailable(error) from None
            answer = {"done": not done.refused, "text": done.text % done.values, **done.values}
            return web.json_response(answer, status=409 if done.refused else 200)

        return act

    def _unavailable(self, error: StoreUnavailable) -> HttpProblem:
        self._lines.warning(log, "console.unavailable", reason=str(error))
        return HttpProblem(503, "relay's store does not answer at the moment.")

    def context(
        self, request: web.Request, view: View | None, question: BaseModel | None, facts: Facts | None
    ) -> dict[str, Any]:
        """What every template gets."""
        who: Who | None = request.get(WHO)
        config = self._desk.config()
        return {
            "facts": facts,
            "question": question,
            "view": view,
            "who": who,
            "may_act": bool(who and who.role == "operator"),
            "csrf": who.csrf if who else "",
            "here": request.path_qs,
            "path": request.path,
            "navigation": self._navigation,
            "language": self._language(request),
            "languages": {code: f"?{_with(request, code)}" for code in self._pages.languages},
            "news": news.heard(request),
            "zone": config.timezone,
            "now": datetime.fromtimestamp(self._desk.clock(), UTC),
        }

    def render(self, request: web.Request, template: str, values: Mapping[str, Any]) -> str:
        """A page of those before one is in: it has the look and the language of the others."""
        context = {**self.context(request, None, None, None), **values}
        return self._pages.render(template, context["language"], context)

    async def keep_language(self, request: web.Request, response: web.StreamResponse) -> None:
        """The one that somebody chose by a link stays, also before they are in."""
        chosen = request.query.get("lang", "")
        if chosen in self._pages.languages and request.path.startswith(f"{PAGES}/"):
            cookie = web.Response()  # whose cookies can still be told: those of the answer are headers by now
            cookie.set_cookie(
                CHOSEN, chosen, path=PAGES, max_age=YEAR, httponly=True, samesite="Lax", secure=request.secure
            )
            response.headers.add("Set-Cookie", cookie.cookies[CHOSEN].OutputString())

    def _unknown(self, request: web.Request, error: Unknown) -> web.Response:
        language = self._language(request)
        text = self._pages.translated(error.text, error.values, language) if error.values else str(error)
        near = [(link.page, self._pages.translated(link.text, link.values, language)) for link in error.near]
        return self._plain(request, 404, said("There is nothing here"), text, near)

    def _plain(
        self, request: web.Request, status: int, title: str, text: str, near: Sequence[tuple[str, str]] = ()
    ) -> web.Response:
        context = {**self.context(request, None, None, None), "title": title, "text": text, "near": near}
        page = self._pages.render("plain.html", context["language"], context)
        return _html(page, status)

    def _language(self, request: web.Request) -> str:
        chosen = request.query.get("lang", "")
        chosen = chosen if chosen in self._pages.languages else request.cookies.get(CHOSEN, "")
        return self._pages.language(chosen, request.headers.get("Accept-Language", ""))


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status)


def _question(view: View, request: web.Request) -> BaseModel:
    return view.question.model_validate({**_asked(request.query), **request.match_info})


def _with(request: web.Request, language: str) -> str:
    """The query of the same page in this language."""
    return request.rel_url.update_query(lang=language).raw_query_string


def _asked(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was filled in; a name that stands several times has a list of values."""
    every = {name: values.getall(name) for name in values} if hasattr(values, "getall") else values
    filled = {name: [value for value in several if value != ""] for name, several in every.items()}
    return {name: several if len(several) > 1 else several[0] for name, several in filled.items() if several}


def _read(form: type[BaseModel], fields: Mapping[str, Any]) -> BaseModel:
    """A field that may have several values has a list also of one."""
    lists = {name for name, field in form.model_fields.items() if get_origin(field.annotation) in (list, tuple)}
    return form.model_validate(
        {name: [value] if name in lists and not isinstance(value, list) else value for name, value in fields.items()}
    )


async def _json(request: web.Request) -> Any:
    body = await request_body.read(request, most=LARGEST, seconds=BODY_TIMEOUT)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise HttpProblem(400, "expected a JSON object") from None


def _faults(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    ]


def _unprocessable(error: ValidationError) -> HttpProblem:
    field = ".".join(map(str, error.errors()[0]["loc"]))
    return HttpProblem(422, "; ".join(_faults(error)), field=field)


def _refilled(back: str, fields: Mapping[str, Any]) -> str:
    """The page, asked with what was filled in; as it was, where that is more than an address may hold."""
    page = urlsplit(back)
    texts = {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
    pairs = [pair for pair in parse_qsl(page.query) if pair[0] not in texts]
    pairs += [(name, text) for name, several in texts.items() for text in several if isinstance(text, str)]
    address = urlunsplit(page._replace(query=urlencode(pairs)))
    return address if len(address) <= LONGEST_ADDRESS else back
